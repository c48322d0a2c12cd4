"""Format a run's record as text: times, counts, decisions, and the commands that answer what a run waits for."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from recovery.clock import parse_iso
from recovery.free_text import flatten
from recovery.wording import USUAL_JOB_MINUTES, describe_deadline, describe_span, first_of, name_first, plural
from report.run_record import UNFINISHED, Record, has_failed_action, is_task, is_unrecovered, list_jobs
from report.words import describe_wave_state, format_duration, format_unrecovered

COMMAND = "drs-waves"
_RECOVERED = ("COMPLETED", "PARTIAL")

# What people read instead of the API's values. Values that are not here, such as the end states, stay as they are.
_RUN_WORDS = {
    "STARTING": "starting",
    "RUNNING": "running",
    "WAITING_FOR_PEOPLE": "waiting for you",
    "PAUSED": "paused",
    "CANCELLING": "cancelling",
    # Statuses, from an API that does not give states yet.
    "PENDING": "starting",
    "POLLING": "running",
}
WAITS_FOR_ANOTHER = "waiting for another person"

_AWAITED = {
    "APPROVAL": "approval",
    "DECISION": "a decision",
    "RESUME": "an operator to resume it",
    "JOB": "a DRS job that takes far longer than usual",
    "DRS": "DRS",
    "ACTION": "a decision",
}
# The answer that `notBy` is about: who started the run may give the others.
_NEEDS_ANOTHER_PERSON = {"APPROVAL": "approve", "DECISION": "accept", "ACTION": "confirm or skip"}
# What becomes of a wave that nobody answered for.
_AFTER_DEADLINE = {"approve": "approved", "reject": "rejected"}
# What people are asked for, in a list.
_ASKED_FOR = {"APPROVAL": "approval", "DECISION": "decision", "RESUME": "resume", "ACTION": "decision"}
MAX_WAITS_OF_A_LIST = 2
# Waves that the line about a missed RTO target names, of each state.
_MAX_MISSING = 5


def describe_state(run: Mapping[str, Any]) -> str:
    """Where a run is, in the words that people see: `waiting for you`, `COMPLETED`.

    A run waits for another person if nothing that it waits for may be answered by those who started it.
    """
    state: str = run.get("state") or run["status"]
    waits = [wait for wait in run.get("waitingFor") or () if wait["for"] in _ASKED_FOR]
    if state == "WAITING_FOR_PEOPLE" and waits and all(wait.get("notBy") for wait in waits):
        return WAITS_FOR_ANOTHER  # the command does not know whether its caller is one of those who may not answer
    return _RUN_WORDS.get(state, state)


def find_now(record: Record) -> float:
    """The time of the answer by the run's clock, in epoch seconds; for a run that has ended, its end."""
    return parse_iso(record["requestedAt"]) + (record["durationSeconds"] or 0)


def format_real_time(seconds: float | None, speed: float | None) -> str:
    """The real time that a simulated time took in the sandbox; nothing on AWS."""
    return f"simulated, {format_duration(seconds / speed)} real" if speed and seconds is not None else ""


def format_run_time(record: Record) -> str:
    """The run's time, and its RTO target if it has one. A readiness check has none."""
    seconds = record["durationSeconds"]
    target_minutes = None if record["mode"] == "READINESS" else record.get("rtoTargetMinutes")
    if seconds is None or not target_minutes:
        return format_duration(seconds)
    over = seconds - target_minutes * 60
    by = f", over by {format_duration(over)}" if over > 0 else ""
    return f"{format_duration(seconds)} of {format_duration(target_minutes * 60)} RTO{by}"


def format_count(record: Record, wave: Mapping[str, Any]) -> str:
    """How many of a wave's servers were launched. For a readiness check, how many there are."""
    servers = wave["servers"]
    return str(servers["total"]) if record["mode"] == "READINESS" else f"{servers['launched']}/{servers['total']}"


def format_checked(servers: Mapping[str, Any]) -> str:
    """`, 12 verified, 1 unverified`; nothing for servers without checks."""
    return f", {servers['verified']} verified, {servers['unverified']} unverified" if "verified" in servers else ""


def describe_decisions(record: Record) -> Iterator[str]:
    """Each decision and its author, oldest first."""
    for decision in record["decisions"]:
        about = f"action {decision['action']}" if decision.get("action") else decision["wave"]
        on = f" {about}" if about else ""
        comment = f": {decision['comment']}" if decision["comment"] else ""
        at = _format_moment(parse_iso(decision["at"]), find_now(record))
        yield flatten(f"{decision['decision']}{on} by {decision['by']}, {at}{comment}")


def describe_waits(record: Record, options: str) -> Iterator[tuple[str, list[str]]]:
    """What the run waits for, in the order of `waitingFor`, and the commands that answer it."""
    now = find_now(record)
    for wait in record["waitingFor"]:
        subject = _name_subject(wait)
        awaited = "a person to confirm it" if is_task(wait) else _AWAITED.get(wait["for"], wait["for"])
        since = f" since {_format_since(parse_iso(wait['since']), now)}" if wait.get("since") else ""
        until = f"; deadline {describe_deadline(parse_iso(wait['until']), now)}" if wait.get("until") else ""
        if then := _AFTER_DEADLINE.get(wait.get("onTimeout")):
            until += f", then {then}"
        text = f": {flatten(wait['text']).rstrip('.')}" if wait.get("text") else ""
        if (others := wait.get("notBy")) and (need := _NEEDS_ANOTHER_PERSON.get(wait["for"])):
            text += f"; to {need}, another person than {flatten(' and '.join(others))}"
        yield f"{subject} waits for {awaited}{since}{until}{text}", list_answers(record, wait, options)


def summarize_waits(waits: Iterable[Mapping[str, Any]]) -> str:
    """What people have to do for a run of a list: `approval of web until 2026-11-27 08:36`."""
    texts = []
    for wait in waits:
        about = wait.get("action") or wait["wave"]
        wave = f" {'about' if wait.get('action') and not is_task(wait) else 'of'} {about}" if about else ""
        until = f" until {wait['until'][:16].replace('T', ' ')}" if wait.get("until") else ""
        asked = "confirmation" if is_task(wait) else _ASKED_FOR.get(wait["for"], wait["for"])
        texts.append(f"{asked}{wave}{until}")
    return "; ".join(first_of(texts, MAX_WAITS_OF_A_LIST))


def list_answers(run: Mapping[str, Any], wait: Mapping[str, Any], options: str) -> list[str]:
    """The commands that answer what a run waits for."""
    commands = []
    for answer in wait["answers"]:
        decision = reply = answer.rsplit("/", 1)[1]
        if "/actions/" in answer:
            commands.append(f"{COMMAND} answer {run['executionId']} {wait['action']} {reply}{options}")
            continue
        wave = f" {wait['wave']}" if "/waves/" in answer else ""
        commands.append(f"{COMMAND} {decision} {run['executionId']}{wave}{options}")
    return commands


def _name_subject(wait: Mapping[str, Any]) -> str:
    """`wave web`, `action sign-off of wave web`, `action freeze of the plan`, `the run`."""
    wave = f"wave {wait['wave']}" if wait["wave"] else ""
    if action := wait.get("action"):
        return f"action {flatten(action)} of {wave or 'the plan'}"
    return wave or "the run"


def _format_since(moment: float, now: float) -> str:
    """`06:36 UTC (1 h 22 min)`."""
    return f"{_format_moment(moment, now)} ({describe_span(now - moment)})"


def _format_moment(moment: float, now: float) -> str:
    """`06:36 UTC`, with the date if it is on another day."""
    return describe_deadline(moment, now).rpartition(", ")[2]


def describe_cancelling(record: Record) -> str | None:
    """What still runs of a run that is being cancelled, and how long that takes; None for any other run."""
    if record.get("state") != "CANCELLING":
        return None
    begun = f"cancelling, by {flatten(record['cancelledBy'])}: nothing more starts"
    jobs = [job for job in list_jobs(record) if job.ended_at is None]
    if not jobs:
        return f"{begun}; no DRS job runs, so the run ends within minutes"
    servers = plural(sum(job.servers for job in jobs), "server")
    left = [job.usual_seconds - job.seconds for job in jobs if job.usual_seconds and job.seconds is not None]
    ends = f"they usually end within {describe_span(max(left))}" if left and max(left) > 0 else ""
    if not ends:
        ends = "they take longer than usual" if left else f"such jobs usually take {_describe_usual(record)}"
    number = plural(len(jobs), "DRS job runs", "DRS jobs run")
    return f"{begun}; {number} on with {servers}, because DRS cannot stop jobs; {ends}"


def _describe_usual(record: Record) -> str:
    """How long such jobs take, as measured where the run launches servers, or else as users of DRS report it."""
    usual = [batch["usualSeconds"] for batch in record["batches"] if batch.get("usualSeconds")]
    return describe_span(max(usual)) if usual else f"{USUAL_JOB_MINUTES[0]} to {USUAL_JOB_MINUTES[1]} min"


def describe_rto(record: Record, servers: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
    """Whether an ended run and its waves met their RTO targets. What is not recovered has missed its target.

    `servers` are those of the run. A required one that was not launched is a miss, whatever the plan tolerates. The
    line of the run names the waves that were not recovered.
    """
    if record["mode"] == "READINESS" or record["status"] == "NOT_READY":
        return
    waves = record["waves"]
    if target := record.get("rtoTargetMinutes"):
        is_recovered = all(each["status"] in _RECOVERED for each in (record, *waves))
        line = _judge_rto("the run", record["durationSeconds"], target, is_recovered, servers)
        yield line if is_recovered else f"{line}{';' if ': ' in line else ':'} {_describe_missing(record)}"
    for wave in waves:
        if target := wave.get("rtoTargetMinutes"):
            own = [server for server in servers if server["wave"] == wave["name"]]
            is_recovered = wave["status"] in _RECOVERED
            verdict = _judge_rto(f"wave {wave['name']}", wave["durationSeconds"], target, is_recovered, own)
            if not verdict.startswith("met"):
                yield verdict


def _describe_missing(record: Record) -> str:
    """Why a run has not recovered everything: `wave web FAILED; waves app, mail SKIPPED`."""
    names: dict[str, list[str]] = {}
    for wave in record["waves"]:
        if wave["status"] not in _RECOVERED:
            names.setdefault(describe_wave_state(record, wave), []).append(wave["name"])
    parts = [f"wave{'s' if len(of) > 1 else ''} {name_first(of, _MAX_MISSING)} {state}" for state, of in names.items()]
    return "; ".join(parts) or f"the run is {record['status']}"


def _judge_rto(
    name: str,
    seconds: int | None,
    target_minutes: int,
    is_recovered: bool,
    servers: Sequence[Mapping[str, Any]],
) -> str:
    over = (seconds or 0) - target_minutes * 60
    if unrecovered := describe_unrecovered(servers):
        return f"missed by {name}: {unrecovered}"
    if not is_recovered or seconds is None:
        return f"missed by {name}"
    return f"missed by {describe_span(over)} by {name}" if over > 0 else f"met by {name}"


def describe_unrecovered(servers: Sequence[Mapping[str, Any]]) -> str:
    """`1 of 12 servers was not recovered`, of those that the plan requires; nothing if all were."""
    return format_unrecovered(sum(map(is_unrecovered, servers)), sum(not server["optional"] for server in servers))


def suggest_next(record: Record, options: str, *, without: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """What to do next about a run, each with its command. `without` names those that are done anyway.

    The names are `watch`, `the rest`, `verify`, `mend it`, `findings`, `check`, `drill`, `report`, `verdict` and
    `clean up`.
    """
    run, plan = record["executionId"], record["planId"]
    launched, total = record["servers"]["launched"], record["servers"]["total"]
    unverified = next((each["name"] for each in record["waves"] if each["servers"].get("unverified")), None)
    has_ended = record["status"] not in UNFINISHED
    has_rest = launched < total or has_failed_action(record)
    is_partial = record["status"] in ("PARTIAL", "FAILED", "CANCELLED") and has_rest
    is_refused = record["status"] == "NOT_READY"
    is_drilled = (record["mode"], has_ended, launched > 0) == ("DRILL", True, True)
    steps = {
        "watch": (not has_ended, f"watch {run}"),
        "the rest": (is_partial and not record["continuedBy"] and record["mode"] != "READINESS", f"continue {run}"),
        "verify": (has_ended and bool(unverified), f"verify {run} {unverified}"),
        "mend it": (is_refused and bool(record["continues"]), f"continue {record['continues']}"),
        "findings": ((record["mode"], has_ended) == ("READINESS", True), f"findings {run}"),
        "check": (is_refused and not record["continues"], f"readiness {plan}"),
        "drill": (record["status"] == "READY", f"run {plan}"),
        "report": (has_ended, f"report {run} --to build/report"),
        "verdict": (is_drilled, f"verdict {run} --accept"),
        "clean up": (is_drilled, f"cleanup {run}"),
    }
    for name, (is_due, words) in steps.items():
        if is_due and name not in without:
            yield name, " ".join((COMMAND, words)) + options


def describe_chain(record: Record) -> str | None:
    """The chain of a run that was continued or continues another, as one line; None for any other run."""
    chain = record.get("chain")
    if not chain or len(chain["executions"]) < 2:
        return None
    runs = ", ".join(f"{run['executionId']} {_describe_in_chain(record, run)}" for run in chain["executions"])
    servers = chain["servers"]
    took = format_duration(chain["durationSeconds"])
    launched = f"{servers['launched']} of {plural(servers['total'], 'server')} launched{format_checked(servers)}"
    return f"chain: {runs}; {launched}, {took} since the first request"


def _describe_in_chain(record: Record, run: Mapping[str, Any]) -> str:
    """The run's state in words. An entry of a chain has a status only; the record itself knows more."""
    return describe_state(record if run["executionId"] == record["executionId"] else run)
