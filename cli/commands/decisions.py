"""The commands that control a run: approve, reject, retry, accept, abort, pause, resume and cancel."""

import shlex

from cli import repeat
from cli.api_client import CredentialsExpired
from cli.commands.arguments import AsJson, CommandGroup, Comment, ExecutionId, IdempotencyKey, WaveName
from cli.connection import Connection, connected
from cli.repeat import AnswerLost
from cli.run_record import UNFINISHED
from cli.session import Session
from cli.terminal import FAILED, INTERRUPTED, end, print_json, print_notice
from cli.text import COMMAND, describe_cancelling, describe_state, describe_waits

app = CommandGroup()


def _add_wave_decision(decision: str, summary: str, example: str) -> None:
    @app.command(decision, help=summary, epilog=f"Example: drs-waves {decision} {example}")
    @connected
    def decide(
        connection: Connection,
        execution: ExecutionId,
        wave: WaveName,
        comment: Comment = None,
        idempotency_key: IdempotencyKey = None,
        as_json: AsJson = False,
    ) -> None:
        path, words = f"/waves/{wave}/{decision}", [decision, execution, wave]
        _send(Session.open(connection, as_json), execution, path, words, comment, idempotency_key)


def _add_run_decision(decision: str, summary: str, example: str) -> None:
    @app.command(decision, help=summary, epilog=f"Example: drs-waves {decision} {example}")
    @connected
    def decide(
        connection: Connection,
        execution: ExecutionId,
        comment: Comment = None,
        idempotency_key: IdempotencyKey = None,
        as_json: AsJson = False,
    ) -> None:
        words = [decision, execution]
        _send(Session.open(connection, as_json), execution, f"/{decision}", words, comment, idempotency_key)


_RUN = "drill-20261122-081530-4f1c09"
_add_wave_decision("approve", "Start a wave that waits for approval.", f"{_RUN} web --comment checked")
_add_wave_decision("reject", "Skip a wave that waits for approval.", f'{_RUN} web --comment "not today"')
_add_wave_decision("retry", "Retry the failed servers of a wave that waits for a decision.", f"{_RUN} web")
_add_wave_decision("accept", "Accept the result of a failed wave that waits for a decision.", f"{_RUN} web")
_add_wave_decision("abort", "Give up a failed wave that waits for a decision, and stop the run.", f"{_RUN} web")
_add_run_decision("pause", "Pause a run before its next wave or batch. Jobs that run are followed.", _RUN)
_add_run_decision("resume", "Resume a run that was paused, by an operator or by its plan.", _RUN)
_add_run_decision("cancel", "Start nothing more of a run. Jobs that run are followed to their end.", _RUN)


def _send(
    session: Session, execution_id: str, path: str, words: list[str], comment: str | None, key: str | None
) -> None:
    """Send the decision until it is answered. Its key tells the API a repetition from a second decision."""
    key = key or repeat.make_key()
    body = None if comment is None else {"comment": comment}
    option = [] if comment is None else ["--comment", comment]
    command = shlex.join([COMMAND, *words, *option, "--idempotency-key", key]) + session.options
    look = f"See whether it was:  {COMMAND} status {execution_id}{session.options}"
    again = f"Send the same decision again; it counts once:\n  {command}"
    try:
        record = repeat.post(session.api, f"/executions/{execution_id}{path}", body, key, print_notice)
    except AnswerLost as error:
        end(FAILED, f"{error}\nThe decision may have been recorded. {look}\n{again}")
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nThe decision may have been recorded. {look}\n{again}")
    except CredentialsExpired as error:
        end(FAILED, f"{error}\nThe decision was not recorded. {again}")
    if session.as_json:
        print_json(record)
        return
    session.print_line(f"{words[0]} is recorded; {execution_id} is {describe_state(record)}")
    if cancelling := describe_cancelling(record):
        session.print_line(cancelling)
    for wait, commands in describe_waits(record, session.options):
        session.print_line("\n  ".join([f"{wait}:", *commands]))
    if record["status"] in UNFINISHED:
        session.print_line(f"Watch it:  {COMMAND} watch {execution_id}{session.options}")
