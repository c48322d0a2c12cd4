"""What a decision will do, in plain words, as far as the record and the plan of the run say."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.text import describe_cancelling
from cli.views.failed_waves import FailedWaves
from console.reading.decisions.causes import list_failed_actions
from console.reading.decisions.choices import Choice, find_wait
from recovery.domain.wave_steps.words import describe_actions, describe_checks
from recovery.wording import USUAL_JOB_MINUTES, name_first, plural
from report.run_record import Record, list_jobs

MAX_NAMES = 8
_ENDED = ("COMPLETED", "PARTIAL", "FAILED", "SKIPPED", "CHECKED")
# What follows a wave that has failed, by its `onFailure`.
_AFTER_WAVE = {
    "continue": "the waves that depend on it are skipped, and the others go on",
    "stop": "the run starts no further wave",
    "ask": "the run then asks whether to retry what failed, to accept the wave or to give it up",
}
_JOBS_GO_ON = "DRS cannot stop a job that runs."

Plan = Mapping[str, Any]


def describe_effects(
    record: Record, choice: Choice, plan: Plan | None = None, servers: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """Sentences about what happens now. `servers` are those of a wave that starts, for where they are launched."""
    if choice.wave:
        return list(_of_wave(record, choice.decision, choice.wave, plan or {}, servers))
    if choice.action:
        return list(_of_action(record, choice, plan or {}))
    return list({"pause": _pause, "resume": _resume, "cancel": _cancel}[choice.decision](record))


# --- waves ------------------------------------------------------------------------------------------------------
def _of_wave(
    record: Record, decision: str, name: str, plan: Plan, servers: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    wave = next(each for each in record["waves"] if each["name"] == name)
    if decision == "approve":
        yield from _approve(record, wave, plan, servers)
    elif decision == "reject":
        yield f"Wave {name} is skipped: none of its {plural(wave['servers']['total'], 'server')} is launched."
        yield from _skips(record, name, plan)
    else:
        yield from _answer_failure(record, decision, wave, plan)


def _approve(
    record: Record, wave: Mapping[str, Any], plan: Plan, servers: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    of_plan = next((each for each in plan.get("waves", ()) if each["name"] == wave["name"]), None)
    places = Counter(f"{each['accountId']}/{each['region']}" for each in servers)
    where = name_first([f"{place} ({count})" for place, count in sorted(places.items())], MAX_NAMES)
    kind = "production server" if record["mode"] == "RECOVERY" else "server"
    count = plural(wave["servers"]["total"] - wave["servers"]["excluded"], kind)
    yield f"Wave {wave['name']} starts and launches {count}{f' in {where}' if where else ''}."
    if of_plan:
        yield from _list_steps(of_plan)
    yield f"{_usual(record)} {_JOBS_GO_ON}"


def _list_steps(wave: Mapping[str, Any]) -> Iterator[str]:
    """The actions before a wave and its checks; nothing of kinds that only a later version knows."""
    with contextlib.suppress(ValueError):
        if before := list(describe_actions({"before": wave.get("before") or ()}, wave["name"])):
            yield f"First it runs {plural(len(before), 'action')}: {'; '.join(before)}."
        if checks := describe_checks(wave):
            yield f"Then it checks them: {checks}."


def _answer_failure(record: Record, decision: str, wave: Mapping[str, Any], plan: Plan) -> Iterator[str]:
    name, unverified = wave["name"], wave["servers"].get("unverified", 0)
    helps = FailedWaves(lambda run, of: (), "")(record)
    effect = helps[name].effects.get(decision) if name in helps else None
    if decision == "verify" and not effect:
        yield f"Checks {plural(unverified, 'unverified server')} of wave {name} again, and launches nothing."
        yield "When the checks have ended, the results of the wave and the run are corrected. They never become worse."
        return
    yield f"{_begin_sentence(effect)}." if effect else f"Wave {name} does not wait for this now."
    if decision == "retry" and wave["servers"]["failed"]:
        yield f"{_describe_attempts(plan)} {_usual(record)} {_JOBS_GO_ON}"
    elif decision == "accept":
        after = [each["name"] for each in record["waves"] if name in each["dependsOn"]]
        if after:
            yield f"After it: {name_first(after, MAX_NAMES)}."
        yield from _describe_left(record, wave)
    elif decision == "abort":
        yield from _not_started(record)


def _describe_attempts(plan: Plan) -> str:
    attempts = plan.get("launchAttempts") or 2
    return "It takes one DRS job." if attempts == 1 else f"It takes up to {attempts} DRS jobs, one after the other."


def _describe_left(record: Record, wave: Mapping[str, Any]) -> Iterator[str]:
    """What stays as it is when a failed wave is accepted: its servers, and its failed actions."""
    counts = wave["servers"]
    if missing := counts["failed"] + counts["excluded"]:
        stay = "stays" if missing == 1 else "stay"
        yield f"{plural(missing, 'server')} {stay} unrecovered. A continuation of the run can try again."
    if unverified := counts.get("unverified"):
        stay = "stays" if unverified == 1 else "stay"
        yield f"{plural(unverified, 'launched server')} {stay} without passed checks."
    actions = [each["name"] for each in list_failed_actions(record, wave["name"])]
    if actions:
        stay = "Action {} stays failed" if len(actions) == 1 else "Actions {} stay failed"
        yield f"{stay.format(name_first(actions, MAX_NAMES))}: do its work by hand if it is needed."


def _skips(record: Record, name: str, plan: Plan) -> Iterator[str]:
    """The waves that are skipped with this one, because they need its success."""
    loose = {each["name"] for each in plan.get("waves", ()) if each.get("runAfter") == "completion"}
    skipped = {name}
    for _ in record["waves"]:
        skipped |= {
            each["name"] for each in record["waves"] if each["name"] not in loose and skipped & {*each["dependsOn"]}
        }
    others = [each["name"] for each in record["waves"] if each["name"] in skipped - {name}]
    if others:
        yield f"Skipped with it, because they need it: {name_first(others, MAX_NAMES)}."
    yield "The other waves go on."


# --- actions ----------------------------------------------------------------------------------------------------
def _of_action(record: Record, choice: Choice, plan: Plan) -> Iterator[str]:
    wait, name = find_wait(record, choice), choice.action
    if wait and wait.get("text"):
        about = "The task" if choice.decision in ("confirm", "reject") else "Why it waits"
        yield f"{about}: {wait['text'].rstrip('.')}."
    yield {
        "confirm": f"Action {name} counts as done, and your comment is on record as what was seen. The run goes on.",
        "reject": f"Action {name} counts as failed. {_after_rejected(record, name, plan)}",
        "retry": f"Action {name} is run again from its beginning.",
        "skip": f"Action {name} is left out: the run goes on as if it had succeeded.",
        "abort": f"Action {name} stays failed, as without the question. {_after_failed(record, name, plan)}",
    }[choice.decision]


def _after_rejected(record: Record, name: str | None, plan: Plan) -> str:
    """What follows a task that was not done, by the `onFailure` of its action."""
    items = [plan, *plan.get("waves", ())]
    actions = [each for item in items for place in ("before", "after") for each in item.get(place) or ()]
    then = next((each.get("onFailure", "stop") for each in actions if each["name"] == name), None)
    if then == "continue":
        return "The run goes on as if it had succeeded."
    if then == "ask":
        return "The run then asks whether to retry it, to skip it or to let it fail."
    return _after_failed(record, name, plan) if then else "What follows is what its plan says of a failed action."


def _after_failed(record: Record, name: str | None, plan: Plan) -> str:
    """What follows an action that stays failed: it counts as `onFailure: stop` has it."""
    found = [each for each in record.get("actions", ()) if each["name"] == name]
    action: Mapping[str, Any] = found[0] if found else {}
    if wave := action.get("wave"):
        of_plan: Plan = next((each for each in plan.get("waves", ()) if each["name"] == wave), {})
        then = _AFTER_WAVE.get(of_plan.get("onFailure", "continue")) if of_plan else None
        return f"Wave {wave} fails{f': {then}.' if then else ', and its own onFailure says what follows.'}"
    return "The run starts no wave." if action.get("place") == "before" else "The run becomes PARTIAL."


# --- the run ----------------------------------------------------------------------------------------------------
def _pause(record: Record) -> Iterator[str]:
    jobs = [job for job in list_jobs(record) if job.ended_at is None]
    if _holds_nothing(record):
        yield "Nothing is left that a pause would hold back: every wave has begun, and no server waits for its job."
    yield "The run starts no further wave and no further batch until a person resumes it."
    yield "Jobs and checks that have begun go on."
    if jobs:
        servers = plural(sum(job.servers for job in jobs), "server")
        yield f"{plural(len(jobs), 'DRS job runs', 'DRS jobs run')} on with {servers}. {_JOBS_GO_ON}"
    yield "The time of the pause counts in the run's time."


def _holds_nothing(record: Record) -> bool:
    servers = record["servers"]
    begun = sum(servers[each] for each in ("launched", "failed", "excluded", "launching"))
    has_begun = all(wave["startedAt"] or wave["status"] in _ENDED for wave in record["waves"])
    return bool(record["waves"]) and has_begun and 0 < servers["total"] <= begun


def _resume(record: Record) -> Iterator[str]:
    paused = [wave["name"] for wave in record["waves"] if wave["status"] == "PAUSED"]
    yield (
        "The run goes on."
        if not paused
        else f"The run goes on, and starts what waits: {name_first(paused, MAX_NAMES)}."
    )
    yield f"What starts then cannot be stopped at once. {_JOBS_GO_ON}"


def _cancel(record: Record) -> Iterator[str]:
    told = describe_cancelling({**record, "state": "CANCELLING", "cancelledBy": "you"}) or ""
    yield f"{_begin_sentence(told.partition(': ')[2])}."
    yield from _not_started(record)
    launched = record["servers"]["launched"]
    if launched and record["mode"] == "DRILL":
        yield f"The {plural(launched, 'launched server')} stay and cost until the drill is cleaned up."
    elif launched:
        yield f"The {plural(launched, 'launched server')} stay."
    yield "A run that is cancelled cannot be resumed. A continuation recovers the rest."


def _not_started(record: Record) -> Iterator[str]:
    left = [wave["name"] for wave in record["waves"] if not wave["startedAt"] and wave["status"] not in _ENDED]
    if left:
        yield f"{plural(len(left), 'wave')} not started yet: {name_first(left, MAX_NAMES)}."


def _usual(record: Record) -> str:
    """How long a job usually takes here, or else as users of DRS report it."""
    usual = [batch["usualSeconds"] for batch in record["batches"] if batch.get("usualSeconds")]
    if usual:
        return f"A DRS job here usually takes {round(max(usual) / 60)} min."
    return f"A DRS job usually takes {USUAL_JOB_MINUTES[0]} to {USUAL_JOB_MINUTES[1]} min."


def _begin_sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
