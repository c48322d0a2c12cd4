"""Runs that continue others, and the clean-up of such chains, on the real machines with the real handlers."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cli.text import describe_chain
from recovery.runs import abandoned
from recovery.runs.inspection.uninspected import DISPENSABLE_SECONDS
from tests.support.cleanups import (
    begin,
    clean_up,
    fail_launch_actions_of,
    instances_left,
    read,
    run_scheduled,
    terminations,
    wait_for,
)
from tests.support.fault_injection import killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.instance_cache import cached, sync
from tests.support.plans import make_wave
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product, Reply
from tests.support.runs import decide, held_jobs, launching_run, pass_seconds, wait_until, wave_statuses

KEY = {"Idempotency-Key": "c0a80b52-3e0e-4d1c-8c57-9a2f4d6e7b11"}


def ask_to_continue(product: Product, run: str, body: Any = None, **headers: str) -> Reply:
    return product.request("POST", f"/executions/{run}/continue", body, headers)


def continued(product: Product, run: str) -> dict[str, Any]:
    """The record of a run that continues this one to its end."""
    reply = ask_to_continue(product, run)
    assert reply.status == 202, reply
    return product.finish(reply.body["executionId"])


def partly_failed(product: Product, mode: str = "drills", **more: Any) -> tuple[dict[str, Any], list[str], str]:
    """A run in which one server of three could not be launched; that server and the others; it can be launched now."""
    good, bad = product.seed(2, prefix="good"), product.seed(1, prefix="bad", failsAt="LAUNCH")
    plan = product.plan({"name": "web", "groups": [product.group([*good, *bad])]}, launchAttempts=1, **more)
    record = product.finish(product.start(plan, mode))
    assert record["servers"]["launched"] == 2, record
    repair(product, bad[0])
    return record, good, bad[0]


def test_the_counts_of_a_chain_have_what_the_checks_of_all_its_runs_found(product: Product) -> None:
    good, bad = product.seed(2, prefix="good"), product.seed(1, prefix="bad", failsAt="LAUNCH")
    wave = {"name": "web", "groups": [product.group([*good, *bad])], "checks": ["boot"]}
    first = product.drill(product.plan(wave, launchAttempts=1))
    repair(product, bad[0])
    second = continued(product, first["executionId"])
    counts = {"total": 3, "launched": 3, "failed": 0, "excluded": 0, "verified": 3, "unverified": 0}
    assert second["chain"]["servers"] == counts
    assert "3 of 3 servers launched, 3 verified, 0 unverified" in (describe_chain(second) or "")
    assert second["servers"]["verified"] == 1  # the run itself


def test_a_chain_counts_a_server_that_is_unverified_in_its_first_run(product: Product) -> None:
    good, bad = product.seed(2, prefix="good"), product.seed(1, prefix="bad", failsAt="LAUNCH")
    product.emulator.control.add_rule({"kind": "INSTANCE", "hostname": "good-001", "checks": "instance-impaired"})
    wave = {"name": "web", "groups": [product.group([*good, *bad])], "checks": ["boot"], "checksTimeoutMinutes": 60}
    first = product.drill(product.plan(wave, launchAttempts=1))
    repair(product, bad[0])
    second = continued(product, first["executionId"])
    assert {name: second["chain"]["servers"][name] for name in ("launched", "verified", "unverified")} == {
        "launched": 3,
        "verified": 2,
        "unverified": 1,
    }


def repair(product: Product, server_id: str) -> None:
    change = {"accountId": HUB, "region": WEST, "server": {"failsAt": ""}}
    product.emulator.control.change_server(server_id, change)


def ids(product: Product) -> dict[str, str]:
    """The id of each recovery instance that runs, by server."""
    return {server_id: instance.id for server_id, instance in instances_left(product).items()}


def chain_of_three(product: Product) -> list[dict[str, Any]]:
    """Three drills, each of which launched one server more."""
    servers = product.seed(1, prefix="a") + product.seed(2, prefix="b", failsAt="LAUNCH")
    plan = product.plan({"name": "web", "groups": [product.group(servers)]}, launchAttempts=1)
    records = [product.drill(plan)]
    for server_id in servers[1:]:
        repair(product, server_id)
        records.append(continued(product, records[-1]["executionId"]))
    assert len(ids(product)) == 3
    return records


# --- a run is continued once ------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_run_is_continued_once_and_the_refusal_names_the_run_that_can_be(product: Product, mode: str) -> None:
    first, good, bad = partly_failed(product, mode)
    second = continued(product, first["executionId"])
    assert (second["status"], second["servers"]["launched"]) == ("COMPLETED", 1)
    before = ids(product)
    assert before.keys() == {*good, bad}

    reply = ask_to_continue(product, first["executionId"])

    assert (reply.status, reply.body["code"]) == (409, "AlreadyContinued")
    assert reply.body["executionId"] == second["executionId"]
    assert second["executionId"] in reply.body["detail"]
    assert ids(product) == before
    assert product.record(first["executionId"])["continuedBy"] == second["executionId"]


def test_a_refusal_names_the_last_run_of_a_longer_chain_and_says_to_continue_it(product: Product) -> None:
    first, second, third = (record["executionId"] for record in chain_of_three(product)[:3])
    reply = ask_to_continue(product, first)
    assert (reply.status, reply.body["executionId"]) == (409, third)
    assert f"was continued by {second}" in reply.body["detail"]
    assert f"{third} is COMPLETED" in reply.body["detail"]


def test_a_continue_that_is_repeated_with_its_key_starts_one_run(product: Product) -> None:
    first, _, _ = partly_failed(product)
    replies = [ask_to_continue(product, first["executionId"], **KEY) for _ in range(2)]
    assert {reply.status for reply in replies} == {202}
    (run,) = {reply.body["executionId"] for reply in replies}
    product.finish(run)
    again = ask_to_continue(product, first["executionId"], **KEY)
    assert (again.status, again.body["executionId"]) == (202, run)


def test_of_many_simultaneous_continues_one_starts_a_run(product: Product) -> None:
    first, _, _ = partly_failed(product)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ask_to_continue(product, first["executionId"]), range(8)))
    statuses = sorted(reply.status for reply in replies)
    assert statuses[0] == 202
    assert set(statuses[1:]) <= {409, 503}, statuses
    (started,) = [reply.body["executionId"] for reply in replies if reply.status == 202]
    product.finish(started)
    assert [machine.name for machine in product.engine.executions("recover-plan")] == [first["executionId"], started]


def test_after_a_start_that_was_refused_for_good_the_run_can_be_continued_again(product: Product) -> None:
    first, _, _ = partly_failed(product)
    machine, states = product.engine.machine_arn("recover-plan"), product.engine.client("stepfunctions")
    definition = states.describe_state_machine(stateMachineArn=machine)
    states.delete_state_machine(stateMachineArn=machine)
    refused = ask_to_continue(product, first["executionId"])
    states.create_state_machine(name="recover-plan", definition=definition["definition"], roleArn=definition["roleArn"])
    assert (refused.status, refused.body["code"]) == (503, "StartFailed")
    assert product.record(first["executionId"])["continuedBy"] is None

    (dead,) = [
        row["executionId"] for row in product.items("Executions") if row.get("continues") == first["executionId"]
    ]
    orphan = ask_to_continue(product, dead)
    assert (orphan.status, orphan.body["code"]) == (409, "NothingToContinue")
    assert first["executionId"] in orphan.body["detail"]

    second = continued(product, first["executionId"])
    assert second["status"] == "COMPLETED"
    assert [run["executionId"] for run in second["chain"]["executions"]] == [
        first["executionId"],
        second["executionId"],
    ]


def test_after_a_continuation_that_was_refused_the_run_can_be_continued_again() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        first, good, bad = partly_failed(product)
        broken = {"accountId": HUB, "region": WEST, "server": {"replicationState": "STOPPED"}}
        product.emulator.control.change_server(bad, broken)
        refused = [continued(product, first["executionId"]) for _ in range(2)]
        assert [record["status"] for record in refused] == ["NOT_READY"] * 2
        assert [record["continues"] for record in refused] == [first["executionId"]] * 2
        assert product.record(first["executionId"])["continuedBy"] is None
        message = inbox.messages()[-1]["Message"]
        assert (
            f"Recover the rest: drs-waves continue {first['executionId']} --stack drs-waves --region {WEST}\n"
            in message
        )

        orphan = ask_to_continue(product, refused[0]["executionId"])
        assert (orphan.status, orphan.body["executionId"]) == (409, first["executionId"])
        assert f"continue {first['executionId']}" in orphan.body["detail"]

        mended = {"accountId": HUB, "region": WEST, "server": {"replicationState": "CONTINUOUS"}}
        product.emulator.control.change_server(bad, mended)
        last = continued(product, first["executionId"])
        assert (last["status"], ids(product).keys()) == ("COMPLETED", {*good, bad})
        names = [run["executionId"] for run in last["chain"]["executions"]]
        assert names == [first["executionId"], last["executionId"]]
        assert ask_to_continue(product, first["executionId"]).body["code"] == "AlreadyContinued"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_function_killed_while_it_refuses_a_continuation_leaves_the_run_continuable(
    product: Product, number: int
) -> None:
    first, _, bad = partly_failed(product)
    broken = {"accountId": HUB, "region": WEST, "server": {"replicationState": "STOPPED"}}
    product.emulator.control.change_server(bad, broken)
    with killed_after_change("JudgeReadiness", number) as made:
        assert continued(product, first["executionId"])["status"] == "NOT_READY"
    assert len(made) >= number, made
    assert continued(product, first["executionId"])["status"] == "NOT_READY"


def test_a_continuation_whose_machine_never_ran_is_closed_and_can_be_continued(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = partly_failed(product)
    with killed_after_change("Api", 1) as made:
        assert ask_to_continue(product, first["executionId"]).status == 500
    assert made == ["TransactWriteItems"]
    (dead,) = [
        row["executionId"] for row in product.items("Executions") if row.get("continues") == first["executionId"]
    ]
    waiting = ask_to_continue(product, first["executionId"])
    assert (waiting.status, waiting.body["executionId"]) == (409, dead)

    monkeypatch.setattr(abandoned, "START_GRACE_SECONDS", 0)
    closed = ask_to_continue(product, first["executionId"])
    assert (closed.status, closed.body["executionId"]) == (409, dead)
    assert f"continue {dead} instead" in closed.body["detail"]
    assert continued(product, dead)["status"] == "COMPLETED"


def test_a_continuation_keeps_the_point_in_time_and_not_the_consent_to_replace(product: Product) -> None:
    first, _, _ = partly_failed(product)
    (asked,) = [row for row in product.items("RunRequests") if row["item"] == "RUN"]
    product.put("RunRequests", {**asked, "replaceExisting": True, "pointInTime": "2030-01-01T00:00:00.000Z"})
    second = ask_to_continue(product, first["executionId"]).body["executionId"]
    rows = {row["executionId"]: row for row in product.items("Executions") if row["item"] == "META"}
    assert rows[second]["pointInTime"] == "2030-01-01T00:00:00.000Z"
    assert "replaceExisting" not in rows[second]
    product.finish(second)


def test_the_consent_to_replace_can_be_given_again(product: Product) -> None:
    first, _, _ = partly_failed(product)
    second = ask_to_continue(product, first["executionId"], {"replaceExisting": True}).body["executionId"]
    row = next(row for row in product.items("Executions") if (row["executionId"], row["item"]) == (second, "META"))
    assert row["replaceExisting"] is True
    product.finish(second)


# --- what is up now ---------------------------------------------------------------------------------------------
def test_a_run_that_is_continued_after_its_clean_up_launches_all_waves_in_order(product: Product) -> None:
    plan = product.plan(make_wave(product, "db", count=2), make_wave(product, "web", count=2))
    with launching_run(product, plan) as first:
        decide(product, first, "cancel")
    cancelled = product.finish(first)
    assert wave_statuses(cancelled) == {"db": "COMPLETED", "web": "SKIPPED"}
    assert clean_up(product, cancelled)["instances"] == {"total": 2, "terminated": 2, "failed": 0}

    record = continued(product, first)

    assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 4)
    by_name = {wave["name"]: wave for wave in record["waves"]}
    assert by_name["db"]["servers"]["launched"] == 2
    assert by_name["db"]["endedAt"] <= by_name["web"]["startedAt"]
    assert len(ids(product)) == 4


def test_only_what_was_terminated_since_is_launched_again(product: Product) -> None:
    first, good, bad = partly_failed(product)
    before = ids(product)
    stays, goes = good
    product.emulator.client(HUB, WEST).terminate_recovery_instances(recoveryInstanceIDs=[before[goes]])
    wait_until(product, first["executionId"], lambda _: goes not in ids(product))

    second = continued(product, first["executionId"])

    assert {server["sourceServerId"] for server in second["sourceServers"]} == {goes, bad}
    after = ids(product)
    assert after.keys() == {*good, bad}
    assert after[stays] == before[stays]


@pytest.mark.parametrize(
    "behaviour",
    [
        {"launchParticipants": "full", "optionalMembers": "present"},
        {"launchParticipants": "sparse", "optionalMembers": "absent"},
        {"instanceState": "missing"},
        {"timeForm": "offset"},
    ],
    ids=lambda behaviour: next(iter(behaviour.values())),
)
def test_what_is_up_is_not_launched_again_however_drs_answers(product: Product, behaviour: dict[str, str]) -> None:
    product.emulator.control.change_settings({"behaviour": behaviour})
    first, good, bad = partly_failed(product)
    before = ids(product)
    second = continued(product, first["executionId"])
    assert [server["sourceServerId"] for server in second["sourceServers"]] == [bad]
    assert {server_id: ids(product)[server_id] for server_id in good} == before


def test_a_server_that_failed_with_an_instance_is_launched_again_by_a_drill(product: Product) -> None:
    good, bad = product.seed(1, prefix="good"), product.seed(1, prefix="bad")
    fail_launch_actions_of(product, bad)
    plan = product.plan({"name": "web", "groups": [product.group([*good, *bad])]}, launchAttempts=1)
    first = product.drill(plan)
    before = ids(product)
    assert (first["servers"]["failed"], before.keys()) == (1, {*good, *bad})
    product.emulator.world.faults.remove(None)

    second = continued(product, first["executionId"])

    assert [server["sourceServerId"] for server in second["sourceServers"]] == bad
    after = ids(product)
    assert (after[good[0]], after[bad[0]] != before[bad[0]]) == (before[good[0]], True)


def behave(product: Product, **knobs: Any) -> None:
    product.emulator.control.change_settings({"behaviour": knobs})


def aborted(product: Product, run: str) -> dict[str, Any]:
    """The record of the run, whose machines are stopped in the middle of their work."""
    for machine in product.engine.executions():
        if machine.status == "RUNNING":
            product.engine.client("stepfunctions").stop_execution(executionArn=machine.arn)
    return wait_until(product, run, lambda _: close(product, run))


def aborted_start(product: Product, *, is_answered: bool) -> dict[str, Any]:
    """The record of a run that was aborted right after StartRecovery, while DRS does not show its job.

    DRS would accept a second one.
    """
    behave(product, hiddenSeconds=200, secondStart="accepted")
    if not is_answered:
        product.fault("CUT_AFTER", operation="StartRecovery", count=1)
    run = product.start(product.plan(make_wave(product, count=2)))
    while not (
        any(row.get("jobId") for row in batches(product)) if is_answered else product.calls().get("StartRecovery")
    ):
        product.request("GET", "/health")
    return aborted(product, run)


def batches(product: Product) -> list[dict[str, Any]]:
    return [row for row in product.items("Executions") if row["item"].startswith("BATCH#")]


@pytest.mark.speed(120)
@pytest.mark.parametrize("is_answered", [False, True])
def test_a_job_that_drs_does_not_show_yet_is_not_repeated_by_the_run_that_continues(
    product: Product, is_answered: bool
) -> None:
    first = aborted_start(product, is_answered=is_answered)
    second = continued(product, first["executionId"])
    assert second["status"] == "COMPLETED"
    assert product.calls()["StartRecovery"] == 1
    assert second["sourceServers"] == []
    assert len(ids(product)) == 2


@pytest.mark.speed(120)
@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_server_whose_instance_drs_does_not_show_yet_is_up(product: Product, mode: str) -> None:
    behave(product, instanceDelaySeconds=500)
    first, _, bad = partly_failed(product, mode)
    before = ids(product)
    second = continued(product, first["executionId"])
    assert second["status"] == "COMPLETED"
    assert [server["sourceServerId"] for server in second["sourceServers"]] == [bad]
    assert before.items() <= ids(product).items()


# --- jobs of the run before that are still running -----------------------------------------------------------------
def interrupted_in_two_regions(product: Product, *, optional: bool = False) -> tuple[str, str]:
    """A run that was aborted while its job in Europe ran and after its servers in the west had failed.

    Return its id and that of the fault that keeps the job PENDING. The servers in the west can be launched now.
    """
    west = product.seed(2, prefix="west", failsAt="LAUNCH")
    east = product.seed(2, prefix="east", account=OTHER, region=EUROPE)
    use = {"groupId": product.group(east, account=OTHER, region=EUROPE, name="east"), "optional": optional}
    plan = product.plan(
        {"name": "west", "groups": [product.group(west, name="west")], "dependsOn": []},
        {"name": "east", "groups": [use], "dependsOn": []},
        launchAttempts=1,
    )
    world = product.emulator.world
    fault = world.faults.add({"kind": "JOB_STAYS_PENDING", "region": EUROPE}, world.clock.now())
    run = product.start(plan, "recoveries")
    wait_until(product, run, lambda record: record["servers"]["failed"] == 2 and record["servers"]["launching"] == 2)
    aborted(product, run)
    for server_id in west:
        repair(product, server_id)
    return run, fault


@pytest.mark.speed(60)
@pytest.mark.parametrize("optional", [False, True])
def test_a_job_of_the_run_before_that_is_still_running_holds_up_no_other_target(
    product: Product, optional: bool
) -> None:
    """The part of the wave that has to wait asks each minute; a wave that could do without waits as well."""
    first, fault = interrupted_in_two_regions(product, optional=optional)
    second = ask_to_continue(product, first).body["executionId"]
    wait_until(product, second, lambda record: record["servers"]["launched"] == 2)
    assert [job["status"] for job in product.jobs(OTHER, EUROPE)] == ["PENDING"]
    if optional:  # longer than a wave waits for an optional target that does not answer
        until = product.emulator.world.clock.now() + DISPENSABLE_SECONDS
        while product.emulator.world.clock.now() < until:
            time.sleep(0.1)
    product.emulator.control.remove_faults(fault)
    record = product.finish(second)
    assert (record["status"], wave_statuses(record)) == ("COMPLETED", {"west": "COMPLETED", "east": "COMPLETED"})
    assert record["chain"]["servers"]["launched"] == 4
    assert len(product.jobs(OTHER, EUROPE)) == 1
    (waited,) = [
        one for one in product.engine.executions("recover-target") if "WaitForEarlierJobs" in one.states_entered()
    ]
    states, notified = waited.states_entered(), "NotifyOperatorsOfTarget"
    before = states[: states.index(notified)] if notified in states else ["WaitForEarlierJobs"] * 30
    assert before.count("WaitForEarlierJobs") == 30, "operators hear of it after half an hour, on a busy machine"


@pytest.mark.speed(60)
def test_a_cancel_ends_the_wait_for_a_job_of_the_run_before(product: Product) -> None:
    first, fault = interrupted_in_two_regions(product)
    second = ask_to_continue(product, first).body["executionId"]
    wait_until(product, second, lambda record: record["servers"]["launched"] == 2)
    decide(product, second, "cancel")
    record = product.finish(second)
    assert record["status"] == "CANCELLED"
    assert [job["status"] for job in product.jobs(OTHER, EUROPE)] == ["PENDING"]
    product.emulator.control.remove_faults(fault)


# --- the figure of a chain --------------------------------------------------------------------------------------
def test_every_run_of_a_chain_shows_the_chain_from_its_first_request(product: Product) -> None:
    records = chain_of_three(product)
    names = [record["executionId"] for record in records]
    for name in names:
        chain = product.record(name)["chain"]
        assert [run["executionId"] for run in chain["executions"]] == names
        assert [run["status"] for run in chain["executions"]] == [record["status"] for record in records]
        assert chain["requestedAt"] == records[0]["requestedAt"]
        assert chain["endedAt"] == records[-1]["endedAt"]
        assert chain["durationSeconds"] >= sum(record["durationSeconds"] for record in records) - 2
        assert chain["servers"] == {"total": 3, "launched": 3, "failed": 0, "excluded": 0}


def test_a_run_that_was_never_continued_is_a_chain_of_its_own(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product, count=2)))
    assert [run["executionId"] for run in record["chain"]["executions"]] == [record["executionId"]]
    assert record["chain"]["durationSeconds"] == record["durationSeconds"]
    assert record["chain"]["servers"] == {"total": 2, "launched": 2, "failed": 0, "excluded": 0}


# --- the clean-up of a chain ------------------------------------------------------------------------------------
@pytest.mark.parametrize("member", [0, 1, 2])
def test_the_clean_up_of_any_run_takes_all_that_its_chain_has_launched(product: Product, member: int) -> None:
    records = chain_of_three(product)
    shown = clean_up(product, records[member])
    assert (shown["status"], shown["instances"]) == ("COMPLETED", {"total": 3, "terminated": 3, "failed": 0})
    assert shown["executions"] == [record["executionId"] for record in records]
    assert ids(product) == {}
    assert [read(product, record) for record in records] == [shown] * 3


def test_a_clean_up_of_the_first_run_is_not_shown_for_a_run_that_continued_it_later(product: Product) -> None:
    first, _, _ = partly_failed(product)
    shown = clean_up(product, first)
    second = continued(product, first["executionId"])
    assert read(product, first) == shown
    assert read(product, second)["status"] == "NONE"
    assert clean_up(product, second)["instances"]["terminated"] == 3
    assert ids(product) == {}


def test_a_chain_is_not_cleaned_up_while_a_run_of_it_is_on(product: Product) -> None:
    first, _, _ = partly_failed(product)
    with held_jobs(product):
        second = ask_to_continue(product, first["executionId"]).body["executionId"]
        wait_until(product, second, lambda record: record["servers"]["launching"])
        for run in (first["executionId"], second):
            reply = product.request("POST", f"/executions/{run}/cleanup")
            assert (reply.status, reply.body["code"]) == (409, "ExecutionStillRunning")
            assert second in reply.body["detail"]
        assert run_scheduled(product, first["executionId"]) == "FAILED"
        assert len(ids(product)) == 2
    record = product.finish(second)
    assert clean_up(product, record)["instances"]["terminated"] == 3


def test_a_chain_is_cleaned_up_once_by_the_schedule_of_its_last_run(product: Product) -> None:
    first, _, _ = partly_failed(product, cleanUpAfterHours=1)
    second = continued(product, first["executionId"])
    assert run_scheduled(product, first["executionId"]) == "SUCCEEDED"
    assert (len(ids(product)), read(product, first)["status"]) == (3, "NONE")
    assert run_scheduled(product, second["executionId"]) == "SUCCEEDED"
    assert (ids(product), read(product, first)["status"]) == ({}, "COMPLETED")


def test_a_chain_is_not_continued_while_it_is_cleaned_up(product: Product) -> None:
    first, _, _ = partly_failed(product)
    with held_jobs(product):
        name = begin(product, first)
        reply = ask_to_continue(product, first["executionId"])
        assert (reply.status, reply.body["code"], reply.body["cleanup"]) == (409, "CleanupRunning", name)
    wait_for(product, name)
    second = continued(product, first["executionId"])
    assert second["servers"]["launched"] == 3


def test_a_clean_up_whose_machine_died_does_not_keep_a_chain_from_being_continued(product: Product) -> None:
    first, good, bad = partly_failed(product)
    product.fault("THROTTLING", operation="TerminateRecoveryInstances")
    name = begin(product, first)
    (machine,) = [one for one in product.engine.executions("clean-up-drill") if one.name == name]
    machine.wait_for_state("WaitForDrs").stop()
    product.emulator.world.faults.remove(None)
    second = continued(product, first["executionId"])
    assert second["servers"]["launched"] == 1
    assert read(product, first)["status"] == "FAILED"
    assert ids(product).keys() == {*good, bad}


def test_a_continuation_and_a_clean_up_at_the_same_moment_do_not_both_begin(product: Product) -> None:
    first, _, _ = partly_failed(product)
    paths = [f"/executions/{first['executionId']}/{what}" for what in ("continue", "cleanup")]
    with held_jobs(product), ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda path: product.request("POST", path), paths))
        assert sorted(reply.status for reply in replies)[0] == 202
        assert sum(reply.status == 202 for reply in replies) == 1, replies
    for machine in product.engine.executions("recover-plan") + product.engine.executions("clean-up-drill"):
        machine.wait(60)


# --- what a clean-up finds --------------------------------------------------------------------------------------
@pytest.mark.parametrize("synced", [False, True])
def test_failed_servers_whose_instances_run_are_cleaned_up_and_counted(product: Product, synced: bool) -> None:
    servers = product.seed(2)
    fail_launch_actions_of(product, servers)
    plan = product.plan({"name": "web", "groups": [product.group(servers)]}, launchAttempts=1)
    record = product.drill(plan)
    assert (record["servers"]["failed"], ids(product).keys()) == (2, set(servers))
    if synced:
        sync(product)
        left = product.request("GET", f"/recovery-plans/{plan}").body["drillInstances"]
        assert (left["count"], left["executions"]) == (2, [record["executionId"]])
    shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]) == ("COMPLETED", {"total": 2, "terminated": 2, "failed": 0})
    assert (ids(product), cached(product)) == ({}, {})


@pytest.mark.parametrize("participants", ["empty", "named", "instance", "full"])
@pytest.mark.parametrize("fault", [None, "CUT_AFTER"])
def test_terminations_are_judged_by_what_is_gone(product: Product, participants: str, fault: str | None) -> None:
    product.emulator.control.change_settings({"behaviour": {"terminateParticipants": participants}})
    record = product.drill(product.plan(make_wave(product, count=2)))
    if fault:
        product.fault(fault, operation="TerminateRecoveryInstances", count=1)
    shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]) == ("COMPLETED", {"total": 2, "terminated": 2, "failed": 0})
    assert [sorted(job.participants) for job in terminations(product)] == [sorted(ids_of(record))]


def ids_of(record: dict[str, Any]) -> list[str]:
    return [server["sourceServerId"] for server in record["sourceServers"]]


def test_a_job_that_drs_does_not_show_yet_is_waited_for(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product, count=2)))
    product.emulator.control.change_settings({"behaviour": {"hiddenSeconds": 60}})
    shown = clean_up(product, record)
    assert (shown["status"], ids(product)) == ("COMPLETED", {})
    assert len(terminations(product)) == 1


@pytest.mark.speed(120)
@pytest.mark.parametrize("is_answered", [False, True])
def test_a_job_of_an_aborted_drill_that_drs_does_not_show_yet_is_waited_for(
    product: Product, is_answered: bool
) -> None:
    shown = clean_up(product, aborted_start(product, is_answered=is_answered))
    assert (shown["status"], shown["instances"]["terminated"]) == ("COMPLETED", 2)
    assert ids(product) == {}


@pytest.mark.speed(120)
@pytest.mark.parametrize("failure_event", ["LAUNCH_END", "LAUNCH_FAILED"])
def test_instances_that_drs_does_not_show_yet_are_waited_for(product: Product, failure_event: str) -> None:
    """With LAUNCH_FAILED, the log of the job names no instance, so that the record does not know it either."""
    behave(product, instanceDelaySeconds=400, failureEvent=failure_event)
    shown = clean_up(product, product.drill(product.plan(make_wave(product, count=2))))
    assert (shown["status"], shown["instances"]) == ("COMPLETED", {"total": 2, "terminated": 2, "failed": 0})
    assert ids(product) == {}


def test_an_instance_that_drs_does_not_call_a_drills_at_that_moment_is_left_alone(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product, count=2)))
    kept = next(iter(instances_left(product).values()))
    product.engine.runtime.before("TerminateInstances", lambda *_: setattr(kept, "is_drill", False))
    shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]) == ("PARTIAL", {"total": 2, "terminated": 1, "failed": 1})
    (failure,) = shown["failures"]
    assert failure["recoveryInstanceId"] == kept.id
    assert "does not call it an instance of a drill" in failure["reason"]
    assert ids(product) == {kept.server_id: kept.id}
    assert [list(job.participants) for job in terminations(product)] != [[kept.server_id]]


def test_an_instance_that_a_later_run_launched_is_not_the_earlier_ones(product: Product) -> None:
    servers = product.seed(2)
    group = product.group(servers)
    old = product.drill(product.plan({"name": "web", "groups": [group]}, name="old"))
    sync(product)
    new = product.drill(product.plan({"name": "web", "groups": [group]}, name="new"))
    before = ids(product)
    shown = clean_up(product, old)
    assert shown["status"] == "COMPLETED", shown
    assert (ids(product), terminations(product)) == (before, [])
    assert clean_up(product, new)["instances"]["terminated"] == 2


def test_an_instance_that_drs_forgot_and_ec2_runs_is_named(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product, count=2)))
    forgotten = next(iter(instances_left(product).values()))
    drs = product.emulator.client(HUB, WEST)
    drs.disconnect_recovery_instance(recoveryInstanceID=forgotten.id)
    drs.delete_recovery_instance(recoveryInstanceID=forgotten.id)
    shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]) == ("PARTIAL", {"total": 2, "terminated": 1, "failed": 1})
    (failure,) = shown["failures"]
    assert failure["recoveryInstanceId"] == forgotten.id
    assert "terminate it in EC2" in failure["reason"]


def test_a_target_that_gives_no_answer_is_named_and_the_others_are_cleaned_up(product: Product) -> None:
    here = product.group(product.seed(2))
    there = product.group(product.seed(1, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    record = product.drill(product.plan({"name": "web", "groups": [here, there]}))
    product.fault("REGION_DOWN", region=EUROPE)
    shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]) == ("PARTIAL", {"total": 2, "terminated": 2, "failed": 0})
    assert f"{OTHER}/{EUROPE} was not searched" in shown["reason"]
    product.emulator.world.faults.remove(None)
    time_passes(product)
    shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]["terminated"]) == ("COMPLETED", 1)
    assert instances_left(product, OTHER, EUROPE) == {}


def time_passes(product: Product) -> None:
    """Wait until the circuit of a target that was down lets a call pass."""
    pass_seconds(product, 120)


def test_a_target_that_answers_again_is_searched_again_by_the_same_clean_up(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product, count=2)))
    product.fault("THROTTLING", operation="DescribeRecoveryInstances", count=12)
    shown = clean_up(product, record)
    assert (shown["status"], shown["run"], ids(product)) == ("COMPLETED", 1, {})


def test_a_single_target_that_gives_no_answer_is_not_called_clean(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product, count=2)))
    product.fault("REGION_DOWN", region=WEST)
    shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]["total"]) == ("FAILED", 0)
    assert f"{HUB}/{WEST} was not searched" in shown["reason"]
    assert len(ids(product)) == 2


def test_a_drill_that_was_aborted_is_cleaned_up_once_its_job_has_ended(product: Product) -> None:
    plan = product.plan(make_wave(product, "db", count=2), make_wave(product, "web"))
    with launching_run(product, plan) as run:
        product.engine.client("stepfunctions").stop_execution(executionArn=product.machine(run).arn)
        record = wait_until(product, run, lambda _: close(product, run))
        name = begin(product, record)
        (machine,) = [one for one in product.engine.executions("clean-up-drill") if one.name == name]
        machine.wait_for_state("WaitForTargets")
    wait_for(product, name)
    shown = read(product, record)
    assert (shown["status"], shown["instances"]["terminated"]) == ("COMPLETED", 2)
    assert ids(product) == {}


def close(product: Product, run: str) -> bool:
    """Close the run as EventBridge does when its machine was aborted; True when its record is closed."""
    event = {"source": "aws.states", "detail": {"name": run, "status": "ABORTED"}}
    product.engine.invoke("CloseExecution", event)
    return bool(product.record(run)["status"] == "FAILED")


def test_a_drill_that_started_no_job_has_nothing_to_clean_up_and_drs_is_not_asked(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, pauseBefore=True)))
    wait_until(product, run, lambda record: record["waitingFor"])
    decide(product, run, "cancel")
    record = product.finish(run)
    before = product.calls()
    shown = clean_up(product, record)
    assert (shown["status"], shown["reason"]) == ("COMPLETED", "nothing to clean up: it started no job")
    assert product.calls() == before


# --- functions that are killed ----------------------------------------------------------------------------------
@pytest.mark.proof
@pytest.mark.parametrize(
    ("function", "number"), [("Api", 1), ("Api", 2), ("FindInstances", 1), ("FindInstances", 3), ("FindInstances", 4)]
)
def test_a_function_killed_after_a_change_leaves_one_clean_up_of_the_chain(
    product: Product, function: str, number: int
) -> None:
    first, _, _ = partly_failed(product)
    second = continued(product, first["executionId"])
    with killed_after_change(function, number) as made:
        product.request("POST", f"/executions/{first['executionId']}/cleanup")
        for machine in product.engine.executions("clean-up-drill"):
            machine.wait(60)
    assert len(made) >= number, made
    shown = clean_up(product, second)
    assert (shown["status"], ids(product)) == ("COMPLETED", {})
    servers = [server_id for job in terminations(product) for server_id in job.participants]
    assert len(servers) == len(set(servers)) == 3


@pytest.mark.proof
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_continue_killed_after_a_change_is_finished_by_its_repetition(product: Product, number: int) -> None:
    first, good, bad = partly_failed(product)
    with killed_after_change("Api", number) as made:
        assert ask_to_continue(product, first["executionId"], **KEY).status == 500
    assert made == ["UpdateItem", "TransactWriteItems", "StartExecution"][:number]
    reply = ask_to_continue(product, first["executionId"], **KEY)
    assert reply.status == 202, reply
    assert product.finish(reply.body["executionId"])["status"] == "COMPLETED"
    assert ids(product).keys() == {*good, bad}
    assert len(product.engine.executions("recover-plan")) == 2
