"""Commands in the documents: each block is run by a test or says why not, and what is not run is well formed."""

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import aws_cli
from tests.support.shell_blocks import DOCUMENTS, OTHER, ROOT, SHELL, Block, blocks, shell_blocks

NOT_RUN = [block for document in DOCUMENTS for block in shell_blocks(document) if block.reason]
OF_AWS = [  # `wait` and `deploy` are made by the CLI of several calls
    pytest.param(command, id=f"{block.name} {' '.join(shlex.split(command)[1:3])}")
    for block in NOT_RUN
    for command in block.commands
    if re.match(r"aws [a-z-]+ (?!wait|deploy)", command)
]
COMMANDS_OF_AWS = [str(parameter.values[0]) for parameter in OF_AWS]


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


WRONG = ["aws dynamodb list-tables --regoin eu-west-1", "aws dynamodb list-tables --limit many"]


@pytest.fixture(scope="module")
def understood() -> Mapping[str, aws_cli.Understood]:
    """What the AWS CLI understands of every command of this module."""
    return aws_cli.ask(["aws dynamodb list-tables", *WRONG, *map(fill_in, COMMANDS_OF_AWS)])


def fill_in(command: str) -> str:
    """The command without files that another command of its block writes."""
    return re.sub(r"file://build/\S+", "{}", re.sub(r"file://build/\S*resources\S*", "[]", command))


@pytest.mark.parametrize("command", OF_AWS)
def test_a_command_of_the_aws_cli_is_one_that_aws_would_understand(
    command: str, understood: Mapping[str, aws_cli.Understood]
) -> None:
    status, operations, error = understood[fill_in(command)]
    assert (status, len(operations)) == (0, 1), error


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_option_is_found(wrong: str, understood: Mapping[str, aws_cli.Understood]) -> None:
    assert len(OF_AWS) > 5
    assert understood["aws dynamodb list-tables"][:2] == (0, ["ListTables"])
    status, operations, _ = understood[wrong]
    assert status != 0
    assert not operations


def test_no_test_takes_the_botocore_of_the_aws_cli_for_botocore() -> None:
    assert "awscli" not in sys.modules
