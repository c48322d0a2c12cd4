"""What the dialog of a start says first: what prevents or shrinks the run, whom it will ask, and how long it takes."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cli.run_preview import Preview
from recovery import clock
from recovery.domain.wave_steps.actions import ActionKind, ActionPlace, OnActionFailure, read_actions
from recovery.free_text import flatten
from recovery.wording import describe_span, name_first, plural

MAX_NAMES = 8
_AFTER_DEADLINE = {"approve": "the wave is approved and starts", "reject": "the wave is rejected: it is skipped"}


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Why the API would refuse a run as NOT_READY, by what is seen now; and warnings, each with its title.

    Warnings are about servers that would be left out, and about the last readiness check, whose findings may be mended.
    """

    prevents: list[str]
    warns: list[tuple[str, str]]


def leave_out(preview: Preview, left_out: Collection[str]) -> Preview:
    """The preview without the servers that the run would leave out."""
    return replace(preview, servers={each: of for each, of in preview.servers.items() if each not in left_out})


def find_obstacles(
    plan: Mapping[str, Any], preview: Preview, left_out: Collection[str], readiness: Mapping[str, Any], age: str
) -> Obstacles:
    """What stands in the way of a start of this plan now. `left_out` are servers with live recovery instances."""
    prevents = [
        f"Wave {flatten(wave)} requires protection group {flatten(group)}, which selects no servers."
        for wave, group in preview.empty
    ]
    totals = Counter(wave for wave, _ in preview.servers.values())
    kept_out = Counter(wave for each, (wave, _) in preview.servers.items() if each in left_out)
    for wave in plan["waves"]:
        total, out = totals[wave["name"]], kept_out[wave["name"]]
        # An optional server may be missing, and which ones are is not known here.
        is_strict = not any(use.get("optional") for use in wave["groups"])
        if out and is_strict and out * 100 > wave.get("maxFailedPercent", 0) * total:
            prevents.append(
                f"Wave {flatten(wave['name'])} would lack {out} of its {plural(total, 'server')}, "
                f"and {wave.get('maxFailedPercent', 0)} % may be missing."
            )
    warns = list[tuple[str, str]]()
    if count := sum(kept_out.values()):
        text = (
            f"{count} of {plural(len(preview.servers), 'server')} would be left out: they have live recovery instances "
            "that are not of a drill. The options below have the agreement to replace these instances."
        )
        warns.append(("Servers left out", text))
    if readiness["status"] == "NOT_READY":
        codes = f" ({', '.join(readiness['blockingCodes'])})" if readiness["blockingCodes"] else ""
        text = f"the last readiness check, {age} ago, found what blocks a run{codes}, which may be mended."
        warns.append(("NOT_READY", text))
    return Obstacles(prevents, warns)


def describe_people(plan: Mapping[str, Any], mode: str) -> Iterator[str]:
    """Each approval, pause, task and question that a run of the plan may wait for, with what follows in silence."""
    yield from _describe_actions(plan, "the plan", ActionPlace.BEFORE, mode)
    for wave in plan["waves"]:
        name = flatten(wave["name"])
        if wave.get("pauseBefore"):
            yield f"{name}: the run pauses before it until a person resumes it; without an answer, it waits on"
        approval = wave.get("approval")
        if approval and approval["required"]:
            then = _AFTER_DEADLINE.get(approval["onTimeout"], "its plan decides")
            span = describe_span(approval["timeoutMinutes"] * 60)
            yield f"{name}: a person approves it within {span}; without an answer, {then}"
        yield from _describe_actions(wave, name, ActionPlace.BEFORE, mode)
        yield from _describe_actions(wave, name, ActionPlace.AFTER, mode)
    yield from _describe_actions(plan, "the plan", ActionPlace.AFTER, mode)
    if asking := [flatten(wave["name"]) for wave in plan["waves"] if wave.get("onFailure") == "ask"]:
        waves = f"wave {asking[0]} fails" if len(asking) == 1 else f"one of {name_first(asking, MAX_NAMES)} fails"
        yield f"if {waves}, a person decides; without an answer, the run waits on"
    if plan.get("fourEyes"):
        yield "four eyes: another person than you has to approve waves and to accept failures"


def _describe_actions(item: Mapping[str, Any], of: str, place: ActionPlace, mode: str) -> Iterator[str]:
    """The tasks among the actions, and the actions that ask when they fail."""
    try:
        actions = [each for each in read_actions(item, place) if mode in each.modes]
    except ValueError:  # a kind that only a later version knows
        return
    for action in actions:
        name, span = flatten(action.name), describe_span(action.timeout_minutes * 60)
        if action.kind is ActionKind.MANUAL:
            yield f"{name} {place} {of}: a person confirms it within {span}; without an answer, it counts as failed"
        elif action.on_failure is OnActionFailure.ASK:
            yield f"{name} {place} {of}: if it fails, a person decides"


def describe_time(plan: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The RTO target of the plan, and how long its last run took; `runs` are newest first."""
    if target := plan.get("rtoTargetMinutes"):
        yield f"RTO target of the plan: {describe_span(target * 60)}"
    for run in runs:
        if run["mode"] != "READINESS" and run["endedAt"] and run["startedAt"] and run["status"] != "NOT_READY":
            seconds = clock.parse_iso(run["endedAt"]) - clock.parse_iso(run["requestedAt"])
            yield f"the last {run['mode'].lower()} took {describe_span(seconds)}, and ended {run['status']}"
            return


def describe_findings(readiness: Mapping[str, Any]) -> str:
    """`2 blocking, 3 warnings, 1 note`, as far as the last check has found any."""
    counts = readiness.get("findings") or {}
    words = (("BLOCKING", "blocking finding"), ("WARNING", "warning"), ("NOTE", "note"))
    return ", ".join(plural(counts[name], word) for name, word in words if counts.get(name))
