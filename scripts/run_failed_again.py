"""Run the tests that have failed once more, one at a time and with nothing beside them.

Simulated time runs up to 600 times as fast as the wall. On a machine that is short of processors, a second in which a
test waits for its turn is ten simulated minutes, and a timeout that a test has set passes. A test that fails alone as
well has found a fault. One that passes alone is named in the output. Many failures are never a matter of load.
"""

import json
import subprocess
import sys
from pathlib import Path

MAX_FAILED = 6
TESTS_FAILED = 1  # pytest's exit status


def main(cache: str, status: int) -> int:
    """Return the exit status for a run of pytest that ended with `status` and left its results in the folder."""
    found = Path(cache) / "v" / "cache" / "lastfailed"
    failed = sorted(json.loads(found.read_text())) if found.exists() else []
    if status != TESTS_FAILED or not 0 < len(failed) <= MAX_FAILED:
        return status
    print(f"\nrunning {len(failed)} that failed again, alone:", *failed, sep="\n  ", flush=True)
    options = ["--override-ini", f"cache_dir={cache}", "--last-failed", "--last-failed-no-failures", "none"]
    again = subprocess.run([sys.executable, "-m", "pytest", *options, *failed], check=False).returncode
    if again == 0:
        print("\nPASSED ONLY ALONE:", *failed, sep="\n  ", flush=True)
    return again


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
