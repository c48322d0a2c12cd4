"""The commands and the example of the documents work as they stand there, one after another.

A line `<!-- not run: reason -->` above a block excludes it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drs_emulator import Emulator
from drs_emulator.cli import published

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "control-api.md"]
BLOCK = re.compile(r"(<!-- not run: [^\n]+ -->\n)?```(console|python)\n(.*?)```\n", re.DOTALL)
COMMANDS = Path(sys.executable).parent


def blocks(document: Path, language: str) -> list[str]:
    found = BLOCK.findall(document.read_text())
    return [text for excluded, its_language, text in found if its_language == language and not excluded]


@pytest.mark.skipif(not (COMMANDS / "aws").exists(), reason="the AWS CLI is not installed")
def test_the_commands_work_one_after_another(tmp_path: Path) -> None:
    script = "".join(text for document in DOCUMENTS for text in blocks(document, "console"))
    assert len(script.splitlines()) > 15
    home = tmp_path / ".drs-emulator" / "4567.env"  # where the command writes it by default
    with Emulator(speed=600) as emulator, published(emulator, home):
        script = script.replace("http://127.0.0.1:4567", emulator.url)
        launched = "aws drs describe-recovery-instances --query items[0].recoveryInstanceID --output text"
        script = script.replace("i-0123456789abcdef0", f"'$({launched})'")  # the id is random
        script = script.replace("curl -s", "curl -sS --fail-with-body")  # or curl ignores an error response
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        path = f"{COMMANDS}{os.pathsep}{clean['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=clean | {"PATH": path, "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr}"


def test_the_example_works_as_its_comment_says(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks(ROOT / "README.md", "python")
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 (the example is ours)
    assert capsys.readouterr().out.strip() == example.rstrip().rpartition("# ")[2]
