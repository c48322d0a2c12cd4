"""`python scripts/drill.py run PLAN` is `drs-waves run PLAN` without an install."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "lambdas")]
from cli.main import main  # noqa: E402  # the path is complete only now

main()
