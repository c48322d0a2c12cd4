"""Print the OpenAPI document of the API: `python scripts/openapi.py > docs/openapi.json`, or `make openapi`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lambdas"))

from api import document  # only now can it be found


def main() -> None:
    """The same document that the API serves, one line for each value, so that a change shows what changed."""
    print(json.dumps(json.loads(document.text()), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
