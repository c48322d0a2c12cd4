"""Runs and waves past their RTO target, DRS jobs far over their usual time, and batches that DRS keeps waiting."""

import json
import re
from typing import Any

import pytest

from cli.text import describe_waits
from report.run_record import list_jobs
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_plan, make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, held_jobs, launching_run, wait_until, wait_until_asked_for

KINDS = ("RUN_OVERDUE", "WAVE_OVERDUE", "JOB_OVERDUE")


def events_of(product: Product, run: str) -> list[str]:
    return [event["event"] for event in product.request("GET", f"/executions/{run}/events").body["events"]]


def check_open_runs(product: Product) -> None:
    """What the schedule of the cache's sync does every five minutes."""
    product.engine.invoke("ListTargets", {})


def test_a_job_that_never_ends_is_told_once_with_its_stage_and_so_are_its_wave_and_its_run(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        wave = make_wave(product, "db", rtoTargetMinutes=30)
        with held_jobs(product):
            run = product.start(product.plan(wave, rtoTargetMinutes=60))

            def is_overdue(record: dict[str, Any]) -> bool:
                return bool(
                    record["overdueAt"] and record["waves"][0]["overdueAt"] and record["batches"][0]["overdueAt"]
                )

            wait_until(product, run, is_overdue)
            polls = len(product.engine.runtime.invocations_of("PollJob"))
            wait_until(product, run, lambda _: len(product.engine.runtime.invocations_of("PollJob")) > polls + 3)
            check_open_runs(product)
            record = product.record(run)
            (batch,) = record["batches"]
            assert batch["stage"] == "not begun"
            assert batch["usualSeconds"] == 540
            assert batch["jobSeconds"] > 2_700
            (waiting,) = record["waitingFor"]
            assert (waiting["wave"], waiting["for"], waiting["answers"]) == ("db", "JOB", [])
            assert batch["jobId"] in waiting["text"]
            assert "usually takes 9 min" in waiting["text"]
            ((described, commands),) = describe_waits(record, "")
            assert "waits for a DRS job that takes far longer than usual" in described
            assert commands == []
            (job,) = list_jobs(record)
            assert (job.stage, job.usual_seconds) == ("not begun", 540)
        record = product.finish(run)

        assert record["status"] == "COMPLETED"
        (of_run,), (of_wave,), (of_job,) = (inbox.of_kind(kind) for kind in KINDS)
        assert "60 min" in of_run
        assert batch["jobId"] in of_wave
        assert "Wave: db" in of_wave
        assert "not begun, " in of_job
        assert "min of usual 9" in of_job
        assert f"--job {batch['jobId']} " in of_job
        assert f"Plan: {record['planName']}" in of_job.splitlines()
        for kind, text in zip(KINDS, (of_run, of_wave, of_job), strict=True):
            assert f"Message: {kind}" in text.splitlines()
        assert set(KINDS) <= set(events_of(product, run))
        assert record["batches"][0]["overdueAt"] is None
        metrics = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"DRS/Runs"' in line]
        counted = [
            name for line in metrics for name in ("RunsOverdue", "WavesOverdue", "JobsOverdue") if line.get(name)
        ]
        assert sorted(counted) == ["JobsOverdue", "RunsOverdue", "WavesOverdue"]


def test_refusals_while_a_cancelled_run_waits_for_its_job_name_the_job_and_the_way_out(product: Product) -> None:
    plan = product.plan(make_wave(product, "db", count=2))
    with launching_run(product, plan) as run:
        decide(product, run, "cancel")
        job = wait_until(product, run, lambda record: record["batches"][0]["jobId"])["batches"][0]["jobId"]
        refusals = {
            "NothingToContinue": product.request("POST", f"/executions/{run}/continue"),
            "PlanAlreadyRunning": product.request("POST", f"/recovery-plans/{plan}/drills"),
            "ExecutionStillRunning": product.request("POST", f"/executions/{run}/cleanup"),
        }
        for code, refused in refusals.items():
            assert (refused.status, refused.body["code"]) == (409, code)
            assert f"{run} is cancelling" in refused.body["detail"]
            assert re.search(rf"waits for the end of {job} in {HUB}/{WEST}: .*, \d+ min", refused.body["detail"])
            assert "cannot be cancelled" in refused.body["advice"]
            assert "cancel it" not in refused.body["advice"]
            assert "A job is stuck" in refused.body["advice"]
    product.finish(run)


def test_a_run_that_waits_for_operators_past_its_target_is_told_once_with_the_commands() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        approval = {"required": True, "timeoutMinutes": 10_000}
        plan = product.plan(make_wave(product, "db", approval=approval), rtoTargetMinutes=1)
        run = product.start(plan)
        wait_until_asked_for(product, run, "APPROVAL")
        wait_until(product, run, lambda record: record["durationSeconds"] > 60)
        assert inbox.of_kind("RUN_OVERDUE") == []
        for _ in range(3):
            check_open_runs(product)
        (told,) = inbox.of_kind("RUN_OVERDUE")
        assert f"drs-waves approve {run} db" in told
        assert product.record(run)["overdueAt"]
        decide(product, run, "cancel")
        product.finish(run)
        check_open_runs(product)
        assert len(inbox.of_kind("RUN_OVERDUE")) == 1


@pytest.mark.parametrize(("on_timeout", "then"), [("approve", "approved then"), ("reject", "rejected then")])
def test_an_approval_is_asked_for_again_once_when_a_quarter_of_its_time_is_left(on_timeout: str, then: str) -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        approval = {"required": True, "timeoutMinutes": 2_000, "onTimeout": on_timeout}
        run = product.start(product.plan(make_wave(product, "db", approval=approval)))
        wait_until_asked_for(product, run, "APPROVAL")
        check_open_runs(product)
        assert inbox.of_kind("APPROVAL_DUE") == []
        (row,) = [row for row in product.items("Executions") if row["item"] == "WAVE#db"]
        product.put("Executions", {**row, "waitingSince": "2026-01-01T00:00:00.000Z"})
        for _ in range(2):
            check_open_runs(product)
        (told,) = inbox.of_kind("APPROVAL_DUE")
        assert then in told
        assert f"drs-waves approve {run} db" in told
        decide(product, run, "cancel")
        product.finish(run)


def test_a_run_within_its_targets_and_a_readiness_run_are_not_told() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        plan = product.plan(make_wave(product, "db", rtoTargetMinutes=600), rtoTargetMinutes=600)
        record = product.drill(plan)
        product.finish(product.start(plan, "readiness"))
        check_open_runs(product)
        assert not set(KINDS) & set(inbox.values("kind"))
        drilled, checked = inbox.of_kind("RUN_FINISHED")
        assert "Servers: 1 of 1 servers launched, 0 failed, 0 excluded" in drilled.splitlines()
        assert "Servers: 1 of 1 servers ready" in checked.splitlines()
        assert record["overdueAt"] is None


def test_a_sync_of_some_targets_does_not_look_at_runs(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "db", approval={"required": True}), rtoTargetMinutes=1))
    wait_until_asked_for(product, run, "APPROVAL")
    wait_until(product, run, lambda record: record["durationSeconds"] > 60)
    product.engine.invoke("ListTargets", {"targets": [{"accountId": HUB, "region": WEST}]})
    assert product.record(run)["overdueAt"] is None
    decide(product, run, "cancel")
    product.finish(run)


@pytest.mark.real_durations
def test_a_running_job_shows_the_stage_of_its_slowest_server(product: Product) -> None:
    run = product.start(make_plan(product))
    record = wait_until(product, run, lambda record: record["batches"] and record["batches"][0]["stage"])
    (batch,) = record["batches"]
    assert batch["stage"] in ("snapshot", "conversion", "launch")
    assert batch["stageAt"] > batch["jobStartedAt"]
    logs = product.calls()["DescribeJobLogItems"]
    product.finish(run)
    assert product.calls()["DescribeJobLogItems"] <= logs + 5


def test_a_log_that_cannot_be_read_changes_nothing(product: Product) -> None:
    product.fault("SERVER_ERROR", operation="DescribeJobLogItems", count=3)
    with held_jobs(product):
        run = product.start(make_plan(product))
        wait_until(product, run, lambda record: record["batches"] and record["batches"][0]["overdueAt"])
    assert product.finish(run)["status"] == "COMPLETED"


@pytest.mark.real_durations
def test_a_batch_that_drs_keeps_waiting_says_so_until_drs_answers(product: Product) -> None:
    run = product.start(make_plan(product))
    wait_until(product, run, lambda record: record["servers"]["launching"])
    product.fault("REGION_DOWN", accountId=HUB, region=WEST)
    record = wait_until(product, run, lambda record: record["waitingFor"])
    (waiting,) = record["waitingFor"]
    assert (waiting["wave"], waiting["for"]) == ("web", "DRS")
    assert waiting["text"].count(f"{HUB}/{WEST}") == 1
    assert "the next attempt is at" not in waiting["text"]
    ((described, _),) = describe_waits(record, "")
    assert "wave web waits for DRS since" in described
    assert re.search(r"; next try within \d+ minutes$", described)
    assert record["batches"][0]["outages"][0]["until"] is None
    product.emulator.world.faults.remove(None)
    record = product.finish(run)
    (outage,) = record["batches"][0]["outages"]
    assert outage["since"] == waiting["since"]
    assert outage["until"] > outage["since"]
    assert {"DRS_WAIT_BEGAN", "DRS_WAIT_ENDED"} <= set(events_of(product, run))
    assert record["waitingFor"] == []


def test_a_batch_that_waits_for_the_job_of_another_run_waits_on_record_until_its_own_job_starts(
    product: Product,
) -> None:
    wave = {"name": "web", "groups": [product.group(product.seed(1))]}
    plans = [product.plan(wave, name=f"plan {number}") for number in (1, 2)]
    with launching_run(product, plans[0]) as first:
        second = product.start(plans[1])
        waiting = wait_until(product, second, lambda record: record["waitingFor"])["waitingFor"][0]
        assert (waiting["for"], "ServerBusy" in waiting["text"]) == ("DRS", True)
        tries = len(product.engine.runtime.invocations_of("CheckCapacity"))
        wait_until(product, second, lambda _: len(product.engine.runtime.invocations_of("CheckCapacity")) > tries + 3)
        record = product.record(second)
        assert [wait["since"] for wait in record["waitingFor"]] == [waiting["since"]]
        assert [outage["until"] for outage in record["batches"][0]["outages"]] == [None]
    product.finish(first)
    (batch,) = product.finish(second)["batches"]
    (outage,) = batch["outages"]
    assert outage["until"] >= batch["jobs"][0]["startedAt"]
    assert events_of(product, second).count("DRS_WAIT_ENDED") == 1
