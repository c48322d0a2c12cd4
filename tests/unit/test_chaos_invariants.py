"""Each invariant of chaos about checks and actions notices its breach, and is silent about a run that is right."""

from collections.abc import Iterator
from typing import Any

import pytest

from bench.chaos import step_invariants as invariants
from bench.chaos.people import Behaviour
from bench.chaos.scenario import Chain, Plan
from bench.chaos.step_truth import Started, StepTruth, kinds_broken_by

RUN, LATER, KEY = "drill-1", "drill-2", "drill-1/web/after/1/1"
CHECKS = {"web": {"s-1": frozenset(("boot", "http"))}}
BROKEN = {"kind": "INSTANCE", "hostname": "web-1", "checks": "initializing"}


def record(**action: Any) -> dict[str, Any]:
    """A run with one wave and one action that has succeeded, or as `action` says."""
    done = {"name": "promote", "wave": "web", "place": "after", "status": "SUCCEEDED", "attempt": 1, "reason": None}
    wave = {"name": "web", "checks": {"verified": 1, "unverified": 0}}
    return {"executionId": RUN, "status": "COMPLETED", "actions": [{**done, **action}], "waves": [wave]}


def server(**verification: Any) -> dict[str, Any]:
    found = {"status": "VERIFIED", "check": None, "reason": None, **verification}
    return {"sourceServerId": "s-1", "hostname": "web-1", "wave": "web", "status": "LAUNCHED", "verification": found}


def automation(key: str = KEY, *, runs: bool = False) -> Started:
    return Started("a-1", key, runs, "InProgress" if runs else "Success")


def command(key: str, *instances: str, runs: bool = False) -> Started:
    return Started("c-1", key, runs, "InProgress" if runs else "Success", instances)


def truth(*started: Started, **more: Any) -> StepTruth:
    found = StepTruth(**more)
    for each in started:
        (found.commands if each.instances else found.automations)[each.execution].append(each)
    return found


def chain(*runs: str) -> Chain:
    wave = {"name": "web", "after": [{"name": "promote"}]}
    records = [{**record(), "executionId": run} for run in runs]
    return Chain(Plan([wave]), "DRILL", Behaviour(), records)


RIGHT = truth(automation(), command(f"{KEY}/1", "i-1"), command(f"{KEY}/1+", "i-2"))


def all_of(run: dict[str, Any], servers: list[dict[str, Any]], found: StepTruth) -> Iterator[str]:
    yield from invariants.no_action_is_started_twice(run, found)
    yield from invariants.nothing_runs_after_the_end(run, found)
    yield from invariants.every_action_has_an_end(run)
    yield from invariants.every_launched_server_has_an_answer(run, servers, CHECKS)
    yield from invariants.no_broken_server_is_verified(run, servers, CHECKS, found)
    yield from invariants.counts_of_checks_equal_rows(run, servers)


def test_a_run_that_is_right_breaks_none() -> None:
    assert list(all_of(record(), [server()], RIGHT)) == []
    assert list(invariants.no_done_action_runs_again(chain(RUN, LATER), RIGHT)) == []


@pytest.mark.parametrize(
    ("run", "servers", "found", "breach"),
    [
        (record(), [server()], truth(automation(), automation()), "2 automations have the key"),
        (record(), [server()], truth(command(f"{KEY}/1", "i-1"), command(f"{KEY}/2", "i-1")), "i-1 got 2 commands"),
        (record(), [server()], truth(automation(), automation(f"{KEY[:-1]}2")), "2 attempts at ('web', 'after')"),
        (record(), [server()], truth(automation(runs=True)), "is InProgress though the run is COMPLETED"),
        (record(), [server()], truth(command(f"{KEY}/1", "i-1", runs=True)), "is InProgress though the run"),
        (record(status="RUNNING"), [server()], RIGHT, "action promote is RUNNING after the end"),
        (record(status="FAILED"), [server()], RIGHT, "action promote is FAILED without a reason"),
        (record(), [{**server(), "verification": None}], RIGHT, "is LAUNCHED, and its checks have no answer"),
        (record(), [server(status="VERIFYING")], RIGHT, "is VERIFYING after the end"),
        (record(), [server(status="UNVERIFIED", reason="late")], RIGHT, "is UNVERIFIED without a check"),
        (record(), [server(status="UNVERIFIED", check="boot")], RIGHT, "is UNVERIFIED without a reason"),
        (record(), [server()], truth(broken={"web-1": {"boot": BROKEN}}), "is VERIFIED, but its boot never passes"),
        (record(), [], RIGHT, "wave web counts {'VERIFIED': 1, 'UNVERIFIED': 0}, its servers {}"),
    ],
)
def test_a_breach_is_noticed(run: dict[str, Any], servers: list[dict[str, Any]], found: StepTruth, breach: str) -> None:
    assert any(breach in sentence for sentence in all_of(run, servers, found))


def test_an_action_that_succeeded_and_runs_again_in_a_continuation_is_noticed() -> None:
    found = truth(automation(), automation(KEY.replace(RUN, LATER)))
    (breach,) = invariants.no_done_action_runs_again(chain(RUN, LATER), found)
    assert breach.startswith(f"{LATER}: {LATER}/web/after/1/1 was started, though promote had succeeded")


def test_a_command_that_runs_again_on_an_instance_of_the_run_before_is_noticed() -> None:
    later = f"{KEY.replace(RUN, LATER)}/1"
    found = truth(command(f"{KEY}/1", "i-1"), command(later, "i-1"))
    (breach,) = invariants.no_done_action_runs_again(chain(RUN, LATER), found)
    assert breach.startswith(f"{LATER}: {later} was started, though promote had succeeded")
    found = truth(command(f"{KEY}/1", "i-1"), command(later, "i-2"))
    assert list(invariants.no_done_action_runs_again(chain(RUN, LATER), found)) == []


def test_a_command_that_cannot_be_cancelled_may_run_on() -> None:
    found = truth(command(f"{KEY}/1", "i-1", runs=True), commands_can_be_cancelled=False)
    assert list(invariants.nothing_runs_after_the_end(record(), found)) == []


@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        ({"kind": "INSTANCE", "checks": "instance-impaired"}, {"boot"}),
        ({"kind": "INSTANCE", "checksSeconds": 900}, set()),
        ({"kind": "INSTANCE", "agent": "absent"}, {"agent", "tcp", "http", "command"}),
        ({"kind": "INSTANCE", "agentLostSeconds": 30, "agentBackSeconds": 90}, set()),
        ({"kind": "INSTANCE", "targetHealth": "unhealthy"}, {"targetGroup"}),
        ({"kind": "COMMAND", "effect": "HANGS"}, {"tcp", "http", "command"}),
        ({"kind": "COMMAND", "effect": "FAILS", "document": "Shop-WarmCaches"}, set()),
        ({"kind": "COMMAND", "effect": "SUCCEEDS"}, set()),
    ],
)
def test_a_rule_breaks_the_checks_that_cannot_pass_while_it_holds(rule: dict[str, Any], kinds: set[str]) -> None:
    assert kinds_broken_by(rule) == kinds
