"""The commands that control a run: approve, reject, retry, accept, abort, pause, resume and cancel."""

import typer

from cli.api_client import ApiUnreachable
from cli.commands.arguments import AsJson, Comment, ExecutionId, WaveName
from cli.connection import Connection, connected
from cli.run_record import UNFINISHED, Record
from cli.session import Session
from cli.terminal import FAILED, end, print_json
from cli.text import COMMAND, describe_waits

app = typer.Typer()


def _add_wave_decision(decision: str, summary: str, example: str) -> None:
    @app.command(decision, help=summary, epilog=f"Example: drs-waves {decision} {example}")
    @connected
    def decide(
        connection: Connection, execution: ExecutionId, wave: WaveName, comment: Comment = "", as_json: AsJson = False
    ) -> None:
        _send(Session.open(connection, as_json), execution, f"/waves/{wave}/{decision}", decision, comment)


def _add_run_decision(decision: str, summary: str, example: str) -> None:
    @app.command(decision, help=summary, epilog=f"Example: drs-waves {decision} {example}")
    @connected
    def decide(connection: Connection, execution: ExecutionId, comment: Comment = "", as_json: AsJson = False) -> None:
        _send(Session.open(connection, as_json), execution, f"/{decision}", decision, comment)


_RUN = "drill-20261122-081530-4f1c09"
_add_wave_decision("approve", "Start a wave that waits for approval.", f"{_RUN} web --comment checked")
_add_wave_decision("reject", "Skip a wave that waits for approval.", f'{_RUN} web --comment "not today"')
_add_wave_decision("retry", "Retry the failed servers of a wave that waits for a decision.", f"{_RUN} web")
_add_wave_decision("accept", "Accept the result of a failed wave that waits for a decision.", f"{_RUN} web")
_add_wave_decision("abort", "Give up a failed wave that waits for a decision, and stop the run.", f"{_RUN} web")
_add_run_decision("pause", "Pause a run before its next wave or batch. Jobs that run are followed.", _RUN)
_add_run_decision("resume", "Resume a run that was paused, by an operator or by its plan.", _RUN)
_add_run_decision("cancel", "Start nothing more of a run. Jobs that run are followed to their end.", _RUN)


def _send(session: Session, execution_id: str, path: str, decision: str, comment: str) -> None:
    body = {"comment": comment} if comment else None
    try:
        record: Record = session.api.call("POST", f"/executions/{execution_id}{path}", body)
    except ApiUnreachable as error:
        end(FAILED, f"{error}\nThe decision may have been recorded anyway. You can send it again safely.")
    if session.as_json:
        print_json(record)
        return
    session.print_line(f"{decision} is recorded; {execution_id} is {record['status']}")
    for wait, commands in describe_waits(record, session.options):
        session.print_line("\n  ".join([f"{wait}:", *commands]))
    if record["status"] in UNFINISHED:
        session.print_line(f"Watch it:  {COMMAND} watch {execution_id}{session.options}")
