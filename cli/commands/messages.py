"""The command `messages`: what the sandbox has sent to operators, and where messages go on AWS."""

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from cli import checkout
from cli.commands.arguments import CommandGroup
from cli.connection import Connection, connected
from cli.terminal import FAILED, console, end
from recovery.free_text import flatten

app = CommandGroup()

_READ_SECONDS = 0.5
_DEFAULT_STACK = "drs-waves"


@app.command(epilog="Example: drs-waves messages --sandbox --follow")
@connected
def messages(
    connection: Connection,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new messages until Ctrl-C.")] = False,
) -> None:
    """Print the messages that the sandbox has sent to operators. On AWS, print where messages go."""
    if not connection.sandbox:
        console().print(_describe_topic(connection), markup=False)
        return
    log = Path(str(checkout.read_sandbox().get("messageLog") if checkout.SANDBOX_FILE.exists() else ""))
    if not log.is_file():
        end(FAILED, "No sandbox that collects messages runs from this checkout: start one with `make sandbox`.")
    with log.open(encoding="utf-8") as text:
        for part in _read_parts(text, log, follow):
            console().print(part, markup=False, end="")


def _read_parts(text: TextIO, log: Path, follow: bool) -> Iterator[str]:
    """What is in the file, and with `follow` what is added to it while the sandbox runs."""
    yield text.read() or ("" if follow else "There are no messages yet.\n")
    while follow and log.exists() and checkout.SANDBOX_FILE.exists():
        time.sleep(_READ_SECONDS)
        if part := text.read():
            yield part


def _describe_topic(connection: Connection) -> str:
    stack = connection.stack or _DEFAULT_STACK
    given = {"--profile": connection.profile, "--region": connection.region}
    options = "".join(f" {option} {shlex.quote(value)}" for option, value in given.items() if value)
    query = "Stacks[0].Outputs[?OutputKey=='OperatorsTopicArn'].OutputValue"
    return f"""\
Messages go to the subscribers of an SNS topic, the output OperatorsTopicArn of stack {flatten(stack)}.
To see who they are, and to add an address:

  topic=$(aws cloudformation describe-stacks --stack-name {shlex.quote(stack)} --query "{query}" --output text{options})
  aws sns list-subscriptions-by-topic --topic-arn "$topic"{options}
  aws sns subscribe --topic-arn "$topic" --protocol email --notification-endpoint ADDRESS{options}"""
