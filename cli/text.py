"""Format a run's record as text: times, counts, decisions, and the commands that answer what a run waits for."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.run_record import Record
from recovery.free_text import flatten
from recovery.wording import plural

COMMAND = "drs-waves"

_AWAITED = {
    "APPROVAL": "approval",
    "DECISION": "a decision",
    "RESUME": "an operator to resume it",
    "JOB": "a DRS job that takes far longer than usual",
    "DRS": "DRS",
}


def format_duration(seconds: float | None) -> str:
    """`21:08`, or `1:21:08` from an hour on."""
    if seconds is None:
        return ""
    hours, rest = divmod(max(int(seconds), 0), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def format_real_time(seconds: float | None, speed: float | None) -> str:
    """The real time that a simulated time took in the sandbox; nothing on AWS."""
    return f"simulated, {format_duration(seconds / speed)} real" if speed and seconds is not None else ""


def format_run_time(record: Record) -> str:
    """The run's time, and its RTO target if it has one. A readiness check has none."""
    seconds = record["durationSeconds"]
    target_minutes = None if record["mode"] == "READINESS" else record.get("rtoTargetMinutes")
    if seconds is None or not target_minutes:
        return format_duration(seconds)
    over = ", over it" if seconds > target_minutes * 60 else ""
    return f"{format_duration(seconds)} of {format_duration(target_minutes * 60)} RTO{over}"


def format_count(record: Record, wave: Mapping[str, Any]) -> str:
    """How many of a wave's servers were launched. For a readiness check, how many there are."""
    servers = wave["servers"]
    return str(servers["total"]) if record["mode"] == "READINESS" else f"{servers['launched']}/{servers['total']}"


def describe_decisions(record: Record) -> Iterator[str]:
    """Each decision and its author, oldest first."""
    for decision in record["decisions"]:
        on = f" {decision['wave']}" if decision["wave"] else ""
        comment = f": {decision['comment']}" if decision["comment"] else ""
        yield flatten(f"{decision['decision']}{on} by {decision['by']}, {decision['at']}{comment}")


def describe_waits(record: Record, options: str) -> Iterator[tuple[str, list[str]]]:
    """What the run waits for, and the commands that answer it."""
    for wait in record["waitingFor"]:
        subject = f"wave {wait['wave']}" if wait["wave"] else "the run"
        awaited = _AWAITED.get(wait["for"], wait["for"])
        since = f" since {wait['since']}" if wait.get("since") else ""
        until = f" until {wait['until']}" if wait.get("until") else ""
        commands = []
        for answer in wait["answers"]:
            decision = answer.rsplit("/", 1)[1]
            wave = f" {wait['wave']}" if "/waves/" in answer else ""
            commands.append(f"{COMMAND} {decision} {record['executionId']}{wave}{options}")
        text = f": {flatten(wait['text'])}" if wait.get("text") else ""
        if others := wait.get("notBy"):
            text += f", by another person than {flatten(' and '.join(others))}"
        yield f"{subject} waits for {awaited}{since}{until}{text}", commands


def describe_chain(record: Record) -> str | None:
    """The chain of a run that was continued or continues another, as one line; None for any other run."""
    chain = record.get("chain")
    if not chain or len(chain["executions"]) < 2:
        return None
    runs = ", ".join(f"{run['executionId']} {run['status']}" for run in chain["executions"])
    servers = chain["servers"]
    took = format_duration(chain["durationSeconds"])
    launched = f"{servers['launched']} of {plural(servers['total'], 'server')} launched"
    return f"chain: {runs}; {launched}, {took} since the first request"
