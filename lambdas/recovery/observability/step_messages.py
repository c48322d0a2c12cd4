"""Messages to operators about actions, with the commands that answer them; each follows a change of the record."""

from collections.abc import Mapping
from typing import Any

from recovery import clock
from recovery.commands import format_command
from recovery.domain.execution import Execution
from recovery.observability import wave_facts
from recovery.observability.operator_messages import name_section, publish
from recovery.wording import describe_deadline

Row = Mapping[str, Any]
"""An ACTION# row: `name`, `place`, `title`, `wave` unless it is the plan's, and what has become of the action."""

# What follows an action that failed and does not ask, by the `onFailure` of the plan.
_THEN = {
    "stop": {
        "wave": "the wave fails, and its own `onFailure` says what follows",
        "before": "the run stops before its first wave",
        "after": "the run ends as PARTIAL at best",
    },
    "continue": {"wave": "the wave goes on", "before": "the run goes on", "after": "the run goes on"},
}


def send_action_waits(execution: Execution, action: Row) -> None:
    """Report that an action waits for a person: to confirm a manual task, or to decide after it failed."""
    if action["waitingFor"] == "CONFIRM":
        _send_task(execution, action)
    else:
        _send_question(execution, action)


def _send_task(execution: Execution, action: Row) -> None:
    run, until = execution.run, action.get("until")
    deadline = (
        f"{describe_deadline(float(until), clock.now())}; without an answer it has failed then" if until else None
    )
    publish(
        run,
        "ACTION_WAITS",
        "{action} waits to be confirmed",
        {
            **_describe(action),
            "What to do": action.get("instructions") or action["title"],
            "Until": deadline,
            "Needs": wave_facts.name_other_person(run, "confirm"),
            "Confirm": [
                _answer(execution, action, "confirm"),
                "The task is done, and the run goes on. The command asks what you saw; the report shows your answer.",
            ],
            "Reject": [_answer(execution, action, "reject"), "The task cannot be done: the action has failed."],
        },
        **_attributes(action),
    )


def _send_question(execution: Execution, action: Row) -> None:
    run = execution.run
    publish(
        run,
        "ACTION_WAITS",
        "{action} failed and needs a decision",
        {
            **_describe(action),
            "Result": f"{action['status']}: {action.get('reason') or 'no reason is on record'}",
            "Output": action.get("output"),
            "Needs": wave_facts.name_other_person(run, "skip"),
            "See all actions": format_command("actions", run.execution_id),
            "Retry": [_answer(execution, action, "retry"), "Runs the action again. Correct the cause first."],
            "Skip": [_answer(execution, action, "skip"), "The run goes on as if the action had succeeded."],
            "Abort": [_answer(execution, action, "abort"), f"It stays failed: {_describe_end(action)}."],
            "Runbook": name_section("An action waits, failed or hangs"),
        },
        **_attributes(action),
    )


def send_action_failed(execution: Execution, action: Row, on_failure: str) -> None:
    """Report that an action failed and no operator is asked; `on_failure` of the plan (`stop`, `continue`) applies."""
    run, place = execution.run, "wave" if action.get("wave") else action["place"]
    publish(
        run,
        "ACTION_FAILED",
        "{action} failed",
        {
            **_describe(action),
            "Result": f"{action['status']}: {action.get('reason') or 'no reason is on record'}",
            "Output": action.get("output"),
            "What happens": _THEN[on_failure][place],
            "See all actions": format_command("actions", run.execution_id),
            "Runbook": name_section("An action waits, failed or hangs"),
        },
        **_attributes(action),
    )


def _describe(action: Row) -> dict[str, str | None]:
    wave, place = action.get("wave"), action["place"]
    target = f" in {action['accountId']}/{action['region']}" if action.get("accountId") else ""
    return {
        "Action": f"{action['name']}, {place} {f'wave {wave}' if wave else 'the plan'}",
        "Does": f"{action['title']}{target}",
    }


def _describe_end(action: Row) -> str:
    return _THEN["stop"]["wave" if action.get("wave") else action["place"]]


def _answer(execution: Execution, action: Row, answer: str) -> str:
    return format_command("answer", execution.execution_id, action["name"], answer)


def _attributes(action: Row) -> dict[str, str]:
    return {"action": action["name"], **({"wave": action["wave"]} if action.get("wave") else {})}
