"""A run whose rows are in one partition of DynamoDB, while that partition takes less than is asked of it.

AWS allows 1,000 write units and 3,000 read units a second. moto is too slow to write that much, and time runs sixty
times as fast here, so the partition takes less, in simulated seconds.
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.plans import make_plan, make_wave
from tests.support.product import HUB, OTHER, SHORT_DURATIONS, Product
from tests.support.runs import decide, launching_run, wait_until_asked_for
from tests.support.throttled_partition import REFUSALS, throttled_partition

SPEED = 60
REGIONS = ("us-west-2", "us-east-1", "us-east-2", "eu-west-1", "eu-central-1")
TARGETS = [(account, region) for account in (HUB, OTHER) for region in REGIONS]
BATCHES_OF_TARGET, SERVERS_OF_BATCH = 5, 10
# Fifty batches settle with two units each, and the partition takes them in seven minutes.
UNITS_PER_SECOND = 0.25


def assert_all_launched(record: dict[str, Any], servers: int) -> None:
    assert record["status"] == "COMPLETED", record["reason"]
    assert record["servers"]["launched"] == record["servers"]["total"] == servers
    assert {server["status"] for server in record["sourceServers"]} == {"LAUNCHED"}
    assert all(server["jobId"] for server in record["sourceServers"])
    assert len({server["sourceServerId"] for server in record["sourceServers"]}) == servers


@pytest.mark.proof
def test_fifty_batches_that_settle_at_once_outlast_a_partition_that_refuses_and_lose_no_result() -> None:
    with Product(SPEED, SHORT_DURATIONS, SERVERS_PER_JOB=str(SERVERS_OF_BATCH)) as product:
        groups = []
        for account, region in TARGETS:
            servers = product.seed(BATCHES_OF_TARGET * SERVERS_OF_BATCH, account=account, region=region)
            groups.append(product.group(servers, account=account, region=region))
        run = product.start(product.plan({"name": "all", "groups": groups}))
        with throttled_partition(run, speed=SPEED) as partition:
            batches = BATCHES_OF_TARGET * len(TARGETS)
            at_once = threading.Barrier(batches, lambda: partition.writes.limit(UNITS_PER_SECOND))
            product.engine.runtime.before("SettleBatch", lambda event, context: at_once.wait(120), batches)
            product.machine(run).wait(200)
        record = product.finish(run)
    assert partition.refused["update_item"] > batches
    assert_all_launched(record, batches * SERVERS_OF_BATCH)
    assert len(record["batches"]) == batches
    assert {len(batch["jobs"]) for batch in record["batches"]} == {1}


@pytest.fixture
def two_waves() -> Iterator[tuple[Product, str]]:
    with Product(SPEED, SHORT_DURATIONS) as product:
        first, second = make_wave(product, "first", 2), make_wave(product, "second", 2, dependsOn=["first"])
        yield product, product.plan(first, second)


TASKS = ["LoadPlan", "InspectTarget", "StartWave", "StartRecovery", "PollJob", "SettleBatch", "SettleWave"]


@pytest.mark.proof
@pytest.mark.parametrize(
    ("function", "kind"),
    [
        *((function, "writes") for function in [*TASKS, "FinishExecution"]),
        *((function, "reads") for function in ["StartRecovery", "SettleBatch", "FinishExecution"]),
    ],
)
def test_a_run_outlasts_ten_minutes_in_which_dynamodb_refuses_every_request_of_a_kind(
    two_waves: tuple[Product, str], function: str, kind: str
) -> None:
    product, plan = two_waves
    with throttled_partition(None, speed=SPEED) as tables:
        units = tables.writes if kind == "writes" else tables.reads
        product.engine.runtime.before(function, lambda event, context: units.close(600), 1)
        run = product.start(plan)
        product.machine(run).wait(200)
    assert tables.refused.total() > 0
    assert_all_launched(product.finish(run), 4)


def test_a_decision_that_the_partition_refuses_is_postponed_with_503_and_counts_once_it_is_taken(
    product: Product,
) -> None:
    with launching_run(product, make_plan(product)) as run:
        with throttled_partition(run) as partition:
            partition.writes.close(3600)
            refused = decide(product, run, "pause")
        assert (refused.status, refused.body["code"]) == (503, "AwsUnavailable"), refused
        assert partition.refused["transact_write_items"] > len(REFUSALS)  # each code was among the refusals
        assert product.record(run)["decisions"] == []
        assert decide(product, run, "pause").status == 200
        assert decide(product, run, "resume").status == 200
    assert_all_launched(product.finish(run), 3)


def test_a_viewer_takes_half_of_the_units_for_the_batches_of_a_run_until_it_has_ended(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "web", approval={"required": True, "timeoutMinutes": 600})))
    wait_until_asked_for(product, run, "APPROVAL")
    with throttled_partition(run, only_this_thread=True) as partition:
        product.request("GET", f"/executions/{run}")
    assert partition.reads.taken == 1 + 1 + 3 * 0.5  # META, the waves; the actions, the batches and the targets
    decide(product, run, "waves/web/approve")
    product.machine(run).wait()
    with throttled_partition(run, only_this_thread=True) as partition:
        product.request("GET", f"/executions/{run}")
    assert partition.reads.taken == 5
