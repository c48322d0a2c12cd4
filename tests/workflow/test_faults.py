"""Launches under faults: killed functions, lost answers, throttling, a Region that is down, servers that fail."""

import json
from typing import Any

import pytest

from recovery.domain.caught_errors import describe_call
from tests.harness.lambda_runtime import FunctionFault
from tests.support.fault_injection import killed_after_change
from tests.support.plans import make_plan, make_wave
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product
from tests.support.runs import decide, wait_for_calls, wait_until, wait_until_asked_for, wave_statuses


def assert_launched_once(product: Product, record: dict[str, Any], servers: int) -> None:
    """Assert that one job launched each server, that the record and DRS agree, and that no lease remains."""
    assert record["status"] == "COMPLETED", record
    assert record["servers"]["launched"] == servers
    jobs = {job["jobID"]: [each["sourceServerID"] for each in job["participatingServers"]] for job in product.jobs()}
    started = [server for servers in jobs.values() for server in servers]
    assert len(started) == len(set(started)) == servers
    for server in record["sourceServers"]:
        assert server["sourceServerId"] in jobs[server["jobId"]]
    assert not any(row.get("leases") for row in product.items("Limits"))


REFUSED = FunctionFault("DrsRefused", f"{describe_call('StartRecovery', f'{HUB}/{WEST}')}: ValidationException: no")

# The changes that StartRecovery makes for a batch of three servers of a recovery, in order.
CHANGES_OF_A_START = [
    ("the readings of the launch configurations are counted", "UpdateItem"),
    ("the launch configurations are on record", "PutItem"),
    ("the servers are held", "UpdateItem"),
    ("the look at the jobs is counted", "UpdateItem"),
    ("the look at the recovery instances is counted", "UpdateItem"),
    ("the intent is on record", "UpdateItem"),
    ("the call is counted in the budget", "UpdateItem"),
    ("DRS has started the job", "StartRecovery"),
    ("the job is on record", "UpdateItem"),
    ("the run shows as polling", "UpdateItem"),
]


@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, len(CHANGES_OF_A_START) + 1))
def test_start_recovery_killed_after_any_of_its_changes_launches_once(product: Product, number: int) -> None:
    with killed_after_change("StartRecovery", number) as made:
        record = product.finish(product.start(make_plan(product), "recoveries"))
    assert made == [operation for _, operation in CHANGES_OF_A_START[:number]], CHANGES_OF_A_START[number - 1]
    assert_launched_once(product, record, 3)


def test_start_recovery_makes_no_change_but_those_after_which_it_is_killed(product: Product) -> None:
    with killed_after_change("StartRecovery", 100) as made:
        product.finish(product.start(make_plan(product), "recoveries"))
    assert made == [operation for _, operation in CHANGES_OF_A_START]


# The changes that SettleBatch makes, in order, however many servers the batch has.
CHANGES_OF_A_SETTLEMENT = [
    ("the look at the job is counted", "UpdateItem"),
    ("the job's duration is kept", "UpdateItem"),
    ("the look at the recovery instances is counted", "UpdateItem"),
    ("the reading of the job's log is counted", "UpdateItem"),
    ("the lease is given back", "UpdateItem"),
    ("the batch is settled, with the results of its servers", "UpdateItem"),
]


@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, len(CHANGES_OF_A_SETTLEMENT) + 1))
def test_settle_batch_killed_after_any_of_its_changes_loses_nothing(product: Product, number: int) -> None:
    with killed_after_change("SettleBatch", number) as made:
        record = product.drill(make_plan(product))
    assert made == [operation for _, operation in CHANGES_OF_A_SETTLEMENT[:number]], CHANGES_OF_A_SETTLEMENT[number - 1]
    assert_launched_once(product, record, 3)


@pytest.mark.parametrize("servers", [3, 60])
def test_settle_batch_makes_no_change_but_those_after_which_it_is_killed(product: Product, servers: int) -> None:
    with killed_after_change("SettleBatch", 100) as made:
        record = product.drill(product.plan(make_wave(product, "web", count=servers)))
    assert made == [operation for _, operation in CHANGES_OF_A_SETTLEMENT]
    assert_launched_once(product, record, servers)


@pytest.mark.proof
@pytest.mark.parametrize("number", [1, 2])
def test_check_capacity_killed_after_a_change_leaks_no_lease(product: Product, number: int) -> None:
    with killed_after_change("CheckCapacity", number) as made:
        record = product.drill(make_plan(product))
    assert len(made) == number
    assert_launched_once(product, record, 3)


def test_a_start_whose_answer_is_lost_ten_times_launches_once(product: Product) -> None:
    product.engine.runtime.lose_answer("StartRecovery", times=10)
    assert_launched_once(product, product.drill(make_plan(product)), 3)


def test_an_answer_of_drs_that_is_lost_after_the_job_started_launches_once(product: Product) -> None:
    product.fault("CUT_AFTER", operation="StartRecovery", count=1)
    record = product.drill(make_plan(product))
    assert_launched_once(product, record, 3)
    assert product.calls()["StartRecovery"] == 1


def test_a_call_that_never_reached_drs_is_made_again(product: Product) -> None:
    product.fault("CUT_BEFORE", operation="StartRecovery", count=2)
    assert_launched_once(product, product.drill(make_plan(product)), 3)


@pytest.mark.parametrize("operation", ["StartRecovery", "DescribeJobs", "DescribeSourceServers"])
@pytest.mark.parametrize("kind", ["THROTTLING", "SERVER_ERROR"])
def test_throttling_and_errors_of_drs_are_waited_out(product: Product, operation: str, kind: str) -> None:
    # Each start without an answer takes five minutes and more; six would outlast the lease, which stays as expired.
    product.fault(kind, operation=operation, count=2 if (kind, operation) == ("SERVER_ERROR", "StartRecovery") else 6)
    assert_launched_once(product, product.drill(make_plan(product)), 3)


def test_a_passing_fault_of_dynamodb_fails_no_server(product: Product) -> None:
    product.engine.runtime.fail("SettleBatch", _named("AwsUnavailable"), times=2)
    product.engine.runtime.fail("PollJob", _named("AwsUnavailable"), times=2)
    product.engine.runtime.fail("SettleWave", _named("AwsUnavailable"), times=2)
    assert_launched_once(product, product.drill(make_plan(product)), 3)


def test_a_poll_that_breaks_for_good_is_followed_on_and_fails_no_server(product: Product) -> None:
    product.engine.runtime.fail("PollJob", "KeyError", times=1)
    assert_launched_once(product, product.drill(make_plan(product)), 3)


@pytest.mark.real_durations
def test_a_dead_region_pauses_its_own_batches_and_recovers_by_itself(product: Product) -> None:
    west = product.group(product.seed(2, prefix="west"))
    east = product.group(product.seed(2, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    plan = product.plan(
        {"name": "west", "groups": [west], "dependsOn": []}, {"name": "east", "groups": [east], "dependsOn": []}
    )
    execution_id = product.start(plan)
    wait_for_calls(product, "StartRecovery", 2)
    product.fault("REGION_DOWN", accountId=HUB, region=WEST)

    def east_alone_has_ended(record: dict[str, Any]) -> bool:
        return wave_statuses(record) == {"west": "IN_PROGRESS", "east": "COMPLETED"} and bool(paused())

    def paused() -> list[str]:
        waiting = [one for one in product.engine.executions("recover-target") if "WaitForDrs" in one.states_entered()]
        return [one.name.split("_")[-2] for one in waiting]

    wait_until(product, execution_id, east_alone_has_ended)
    product.emulator.world.faults.remove(None)

    record = product.finish(execution_id)
    assert record["status"] == "COMPLETED", record
    assert paused() == [WEST]
    circuits = {
        row["target"]: row["state"] for row in product.items("Limits") if row["item"] == "CIRCUIT" and "state" in row
    }
    assert circuits == {f"{HUB}/{WEST}": "closed"}


@pytest.mark.real_durations
def test_capacity_that_others_hold_is_waited_for(product: Product) -> None:
    servers = product.seed(20, prefix="theirs")
    drs = product.emulator.client(HUB, WEST)
    for server in servers:
        drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=True)
    record = product.drill(make_plan(product))
    assert record["servers"]["launched"] == 3
    assert product.emulator.control.calls(detail=False)["peak"]["overall"]["jobs"] <= 20
    operations = product.emulator.control.calls(detail=False)["operations"]
    assert operations["StartRecovery"] == {"OK": 21}


def _named(name: str) -> FunctionFault:
    return FunctionFault(name)


@pytest.mark.parametrize("error", [None, "TargetAccessDenied", "NothingToLaunch", REFUSED])
@pytest.mark.parametrize("when", ["CheckCapacity", "StartRecovery"])
def test_a_settlement_that_comes_after_the_retry_of_an_operator_changes_nothing(
    product: Product, error: FunctionFault | str | None, when: str
) -> None:
    """SettleBatch of the first round is repeated in the second, before its job is started or while it runs."""
    if error:
        product.engine.runtime.fail("StartRecovery", error, times=1)
    else:
        product.fault("LAUNCH_FAILS", count=3)
    wave = make_wave(product, "web", count=3, onFailure="ask")
    run = product.start(product.plan(wave, launchAttempts=1))
    wait_until_asked_for(product, run, "DECISION")
    (first,) = product.engine.runtime.invocations_of("SettleBatch")
    event = json.dumps(first.event)
    before, after = list[Any](), list[Any]()

    def rows() -> Any:
        return sorted((row for row in product.items("Executions") if row["item"][:6] in ("BATCH#", "SERVER")), key=str)

    def repeat(*_: Any) -> None:
        before.append(rows())
        late = product.engine.client("lambda").invoke(FunctionName="SettleBatch", Payload=event)
        assert json.loads(late["Payload"].read())["serversToRetry"] == 0
        after.append(rows())

    product.engine.runtime.after(when, repeat, times=1)
    assert decide(product, run, "waves/web/retry").status == 200
    record = product.finish(run)
    assert before
    assert before == after
    assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 3), record


def test_a_settlement_that_comes_late_leaves_the_next_attempt_alone(product: Product) -> None:
    """SettleBatch of the first attempt is repeated while the job of the second runs."""
    product.fault("LAUNCH_FAILS", count=1)
    execution_id = product.start(make_plan(product))
    wait_for_calls(product, "StartRecovery", 2)
    (first,) = [call for call in product.engine.runtime.invocations_of("SettleBatch") if not call.event["error"]][:1]
    late = product.engine.client("lambda").invoke(FunctionName="SettleBatch", Payload=json.dumps(first.event))
    assert json.loads(late["Payload"].read())["follow"] is None

    record = product.finish(execution_id)

    assert record["status"] == "COMPLETED", record
    assert record["servers"]["launched"] == 3
    assert product.calls()["StartRecovery"] == 2
