"""Commands in the documents: each block is run by a test or says why not, and what is not run is well formed."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from awscli.clidriver import create_clidriver
from botocore.awsrequest import AWSResponse

from tests.support.shell_blocks import DOCUMENTS, OTHER, ROOT, SHELL, Block, blocks, shell_blocks

NOT_RUN = [block for document in DOCUMENTS for block in shell_blocks(document) if block.reason]
OF_AWS = [  # `wait` and `deploy` are made by the CLI of several calls
    pytest.param(command, id=f"{block.name} {' '.join(shlex.split(command)[1:3])}")
    for block in NOT_RUN
    for command in block.commands
    if re.match(r"aws [a-z-]+ (?!wait|deploy)", command)
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_fenced_block_is_of_a_kind_that_is_known(document: Path) -> None:
    for block in blocks(document):
        assert block.language in (*SHELL, *OTHER), block.name
        assert block.reason is None or block.language in SHELL, f"{block.name}: only commands are run"


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.name)
def test_what_a_block_that_is_not_run_refers_to_is_there(block: Block) -> None:
    for name in re.findall(r"(?:emulator/)?(?:tests|scripts|bench)/[\w/.]*\w", f"{block.reason}\n{block.text}"):
        assert (ROOT / name).exists(), f"{block.name}: {name}"
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"\bmake ([a-z0-9-]+)", block.text):
        assert target in targets, f"{block.name}: make {target}"


@pytest.mark.parametrize("command", OF_AWS)
def test_a_command_of_the_aws_cli_is_one_that_aws_would_understand(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, asked = ask(command, monkeypatch)
    assert (status, len(asked)) == (0, 1), capsys.readouterr().err


def ask(command: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """Have the CLI read it and botocore hold it against its model; send nothing. Its status, and what was asked."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.chdir(ROOT)
    # What another command of the block writes is not there.
    command = re.sub(r"file://build/\S*resources\S*", "[]", command)
    command = re.sub(r"file://build/\S+", "{}", command)
    asked: list[str] = []

    def answer(model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        asked.append(model.name)
        return AWSResponse("", 200, {}, None), {}

    driver = create_clidriver()
    driver.session.register("before-call", answer)
    # It would log to the output of this test for the rest of the process, with --debug each step of every call.
    monkeypatch.setattr(driver.session, "set_stream_logger", lambda *_, **__: None)
    return driver.main(shlex.split(command, comments=True)[1:]), asked


@pytest.mark.parametrize("wrong", ["--regoin eu-west-1", "--limit many"])
def test_a_wrong_option_is_found(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(OF_AWS) > 5
    assert ask("aws dynamodb list-tables", monkeypatch) == (0, ["ListTables"])
    status, asked = ask(f"aws dynamodb list-tables {wrong}", monkeypatch)
    assert status != 0
    assert not asked
