"""The script that runs failed tests once more, on small suites of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "run_failed_again.py"
PASSES_ALONE = (
    "from pathlib import Path\ndef test_flaky():\n    seen = Path('seen')\n    assert seen.exists() or seen.touch()\n"
)


def run_suite(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run the test, and what failed again."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(test)
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--override-ini", "cache_dir=cache"]
    first = subprocess.run(pytest_command, cwd=folder, capture_output=True, text=True, check=False)
    command = [sys.executable, str(SCRIPT), "cache", str(first.returncode)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("test", "status"),
    [
        ("def test_right():\n    pass\n", 0),
        (PASSES_ALONE, 0),
        ("def test_wrong():\n    assert False\n", 1),
        ("import pytest\n@pytest.mark.parametrize('n', range(7))\ndef test_wrong(n):\n    assert False\n", 1),
        ("this is no Python\n", 2),
    ],
    ids=["passes", "passes alone", "fails again", "too many", "not collected"],
)
def test_only_what_passes_alone_is_let_through(tmp_path: Path, test: str, status: int) -> None:
    again = run_suite(tmp_path, test)
    assert again.returncode == status, again.stdout + again.stderr
    assert ("PASSED ONLY ALONE" in again.stdout) == (test is PASSES_ALONE)
