"""What people see of a run: its state, what it waits for, in lists too, and waves that were only checked."""

from typing import Any

from tests.support.fault_injection import Call, calls_through
from tests.support.plans import make_wave
from tests.support.product import Product
from tests.support.runs import decide, held_jobs, launching_run, wait_until, wait_until_asked_for, wave_statuses

APPROVAL = {"approval": {"required": True, "timeoutMinutes": 600}}


def listed(product: Product, execution_id: str, **filters: str) -> dict[str, Any]:
    """The entry of the run in a list."""
    page = product.request("GET", "/executions", **filters).body["executions"]
    (entry,) = [each for each in page if each["executionId"] == execution_id]
    found: dict[str, Any] = entry
    return found


def test_a_list_shows_what_each_run_waits_for(product: Product) -> None:
    plan = product.plan(make_wave(product, "web", **APPROVAL))
    run = product.start(plan)
    record = wait_until_asked_for(product, run, "APPROVAL")
    assert (record["status"], record["state"]) == ("PENDING", "WAITING_FOR_PEOPLE")
    for filters in ({}, {"planId": plan}, {"status": "PENDING"}):
        entry = listed(product, run, **filters)
        assert (entry["state"], entry["waitingFor"]) == ("WAITING_FOR_PEOPLE", record["waitingFor"])
    decide(product, run, "waves/web/reject")
    ended = product.finish(run)
    entry = listed(product, run)
    assert (entry["state"], entry["waitingFor"]) == (ended["status"], []) == (ended["state"], ended["waitingFor"])


def test_a_paused_run_waits_for_people_to_resume_it(product: Product) -> None:
    plan = product.plan(make_wave(product, "web"))
    with launching_run(product, plan) as run:
        wait_until(product, run, lambda record: record["status"] == "POLLING")
        assert listed(product, run)["state"] == "RUNNING"
        decide(product, run, "pause")
        entry = listed(product, run)
        (wait,) = entry["waitingFor"]
        assert (entry["state"], wait["for"], wait["wave"]) == ("PAUSED", "RESUME", None)
        assert wait["since"] == product.record(run)["waitingFor"][0]["since"]
        decide(product, run, "resume")
    assert product.finish(run)["state"] == "COMPLETED"


def test_a_cancel_is_seen_until_the_jobs_that_run_have_ended(product: Product) -> None:
    plan = product.plan(make_wave(product, "web"))
    with launching_run(product, plan) as run:
        wait_until(product, run, lambda record: record["state"] == "RUNNING")
        answer = decide(product, run, "cancel").body
        assert (answer["status"], answer["state"]) == ("POLLING", "CANCELLING")
        assert listed(product, run)["state"] == "CANCELLING"
    assert product.finish(run)["state"] == "CANCELLED"


def test_a_list_reads_the_waves_of_open_runs_only(product: Product) -> None:
    for name in ("one", "two", "three"):
        product.drill(product.plan(make_wave(product, name)))
    reads: list[str] = []

    def counting(call: Call) -> Call:
        def counted(self: Any, operation: str, parameters: Any) -> Any:
            if parameters.get("TableName", "").endswith("-Executions"):
                reads.append(operation)
            return call(self, operation, parameters)

        return counted

    with held_jobs(product):
        run = product.start(product.plan(make_wave(product, "web", **APPROVAL)))
        wait_until_asked_for(product, run, "APPROVAL")
        with calls_through(counting):
            page = product.request("GET", "/executions").body["executions"]
        assert len(page) == 4
        assert sorted(reads) == ["GetItem", "Query", "Query"]  # the index, then META and waves of the open run
        decide(product, run, "cancel")
    product.finish(run)


def test_the_waves_and_servers_of_a_readiness_check_are_checked(product: Product) -> None:
    plan = product.plan(make_wave(product, "db"), make_wave(product, "web", **APPROVAL))
    record = product.finish(product.start(plan, "readiness"))
    assert (record["status"], wave_statuses(record)) == ("READY", {"db": "CHECKED", "web": "CHECKED"})
    assert {server["status"] for server in record["sourceServers"]} == {"CHECKED"}
    assert {wave["reason"] for wave in record["waves"]} == {"nothing was to be launched"}


def test_the_record_of_an_older_version_keeps_its_skipped_waves(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "web")), "readiness")
    product.finish(run)
    (row,) = [row for row in product.items("Executions") if (row["executionId"], row["item"]) == (run, "WAVE#web")]
    product.put("Executions", {**row, "status": "SKIPPED"})
    record = product.record(run)
    assert wave_statuses(record) == {"web": "SKIPPED"}
    assert {server["status"] for server in record["sourceServers"]} == {"SKIPPED"}
