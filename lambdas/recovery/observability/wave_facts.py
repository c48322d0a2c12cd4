"""What a message tells about a wave: why servers failed, and what each answer does and how long it takes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recovery.commands import format_command
from recovery.domain.execution import Execution, Run
from recovery.domain.launch_failures import FailureKind
from recovery.domain.plan import RecoveryPlan, RunAfter, Wave
from recovery.domain.tally import Tally
from recovery.identities import list_people
from recovery.wording import USUAL_JOB_MINUTES, first_of, name_first, plural

# Kinds of causes, and of warnings, and servers of each, that the message about a wave names.
MAX_CAUSES, MAX_NAMES = 4, 3
# Waves that the description of an answer names. A plan has at most forty.
MAX_WAVES = 8


def name_other_person(run: Run, decision: str) -> str | None:
    """Who must not make the decision, if the plan has `fourEyes`."""
    people = " and ".join(list_people(run.requesters))
    return f"to {decision}, another person than {people}" if run.four_eyes and people else None


def format_causes(failed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Two facts for each kind of cause, the most frequent first: a few servers with the reason of one, and the advice.

    A server may have no cause.
    """
    by_cause: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(failed, key=_name_server):
        by_cause.setdefault(row.get("cause", FailureKind.OTHER.value), []).append(row)
    facts = {}
    most_frequent = sorted(by_cause.items(), key=lambda entry: -len(entry[1]))
    for cause, rows in most_frequent[:MAX_CAUSES]:
        names = name_first([_name_server(row) for row in rows], MAX_NAMES)
        facts[f"Failed, {cause}"] = f"{names}. {rows[0].get('reason', '')}"
        facts[f"What to do about {cause}"] = rows[0].get("advice", "")
    if left := most_frequent[MAX_CAUSES:]:
        facts["Other causes"] = ", ".join(f"{cause} ({len(rows)})" for cause, rows in left)
    return facts


def format_warnings(launched: Iterable[Mapping[str, Any]]) -> list[str]:
    """The warnings of launches, the most frequent first, each with a few servers."""
    names: dict[str, list[str]] = {}
    for row in sorted(launched, key=_name_server):
        for warning in row.get("launchWarnings", ()):
            names.setdefault(warning, []).append(_name_server(row))
    most_frequent = sorted(names.items(), key=lambda entry: -len(entry[1]))
    lines = [f"{name_first(servers, MAX_NAMES)}: {warning}" for warning, servers in most_frequent]
    return first_of(lines, MAX_CAUSES)


def format_unverified(servers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """A fact for each check that servers have not passed, the most frequent first: a few servers, what one answered."""
    by_check: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(servers, key=_name_server):
        if (row.get("verification") or {}).get("status") == "UNVERIFIED":
            by_check.setdefault(row["verification"].get("check") or "its checks", []).append(row)
    most_frequent = sorted(by_check.items(), key=lambda entry: -len(entry[1]))
    facts = {}
    for check, rows in most_frequent[:MAX_CAUSES]:
        found = rows[0]["verification"]
        reason = (found.get("reason") or "").removeprefix(f"{check} has not passed: ")
        why = ". ".join(filter(None, (reason, found.get("output"))))
        facts[f"Unverified, {check}"] = f"{name_first([_name_server(row) for row in rows], MAX_NAMES)}. {why}"
    if left := most_frequent[MAX_CAUSES:]:
        facts["Other checks"] = ", ".join(f"{check} ({len(rows)})" for check, rows in left)
    return facts


def _name_server(row: Mapping[str, Any]) -> str:
    return str(row.get("hostname") or row["sourceServerId"])


def format_answers(
    execution: Execution, wave: Wave, tally: Tally, has_failed_actions: bool = False
) -> dict[str, str | list[str] | None]:
    """A fact for each answer to a failed wave: the command, what it does and how long that takes.

    `has_failed_actions`: actions of the wave made it fail, and a retry runs them again.
    """
    run, plan = execution.run, execution.plan
    waiting = [each.name for each in plan.dependents_of(wave.name)]
    attempts = plan.launch_attempts
    least, most = USUAL_JOB_MINUTES
    asked = " The plan requires a reason: the command asks for it." if run.comments_required else ""
    unverified, minutes = plural(tally.unverified, "unverified server"), wave.checks_timeout_minutes
    launched = (
        f"Launches the {plural(tally.failed, 'failed server')} again, in up to {plural(attempts, 'attempt')} "
        f"of {least} to {most} min each: up to {attempts * most} min in all. DRS jobs cannot be "
        "cancelled, so correct the cause first."
        if tally.failed
        else "Launches nothing, because no server failed to launch."
    )
    checked = f" Then checks the {unverified} again." if tally.unverified else ""
    rerun = " Runs the failed actions again." if has_failed_actions else ""
    verify = {
        "verify": f"Checks the {unverified} again, for up to {minutes} min, and launches nothing. "
        "Correct the cause first."
    }
    effects = {
        **(verify if tally.unverified else {}),
        "retry": f"{launched}{checked}{rerun}",
        "accept": f"The wave counts as PARTIAL at once. {_describe_starts(waiting)}{asked}",
        "abort": "No further wave starts, and the run ends when its jobs have ended. Launched servers keep running; "
        f"`continue` recovers the rest later.{asked}",
    }
    return {
        "See all servers": format_command("status", run.execution_id, "--servers", "--wave", wave.name),
        "Needs": name_other_person(run, "accept"),
        **{
            decision.capitalize(): [format_command(decision, run.execution_id, wave.name), effect]
            for decision, effect in effects.items()
        },
    }


def _describe_starts(waiting: Sequence[str]) -> str:
    if not waiting:
        return "No other wave waits for it."
    return f"Waves that wait for it start next: {name_first(waiting, MAX_WAVES)}."


def describe_skips(plan: RecoveryPlan, wave: Wave) -> str:
    """The waves that are skipped with this one: those that need its success, and so on."""
    skipped = {wave.name}
    for _ in plan.waves:
        skipped |= {
            each.name for each in plan.waves if each.run_after is RunAfter.SUCCESS and skipped & set(each.depends_on)
        }
    others = [each.name for each in plan.waves if each.name in skipped - {wave.name}]
    return f"So are those that need it: {name_first(others, MAX_WAVES)}. The others go on." if others else ""
