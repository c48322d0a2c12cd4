"""The command `verdict`: what a person says of a drill or a recovery that has ended."""

from typing import Annotated

import typer

from cli.commands.arguments import AsJson, CommandGroup, ExecutionId, IdempotencyKey, YesLatest
from cli.commands.confirmations import find_run_to_change
from cli.commands.drills.sending import send
from cli.connection import Connection, connected
from cli.session import Session
from cli.terminal import INVALID, REFUSED, ask, end, has_terminal, print_json
from cli.text import COMMAND
from cli.views.assessed import JUDGED
from recovery import clock
from recovery.free_text import flatten

app = CommandGroup()

_OTHERWISE = "No verdict was given."
# The due date that the command for a finding has as an example.
_DAYS_TO_MEND = 30


@app.command(epilog='Example: drs-waves verdict latest --reject --comment "orders did not go through"')
@connected
def verdict(
    connection: Connection,
    execution: ExecutionId,
    accept: Annotated[bool, typer.Option("--accept", help="The run has shown what it was to show.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It has not: a drill does not count then.")] = False,
    comment: Annotated[
        str | None, typer.Option("--comment", metavar="TEXT", help="The reason, for the record. A rejection needs it.")
    ] = None,
    yes: YesLatest = False,
    idempotency_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Accept or reject a drill or a recovery that has ended.

    A later verdict replaces the one before, which stays on record. The evidence of the run is written again.
    """
    if accept and reject:
        raise typer.BadParameter("give one of --accept and --reject")
    if not (accept or reject):
        raise typer.BadParameter("give --accept or --reject")
    session = Session.open(connection, as_json)
    word = "accept" if accept else "reject"
    run_id = find_run_to_change(session, execution, word, yes=yes)
    if reject and comment is None:
        comment = _ask_for_reason(run_id)
    _give(session, run_id, word, comment, idempotency_key)


def _ask_for_reason(run_id: str) -> str:
    if not has_terminal():
        end(INVALID, f"A rejection needs its reason, and there is no terminal to ask on: give --comment. {_OTHERWISE}")
    return ask(f"Why do you reject {run_id}?", _OTHERWISE) or end(REFUSED, f"A reason is required. {_OTHERWISE}")


def _give(session: Session, run_id: str, word: str, comment: str | None, key: str | None) -> None:
    """Send the verdict until it is answered, and print it."""
    body = {"verdict": f"{word.upper()}ED", **({"comment": comment} if comment is not None else {})}
    words = ["verdict", run_id, f"--{word}", *(["--comment", comment] if comment is not None else [])]
    answer = send(session, "PUT", f"/executions/{run_id}/verdict", body, key, "verdict", words)
    if session.as_json:
        print_json(answer)
        return
    session.print_line(f"{run_id} is {JUDGED[answer['verdict']]} by {flatten(answer['by'])}")
    if answer["verdict"] == "REJECTED":
        due = clock.iso(session.now + _DAYS_TO_MEND * 86_400)[:10]
        opening = f"{COMMAND} drill-findings open {run_id} --title WHAT --owner WHO --due {due}{session.options}"
        session.print_line(f"Write down what has to be done, by whom and until when:\n  {opening}")
