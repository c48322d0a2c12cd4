"""What the AWS CLI understands of commands. Nothing is sent.

The CLI has a botocore of its own: importing it makes later imports of botocore in the process return that one, which
may be older. So it is a process of its own: `python -m tests.support.aws_cli` reads a list of commands as JSON and
prints a list of answers.
"""

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Understood(NamedTuple):
    """The status of the CLI, the operations that it would call, and its standard error."""

    status: int
    operations: list[str]
    error: str


def ask(commands: Sequence[str]) -> Mapping[str, Understood]:
    """Have the CLI read each command and hold it against its models."""
    credentials = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none")
    answered = subprocess.run(
        [sys.executable, "-m", "tests.support.aws_cli"],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **credentials, "AWS_DEFAULT_REGION": "eu-west-1"},
    )
    return {command: Understood(*each) for command, each in zip(commands, json.loads(answered.stdout), strict=True)}


def _understand(command: str) -> Understood:
    from awscli.clidriver import create_clidriver
    from botocore.awsrequest import AWSResponse

    operations: list[str] = []

    def answer(model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        operations.append(model.name)
        return AWSResponse("", 200, {}, None), {}

    driver = create_clidriver()
    driver.session.register("before-call", answer)
    output, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
        status = driver.main(shlex.split(command, comments=True)[1:])
    return Understood(status, operations, error.getvalue())


if __name__ == "__main__":
    sys.stdout.write(json.dumps([_understand(command) for command in json.loads(sys.stdin.read())]))
