"""The counts of a run, wherever it shows them, are those of its servers, and its verdicts follow from them.

`Product.finish` compares all counts with the servers after every run, in all workflow tests. Here are the runs in which
they are hardest to get right.
"""

from collections.abc import Callable
from typing import Any

import pytest

from recovery.packing import pack
from tests.support.fault_injection import killed_before
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import WEST, Product
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
        assert "1 of 2 servers launched, 1 failed" in app
        assert "1 of 3 servers launched, 1 failed" in whole


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
    """The record has it as launched, and the instance was terminated before the attempt is settled."""
    server = product.seed(1, prefix="bad", failsAt="LAUNCH")[0]
    plan = product.plan({"name": "app", "groups": [product.group([server, *product.seed(1)])]})
    with held_jobs(product):
        run = product.start(plan)
        wait_until(product, run, lambda record: record["servers"]["launching"])
        (row,) = (row for row in product.items("Executions") if row["item"].startswith("BATCH#"))
        product.put("Executions", {**row, "results": pack({server: {"status": "LAUNCHED", "jobId": "drsjob-1"}})})
    record = product.finish(run)
    assert statuses(record) == {"bad-001": "LAUNCHED", "srv-001": "LAUNCHED"}
    assert record["status"] == "COMPLETED"
    assert len(product.jobs()) == 1


def writes_to_batch(attribute: str) -> Callable[[str, Any], bool]:
    def strikes(operation: str, parameters: Any) -> bool:
        is_batch = operation == "UpdateItem" and "BATCH#" in str(parameters["Key"])
        return is_batch and attribute in parameters["ExpressionAttributeNames"].values()

    return strikes


@pytest.mark.parametrize("is_written", [False, True])
def test_a_server_that_was_left_out_by_a_function_that_died_counts_the_same_everywhere_after_a_cancel(
    product: Product, is_written: bool
) -> None:
    """StartRecovery was killed before the write that leaves the server out, or after it, before the call of DRS."""
    live, *others = product.seed(3)
    plan = product.plan({"name": "web", "groups": [product.group([live, *others])], "pauseBefore": True})
    run = product.start(plan)
    wait_until_asked_for(product, run, "RESUME")
    one = product.plan({"name": "web", "groups": [product.group([live])]}, name="one")
    assert product.finish(product.start(one, "recoveries"))["status"] == "COMPLETED"
    strikes = (lambda operation, _: operation == "StartRecovery") if is_written else writes_to_batch("intentAt")
    with killed_before("StartRecovery", strikes, lambda: decide(product, run, "cancel")):
        decide(product, run, "resume")
        record = product.finish(run)
    left_out = "FAILED" if is_written else "SKIPPED"
    assert sorted(statuses(record).values()) == [left_out, "SKIPPED", "SKIPPED"]
    assert (record["status"], record["servers"]["failed"]) == ("CANCELLED", int(is_written))


def test_results_that_were_written_before_the_machine_died_count_though_drs_can_no_longer_be_asked(
    product: Product,
) -> None:
    bad = product.seed(1, prefix="bad", failsAt="LAUNCH")
    plan = product.plan({"name": "app", "groups": [product.group([*product.seed(2), *bad])]}, launchAttempts=1)
    run = product.start(plan)

    def stop() -> None:
        product.fault("REGION_DOWN", region=WEST)
        for machine in product.engine.executions():
            product.engine.client("stepfunctions").stop_execution(executionArn=machine.arn)

    product.engine.runtime.after("SettleBatch", stop, times=1)
    product.machine(run).wait(60)
    product.engine.invoke("CloseExecution", {"source": "aws.states", "detail": {"name": run, "status": "ABORTED"}})
    record = product.finish(run)
    assert statuses(record) == {"bad-001": "FAILED", "srv-001": "LAUNCHED", "srv-002": "LAUNCHED"}
    assert record["servers"] == {"total": 3, "launched": 2, "failed": 1, "excluded": 0, "launching": 0}


# --- results that come late ---------------------------------------------------------------------------------------
def test_a_wave_whose_results_came_late_is_judged_again_and_says_what_its_run_says() -> None:
    """SettleBatch breaks for good. FinishExecution reads the job's results, and the wave was judged without them."""
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        product.engine.runtime.fail("SettleBatch", "KeyError", times=1)
        record = product.drill(product.plan(make_wave(product, "db", count=2)))

        assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 2), record["reason"]
        (wave,) = record["waves"]
        assert wave["status"] == "COMPLETED"
        assert wave["servers"]["launched"] == wave["servers"]["total"]
        assert "judged again" in wave["reason"]
        (earlier,) = wave["earlierVerdicts"]
        assert earlier["status"] == "FAILED"
        assert "results of" in earlier["reason"]
        (corrected,) = inbox.of_kind("WAVE_CORRECTED")
        assert "2 of 2 servers launched" in corrected
        events = product.request("GET", f"/executions/{record['executionId']}/events").body["events"]
        assert "WAVE_CORRECTED" in [event["event"] for event in events]


def test_waves_behind_one_that_was_judged_again_stay_skipped_and_say_why(product: Product) -> None:
    product.engine.runtime.fail("SettleBatch", "KeyError", times=1)
    record = product.drill(product.plan(make_wave(product, "db", count=2), make_wave(product, "web")))
    assert wave_statuses(record) == {"db": "COMPLETED", "web": "SKIPPED"}
    assert record["status"] == "PARTIAL"
    assert "it depends on db" in record["waves"][1]["reason"]
    assert "results that came later show that db is COMPLETED" in record["waves"][1]["reason"]
    assert len(product.jobs()) == 1


def test_a_late_result_within_the_tolerance_makes_a_wave_partial_and_one_beyond_it_leaves_it_failed(
    product: Product,
) -> None:
    product.engine.runtime.fail("SettleBatch", "KeyError", times=99)
    lenient = make_failing_wave(product, "lenient", maxFailedPercent=50, dependsOn=[])
    servers = product.seed(1, prefix="worse", failsAt="LAUNCH") + product.seed(1, prefix="fine")
    strict = {"name": "strict", "groups": [product.group(servers)], "dependsOn": []}
    record = product.drill(product.plan(lenient, strict))
    assert wave_statuses(record) == {"lenient": "PARTIAL", "strict": "FAILED"}
    assert record["waves"][1]["servers"] | {"launched": 1, "failed": 1} == record["waves"][1]["servers"]
    assert "1 of 2 servers were launched, 1 failed" in record["waves"][1]["reason"]


def test_a_run_that_ended_is_judged_again_when_a_result_comes_after_its_end(product: Product) -> None:
    """FinishExecution could not settle a batch; CloseExecution, which follows it, does."""
    run = product.drill(product.plan(make_wave(product, "db", count=2)))["executionId"]
    for row in product.items("Executions"):
        if row["item"] in ("META", "WAVE#db"):
            seen = {"total": 2, "launched": 0, "failed": 0, "excluded": 0}
            product.put("Executions", {**row, "status": "FAILED", "reason": "not read", "servers": seen})
    event = {"detail": {"name": run, "status": "FAILED"}}
    assert product.engine.invoke("CloseExecution", event) == {"closed": False}
    record = product.finish(run)
    assert (record["status"], wave_statuses(record)) == ("COMPLETED", {"db": "COMPLETED"})
    assert record["waves"][0]["earlierVerdicts"][0]["reason"] == "not read"


# --- waves without servers ----------------------------------------------------------------------------------------
def test_a_wave_with_nothing_left_to_launch_asks_nobody(product: Product) -> None:
    first = make_wave(product, "db", approval={"required": True}, pauseBefore=True)
    plan = product.plan(first, make_failing_wave(product, "app"))
    run = product.start(plan)
    wait_until_asked_for(product, run, "RESUME")
    decide(product, run, "resume")
    wait_until_asked_for(product, run, "APPROVAL")
    decide(product, run, "waves/db/approve")
    assert wave_statuses(product.finish(run)) == {"db": "COMPLETED", "app": "FAILED"}

    reply = product.request("POST", f"/executions/{run}/continue")
    record = product.finish(reply.body["executionId"])

    assert wave_statuses(record) == {"db": "COMPLETED", "app": "FAILED"}
    assert record["waves"][0]["reason"] == "nothing was left to launch"
    assert record["waits"] == record["decisions"] == []


def test_a_run_whose_approval_nobody_gave_says_so_in_its_reason(product: Product) -> None:
    approval = {"required": True, "timeoutMinutes": 2, "onTimeout": "reject"}
    record = product.drill(product.plan(make_wave(product, "db", approval=approval), make_wave(product, "web")))
    assert record["status"] == "FAILED"
    assert "SKIPPED: db, web" in record["reason"]
    assert "approval of wave db timed out: nobody answered by " in record["reason"]
    assert "its approval timed out" in record["waves"][0]["reason"]


def test_a_run_whose_approval_was_refused_names_the_operator_and_the_comment(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "db", approval={"required": True})))
    wait_until_asked_for(product, run, "APPROVAL")
    decide(product, run, "waves/db/reject", "the change is not ready")
    record = product.finish(run)
    assert (
        "approval of wave db was refused by arn:aws:iam::111122223333:user/ana: the change is not ready"
        in record["reason"]
    )


# --- waits for operators ------------------------------------------------------------------------------------------
def test_a_hold_that_a_cancel_ends_is_a_wait_with_the_times_on_record(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "db", pauseBefore=True)))
    (open_wait,) = wait_until_asked_for(product, run, "RESUME")["waitingFor"]
    decide(product, run, "cancel")
    record = product.finish(run)
    (wait,) = record["waits"]
    (cancel,) = record["decisions"]
    assert wait == {
        "wave": "db",
        "for": "RESUME",
        "since": open_wait["since"],
        "until": cancel["at"],
        "by": cancel["by"],
    }


@pytest.mark.parametrize(
    ("wave", "kind", "decision"),
    [
        ({"approval": {"required": True}}, "APPROVAL", "waves/db/approve"),
        ({"approval": {"required": True}}, "APPROVAL", "cancel"),
        ({"pauseBefore": True}, "RESUME", "resume"),
        ({"onFailure": "ask"}, "DECISION", "waves/db/accept"),
        ({"onFailure": "ask"}, "DECISION", "waves/db/retry"),
        ({"onFailure": "ask"}, "DECISION", "cancel"),
    ],
)
def test_a_wait_has_the_times_that_the_run_showed_whatever_decision_ended_it(
    product: Product, wave: dict[str, Any], kind: str, decision: str
) -> None:
    run = product.start(product.plan(make_failing_wave(product, "db", **wave)))
    asked = wait_until_asked_for(product, run, kind)
    (open_wait,) = asked["waits"]
    assert (open_wait["since"], open_wait["until"]) == (asked["waitingFor"][0]["since"], None)
    decide(product, run, decision)
    if decision.endswith("retry"):
        wait_until_asked_for(product, run, kind)
        decide(product, run, "cancel")
    record = product.finish(run)
    assert record["waits"][0] == {
        "wave": "db",
        "for": kind,
        "since": open_wait["since"],
        "until": record["decisions"][0]["at"],
        "by": record["decisions"][0]["by"],
    }
    assert len(record["waits"]) == len(record["decisions"])


def test_a_pause_of_the_run_is_a_wait_of_the_run_and_of_the_waves_that_it_held(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "db", approval={"required": True}), make_wave(product, "web")))
    wait_until_asked_for(product, run, "APPROVAL")
    decide(product, run, "pause")
    decide(product, run, "waves/db/approve")
    wait_until(product, run, lambda record: wave_statuses(record)["db"] == "PAUSED")
    decide(product, run, "resume")
    record = product.finish(run)
    assert [(wait["wave"], wait["for"]) for wait in record["waits"]] == [
        ("db", "APPROVAL"),
        (None, "RESUME"),
        ("db", "RESUME"),
    ]
    assert record["waits"][1]["since"] == record["decisions"][0]["at"]
    assert record["waits"][1]["until"] == record["waits"][2]["until"] == record["decisions"][-1]["at"]
