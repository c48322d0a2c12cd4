"""The counts of a run, wherever it shows them, are those of its servers, and its verdicts follow from them.

`Product.finish` compares all counts with the servers after every run, in all workflow tests. Here are the runs in which
they are hardest to get right.
"""

from typing import Any

import pytest

from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import Product
from tests.support.runs import decide, held_jobs, wait_until, wait_until_asked_for, wave_statuses


def statuses(record: dict[str, Any]) -> dict[str, str]:
    return {server["hostname"]: server["status"] for server in record["sourceServers"]}


@pytest.mark.real_durations
def test_a_server_that_failed_before_a_cancel_is_failed_everywhere_though_it_had_another_attempt() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        run = product.start(product.plan(make_failing_wave(product, "app"), make_wave(product, "next")))
        wait_until(product, run, lambda record: record["servers"]["launching"])
        assert decide(product, run, "cancel").status == 200
        record = product.finish(run)

        assert statuses(record) == {"bad-001": "FAILED", "good-001": "LAUNCHED", "next-001": "SKIPPED"}
        assert record["servers"] == {"total": 3, "launched": 1, "failed": 1, "excluded": 0, "launching": 0}
        assert wave_statuses(record) == {"app": "FAILED", "next": "SKIPPED"}
        assert "1 of 2 servers were launched, 1 failed, 0 excluded" in record["waves"][0]["reason"]
        app, whole = ("".join(inbox.of_kind(kind)) for kind in ("WAVE_FAILED", "RUN_FINISHED"))
        assert "1 of 2 launched, 1 failed" in app
        assert "1 of 3 launched, 1 failed" in whole


@pytest.mark.real_durations
def test_a_wave_in_which_all_servers_failed_before_a_cancel_has_failed_and_is_not_skipped(product: Product) -> None:
    servers = product.seed(2, prefix="bad", failsAt="LAUNCH")
    run = product.start(product.plan({"name": "app", "groups": [product.group(servers)]}))
    wait_until(product, run, lambda record: record["servers"]["launching"])
    decide(product, run, "cancel")
    record = product.finish(run)
    assert wave_statuses(record) == {"app": "FAILED"}
    assert record["servers"]["failed"] == 2


def test_failed_servers_count_as_failed_until_their_next_job_starts_and_then_as_launching(product: Product) -> None:
    run = product.start(product.plan(make_failing_wave(product, "app", onFailure="ask")))
    record = wait_until_asked_for(product, run, "DECISION")
    assert record["servers"] == {"total": 2, "launched": 1, "failed": 1, "excluded": 0, "launching": 0}
    with held_jobs(product):
        decide(product, run, "waves/app/retry")
        record = wait_until(product, run, lambda record: record["servers"]["launching"])
        assert record["servers"] == {"total": 2, "launched": 1, "failed": 0, "excluded": 0, "launching": 1}
        decide(product, run, "cancel")
    record = product.finish(run)
    assert statuses(record) == {"bad-001": "FAILED", "good-001": "LAUNCHED"}
    assert wave_statuses(record) == {"app": "FAILED"}


def test_a_retry_that_a_cancel_forestalls_leaves_its_servers_failed(product: Product) -> None:
    run = product.start(product.plan(make_failing_wave(product, "app", onFailure="ask")))
    wait_until_asked_for(product, run, "DECISION")
    decide(product, run, "pause")
    decide(product, run, "waves/app/retry")
    decide(product, run, "cancel")
    record = product.finish(run)
    assert statuses(record) == {"bad-001": "FAILED", "good-001": "LAUNCHED"}
    assert wave_statuses(record) == {"app": "FAILED"}


def test_a_server_that_is_on_record_as_launched_stays_so_and_counts_so_whatever_its_job_reports_later(
    product: Product,
) -> None:
    """SettleBatch was killed between the results and the batch, and the instance was terminated before its next try."""
    server = product.seed(1, prefix="bad", failsAt="LAUNCH")[0]
    plan = product.plan({"name": "app", "groups": [product.group([server, *product.seed(1)])]})
    with held_jobs(product):
        run = product.start(plan)
        wait_until(product, run, lambda record: record["servers"]["launching"])
        (row,) = (row for row in product.items("Executions") if row.get("sourceServerId") == server)
        product.put("Executions", {**row, "status": "LAUNCHED", "jobId": "drsjob-1"})
    record = product.finish(run)
    assert statuses(record) == {"bad-001": "LAUNCHED", "srv-001": "LAUNCHED"}
    assert record["status"] == "COMPLETED"
    assert len(product.jobs()) == 1
