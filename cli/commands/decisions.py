"""The commands that control a run: approve, reject, retry, verify, accept, abort, answer, pause, resume and cancel."""

import difflib
import shlex
from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

import typer

from cli import repeat, run_client
from cli.api_client import CredentialsExpired
from cli.commands.arguments import (
    ActionName,
    AsJson,
    CommandGroup,
    Comment,
    ExecutionId,
    IdempotencyKey,
    WaveName,
    YesLatest,
)
from cli.commands.confirmations import find_run_to_change
from cli.connection import Connection, connected
from cli.refusal import ApiRefused
from cli.repeat import AnswerLost
from cli.session import Session
from cli.terminal import FAILED, INTERRUPTED, INVALID, REFUSED, ask, end, has_terminal, print_json, print_notice
from cli.text import COMMAND, describe_cancelling, describe_state, describe_waits
from cli.views.fold import fold_command, fold_line
from recovery.wording import first_of, plural
from report.run_record import UNFINISHED, Record

app = CommandGroup()

# Waves that a message lists, and other waits that an answered decision shows.
MAX_WAVES, MAX_WAITS = 40, 3


# The decisions that need a comment if the plan has `commentsRequired`.
_MAY_NEED_COMMENT = ("accept", "abort")


def _require_comment(session: Session, execution_id: str) -> None:
    """End the command if the plan requires a reason, because there is no terminal to ask for it."""
    if run_client.read_run(session.api, execution_id)["commentsRequired"]:
        missing = "The plan requires a reason, and there is no terminal to ask on: give --comment."
        end(INVALID, f"{missing} Nothing was decided.")


def _lacks_only_comment(error: ApiRefused) -> bool:
    """Whether the API refuses the decision for want of a reason. It checks that last."""
    body = error.reply.body if isinstance(error.reply.body, dict) else {}
    return [each.get("field") for each in body.get("problems") or []] == ["comment"]


def _end_if_unknown(session: Session, execution_id: str, wave: str, error: ApiRefused) -> None:
    """End the command, naming the waves of the run, if it has no wave of this name."""
    names = [each["name"] for each in run_client.read_run(session.api, execution_id)["waves"]]
    if wave not in names:
        close = difflib.get_close_matches(wave, names, 1)
        meant = f" Did you mean {close[0]}?" if close else ""
        end(REFUSED, f"{error}\nNothing was decided.{meant} Its waves: {', '.join(first_of(names, MAX_WAVES))}")


def _ask_for_comment(decision: str, wave: str) -> str:
    """The reason, typed on the terminal. End the command if none is typed."""
    otherwise = "Nothing was decided."
    comment = ask(f"The plan requires a reason. Why do you {decision} {wave}?", otherwise)
    return comment or end(REFUSED, f"A reason is required. {otherwise}")


def _add_wave_decision(decision: str, summary: str, example: str) -> None:
    @app.command(decision, help=summary, epilog=f"Example: drs-waves {decision} {example}")
    @connected
    def decide(
        connection: Connection,
        execution: ExecutionId,
        wave: WaveName,
        comment: Comment = None,
        yes: YesLatest = False,
        idempotency_key: IdempotencyKey = None,
        as_json: AsJson = False,
    ) -> None:
        session = Session.open(connection, as_json)
        run_id = find_run_to_change(session, execution, f"{decision} wave {wave} of", yes=yes)
        path, words = f"/waves/{wave}/{decision}", [decision, run_id, wave]
        if comment is None and decision in _MAY_NEED_COMMENT and not has_terminal():
            _require_comment(session, run_id)
        try:
            _send(session, run_id, path, words, comment, idempotency_key)
        except ApiRefused as error:
            if error.reply.status == HTTPStatus.NOT_FOUND:
                _end_if_unknown(session, run_id, wave, error)
            if comment is not None or not has_terminal() or not _lacks_only_comment(error):
                raise
            _send(session, run_id, path, words, _ask_for_comment(decision, wave), idempotency_key)


def _add_run_decision(decision: str, summary: str, example: str) -> None:
    @app.command(decision, help=summary, epilog=f"Example: drs-waves {decision} {example}")
    @connected
    def decide(
        connection: Connection,
        execution: ExecutionId,
        comment: Comment = None,
        yes: YesLatest = False,
        idempotency_key: IdempotencyKey = None,
        as_json: AsJson = False,
    ) -> None:
        session = Session.open(connection, as_json)
        run_id = find_run_to_change(session, execution, decision, yes=yes)
        _send(session, run_id, f"/{decision}", [decision, run_id], comment, idempotency_key)


class Answer(StrEnum):
    """What `answer` decides: the first two about a manual task, the others about an action that failed."""

    CONFIRM = "confirm"
    REJECT = "reject"
    RETRY = "retry"
    SKIP = "skip"
    ABORT = "abort"


@app.command("answer", epilog='Example: drs-waves answer latest sign-off confirm --comment "an order went through"')
@connected
def answer_(
    connection: Connection,
    execution: ExecutionId,
    action: ActionName,
    answer: Annotated[
        Answer,
        typer.Argument(
            metavar="ANSWER",
            help="confirm or reject a manual task; retry, skip or abort an action that failed.",
        ),
    ],
    comment: Comment = None,
    yes: YesLatest = False,
    idempotency_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Answer an action that waits for a person.

    `confirm` needs a comment: what was seen. `abort` lets the action count as failed.
    """
    session = Session.open(connection, as_json)
    run_id = find_run_to_change(session, execution, f"{answer.value} action {action} of", yes=yes)
    path, words = f"/actions/{action}/{answer.value}", ["answer", run_id, action, answer.value]
    try:
        _send(session, run_id, path, words, comment, idempotency_key)
    except ApiRefused as error:
        if error.reply.status == HTTPStatus.NOT_FOUND:
            _end_if_unknown_action(session, run_id, action, error)
        if comment is not None or not _lacks_only_comment(error):
            raise
        if not has_terminal():
            missing = f"{answer.value} needs a comment, and there is no terminal to ask on: give --comment."
            end(INVALID, f"{missing} Nothing was decided.")
        question = f"What do you say about {action}, for the record?"
        reason = ask(question, "Nothing was decided.") or end(REFUSED, "A comment is required. Nothing was decided.")
        _send(session, run_id, path, words, reason, idempotency_key)


def _end_if_unknown_action(session: Session, execution_id: str, action: str, error: ApiRefused) -> None:
    """End the command, naming the actions of the run, if it has no action of this name on record."""
    names = [each["name"] for each in run_client.read_run(session.api, execution_id)["actions"]]
    if action not in names:
        close = difflib.get_close_matches(action, names, 1)
        meant = f" Did you mean {close[0]}?" if close else ""
        known = ", ".join(first_of(names, MAX_WAVES)) or "none has begun"
        end(REFUSED, f"{error}\nNothing was decided.{meant} Its actions: {known}")


_RUN = "drill-20261122-081530-4f1c09"
_add_wave_decision("approve", "Start a wave that waits for approval.", f"{_RUN} web --comment checked")
_add_wave_decision("reject", "Skip a wave that waits for approval.", f'{_RUN} web --comment "not today"')
_add_wave_decision("retry", "Retry the failed servers of a wave that asks.", f"{_RUN} web")
_add_wave_decision("verify", "Check the unverified servers of a wave again.", f'{_RUN} web --comment "port opened"')
_add_wave_decision("accept", "Accept the result of a failed wave that asks.", f"{_RUN} web")
_add_wave_decision("abort", "Give up a failed wave that asks, and stop the run.", f"{_RUN} web")
_add_run_decision("pause", "Pause a run before its next wave or batch.", _RUN)
_add_run_decision("resume", "Resume a run that an operator or its plan has paused.", _RUN)
_add_run_decision("cancel", "Start nothing more of a run.", _RUN)


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
    decided = words[-1] if words[0] == "answer" else words[0]
    session.print_line(f"{decided} is recorded; {execution_id} is {describe_state(record)}")
    if cancelling := describe_cancelling(record):
        session.print_line(cancelling)
    for line in list_other_waits(record, session.options, session.width):
        session.print_line(line)
    if record["status"] in UNFINISHED:
        session.print_line(f"Watch it:  {COMMAND} watch {execution_id}{session.options}")
    elif decided == "verify":
        session.print_line(f"Its servers are checked again. See it:  {COMMAND} status {execution_id}{session.options}")


def list_other_waits(record: Record, options: str, width: int | None = None) -> Iterator[str]:
    """What the run still waits for people with: a few, each with the commands that answer, once; the rest counted."""
    waits = dict[tuple[str, ...], str]()
    for wait, commands in describe_waits(record, options):
        if commands:
            waits.setdefault(tuple(commands), wait)  # `resume` answers each pause of a run
    for answers, text in list(waits.items())[:MAX_WAITS]:
        yield fold_line(f"{text}:", width)
        yield from (f"  {line}" for answer in answers for line in fold_command(answer, width))
    if (left := len(waits) - MAX_WAITS) > 0:
        yield f"and {plural(left, 'more wait')}; all of them:"
        yield from (f"  {line}" for line in fold_command(f"{COMMAND} list --waiting{options}", width))
