"""What must hold of the checks and the actions of a run after a round. Each function yields a sentence for a breach."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.chaos.scenario import Chain
from bench.chaos.step_truth import Started, StepTruth

Row = Mapping[str, Any]
Checks = Mapping[str, Mapping[str, frozenset[str]]]
"""By wave and source server, the kinds of checks that it has."""

ANSWERED = ("VERIFIED", "UNVERIFIED")
ACTIONS_OPEN = ("PENDING", "RUNNING", "WAITING")


def no_action_is_started_twice(record: Row, truth: StepTruth) -> Iterator[str]:
    """No two automations have the same key, and no instance got the same command twice.

    An action is not started more often than the record has attempts of it. The key of an attempt ends with its number.
    """
    execution_id = record["executionId"]
    automations, commands = truth.automations[execution_id], truth.commands[execution_id]
    for key, count in Counter(each.key for each in automations).items():
        if count > 1:
            yield f"{execution_id}: {count} automations have the key {key}"
    sent = Counter((_attempt_of(each.key), instance) for each in commands for instance in each.instances)
    for (attempt, instance), count in sent.items():
        if count > 1:
            yield f"{execution_id}: {instance} got {count} commands of {attempt}"
    recorded = Counter[tuple[str, str]]()
    for action in record["actions"]:
        recorded[action["wave"] or "-", action["place"]] += action["attempt"]
    started = Counter(_place_of(attempt) for attempt in {_attempt_of(each.key) for each in (*automations, *commands)})
    for place, count in started.items():
        if count > recorded[place]:
            yield f"{execution_id}: {count} attempts at {place} were started, on record are {recorded[place]}"


def _attempt_of(key: str) -> str:
    """The first five parts of a key: run, wave, place, number, attempt. The parts of a command follow them."""
    return "/".join(key.split("/")[:5])


def _place_of(attempt: str) -> tuple[str, str]:
    _, wave, place, *_ = attempt.split("/")
    return wave, place


def no_done_action_runs_again(chain: Chain, truth: StepTruth) -> Iterator[str]:
    """What has succeeded in a run is not started again by the runs that continue it.

    A command runs again, on the instances that the continuation launched, and never twice on one instance.
    """
    done, reached = set[str](), dict[str, set[str]]()
    for record in chain.records:
        execution_id = record["executionId"]
        for started in (*truth.automations[execution_id], *truth.commands[execution_id]):
            _, wave, place, number, *_ = started.key.split("/")
            name = chain.plan.name_action(wave, place, int(number))
            if name in done and (not started.instances or reached[name].intersection(started.instances)):
                yield f"{execution_id}: {started.key} was started, though {name} had succeeded in {chain.executions}"
        for action in record["actions"]:
            if action["status"] == "SUCCEEDED":
                done.add(action["name"])
                reached.setdefault(action["name"], set()).update(
                    _list_instances(chain, truth, execution_id, action["name"])
                )


def _list_instances(chain: Chain, truth: StepTruth, execution_id: str, name: str) -> Iterator[str]:
    """The instances that commands of an action reached in a run."""
    for started in truth.commands[execution_id]:
        _, wave, place, number, *_ = started.key.split("/")
        if chain.plan.name_action(wave, place, int(number)) == name:
            yield from started.instances


def nothing_runs_after_the_end(record: Row, truth: StepTruth) -> Iterator[str]:
    """No automation and no command of an action runs after the run has ended."""
    execution_id = record["executionId"]
    running: list[Started] = [each for each in truth.automations[execution_id] if each.runs]
    if truth.commands_can_be_cancelled:
        running += [each for each in truth.commands[execution_id] if each.runs]
    for each in running:
        yield f"{execution_id}: {each.id} of {each.key} is {each.status} though the run is {record['status']}"


def every_action_has_an_end(record: Row) -> Iterator[str]:
    """No action that has begun is left open. Those that have not begun are not in the record."""
    for action in record["actions"]:
        if action["status"] in ACTIONS_OPEN:
            yield f"{record['executionId']}: action {action['name']} is {action['status']} after the end of the run"
        if action["status"] in ("FAILED", "TIMED_OUT") and not action["reason"]:
            yield f"{record['executionId']}: action {action['name']} is {action['status']} without a reason"


def every_launched_server_has_an_answer(record: Row, servers: Iterable[Row], checks: Checks) -> Iterator[str]:
    """Each launched server with checks is VERIFIED or UNVERIFIED; the latter with the check that failed and why."""
    for server in servers:
        name = f"{record['executionId']}: {server['sourceServerId']}"
        verification, status = server["verification"], server["status"]
        has_checks = bool(checks.get(server["wave"], {}).get(server["sourceServerId"]))
        if status == "LAUNCHED" and has_checks and not verification:
            yield f"{name} is LAUNCHED, and its checks have no answer"
        if not verification:
            continue
        if verification["status"] not in ANSWERED:
            yield f"{name} is {verification['status']} after the end of the run"
        if verification["status"] == "UNVERIFIED":
            for missing in (each for each in ("check", "reason") if not verification[each]):
                yield f"{name} is UNVERIFIED without a {missing}"


def no_broken_server_is_verified(
    record: Row, servers: Iterable[Row], checks: Checks, truth: StepTruth
) -> Iterator[str]:
    """A server is not VERIFIED if the emulator has a rule, without an end, by which one of its checks cannot pass."""
    for server in servers:
        if (server["verification"] or {}).get("status") != "VERIFIED":
            continue
        kinds = checks.get(server["wave"], {}).get(server["sourceServerId"], frozenset())
        for kind in sorted(kinds & truth.broken[server["hostname"]].keys()):
            rule = truth.broken[server["hostname"]][kind]
            yield f"{record['executionId']}: {server['hostname']} is VERIFIED, but its {kind} never passes by {rule}"


def counts_of_checks_equal_rows(record: Row, servers: Sequence[Row]) -> Iterator[str]:
    """What each wave counts as verified and unverified is what its servers are."""
    for wave in record["waves"]:
        found = Counter(
            server["verification"]["status"]
            for server in servers
            if server["wave"] == wave["name"] and server["verification"]
        )
        shown = {name: (wave["checks"] or {}).get(name.lower(), 0) for name in ANSWERED}
        if shown != {name: found[name] for name in ANSWERED}:
            yield f"{record['executionId']}: wave {wave['name']} counts {shown}, its servers {dict(found)}"
