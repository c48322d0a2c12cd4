"""What people see of a run: its state, what it waits for, in lists too, and waves that were only checked."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.notices import MAX_SERVERS_WHILE_FOLLOWING
from tests.support.api_http_server import ApiHttpServer
from tests.support.fault_injection import Call, calls_through
from tests.support.plans import make_wave
from tests.support.product import WEST, Product
from tests.support.runs import (
    decide,
    launching_run,
    wait_until,
    wait_until_asked_for,
    wave_statuses,
)

APPROVAL: dict[str, Any] = {"approval": {"required": True, "timeoutMinutes": 600}}


def listed(product: Product, execution_id: str, **filters: Any) -> dict[str, Any]:
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


def test_a_list_reads_the_waves_and_actions_of_open_runs_only(product: Product) -> None:
    runs = [product.drill(product.plan(make_wave(product, name)))["executionId"] for name in ("one", "two", "three")]
    meta = next(row for row in product.items("Executions") if (row["executionId"], row["item"]) == (runs[1], "META"))
    product.put("Executions", {**meta, "status": "POLLING"})  # its machine has ended, and so reads nothing
    reads: list[str] = []

    def counting(call: Call) -> Call:
        def counted(self: Any, operation: str, parameters: Any) -> Any:
            if parameters.get("TableName", "").endswith("-Executions"):
                reads.append(operation)
            return call(self, operation, parameters)

        return counted

    with calls_through(counting):
        page = product.request("GET", "/executions").body["executions"]
    assert {each["executionId"]: each["state"] for each in page} == dict(
        zip(runs, ("COMPLETED", "RUNNING", "COMPLETED"), strict=True)
    )
    # the index, then META, waves and actions of the open run
    assert sorted(reads) == ["GetItem", "Query", "Query", "Query"]


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


# --- the command ----------------------------------------------------------------------------------------------------
@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def command(api_server: ApiHttpServer, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST])


def test_the_list_has_a_column_for_what_people_have_to_do(product: Product, api_server: ApiHttpServer) -> None:
    waits = product.start(product.plan(make_wave(product, "web", **APPROVAL), name="shop"))
    until = wait_until_asked_for(product, waits, "APPROVAL")["waitingFor"][0]["until"]
    ended = product.drill(product.plan(make_wave(product, "db"), name="other"))["executionId"]
    told = command(api_server, "list").stdout
    head, *rows = [line for line in told.splitlines() if not line.startswith('{"')]
    assert head.split("  ")[0] == "execution"
    assert "waits for" in head
    by_run = {row.split()[0]: row for row in rows}
    moment = until[:16].replace("T", " ")
    assert f"  waiting for you  approval of web until {moment}  " in by_run[waits]
    assert "  COMPLETED  " in by_run[ended]
    decide(product, waits, "cancel")
    product.finish(waits)


def test_list_waiting_shows_runs_of_all_plans_with_the_commands_that_answer(
    product: Product, api_server: ApiHttpServer
) -> None:
    assert command(api_server, "list", "--waiting").stdout.splitlines()[-1] == "No run waits for people."
    first = product.start(product.plan(make_wave(product, "web", **APPROVAL), name="shop"))
    wait_until_asked_for(product, first, "APPROVAL")
    second = product.start(product.plan(make_wave(product, "db", pauseBefore=True), name="payroll"))
    wait_until_asked_for(product, second, "RESUME")
    product.drill(product.plan(make_wave(product, "other"), name="third"))
    options = f"--api-url {api_server.url} --region {WEST}"
    told = command(api_server, "list", "--waiting").stdout
    assert [line.strip() for line in told.splitlines() if "drs-waves" in line and not line.startswith('{"')] == [
        f"drs-waves approve {first} web {options}",
        f"drs-waves reject {first} web {options}",
        f"drs-waves resume {second} {options}",
    ]
    assert f"{second}  drill of payroll" in told
    assert re.search(r"wave web waits for approval since .*; deadline in \d+ h.*, .*UTC, then rejected:", told), told
    assert "third" not in told
    of_one = command(api_server, "list", "--waiting", "--plan", "payroll").stdout
    assert (second in of_one, first in of_one) == (True, False)
    assert command(api_server, "list", "--waiting", "--status", "POLLING").exit_code == 2
    for run in (first, second):
        decide(product, run, "cancel")
        product.finish(run)


def test_list_waiting_begins_with_the_next_deadline_and_says_what_silence_means(
    product: Product, api_server: ApiHttpServer
) -> None:
    paused = product.start(product.plan(make_wave(product, "db", pauseBefore=True), name="paused"))
    wait_until_asked_for(product, paused, "RESUME")
    runs = [paused]
    for minutes, on_timeout in ((90, "reject"), (45, "approve")):
        approval = {"required": True, "timeoutMinutes": minutes, "onTimeout": on_timeout}
        runs.append(
            product.start(product.plan(make_wave(product, f"web{minutes}", approval=approval), name=on_timeout))
        )
        wait = wait_until_asked_for(product, runs[-1], "APPROVAL")["waitingFor"][0]
        assert wait["onTimeout"] == on_timeout
    told = command(api_server, "list", "--waiting").stdout
    assert re.findall(r"^(drill-\S+)  drill of", told, re.M) == [runs[2], runs[1], runs[0]]
    assert re.findall(r", then (\w+):", told) == ["approved", "rejected"]
    for run in runs:
        decide(product, run, "cancel")
        product.finish(run)


def test_a_cancel_tells_that_jobs_run_on(product: Product, api_server: ApiHttpServer) -> None:
    with launching_run(product, product.plan(make_wave(product, "web"))) as run:
        wait_until(product, run, lambda record: record["state"] == "RUNNING")
        told = command(api_server, "cancel", run).stdout
        assert f"cancel is recorded; {run} is cancelling" in told
        assert "1 DRS job runs on with 1 server" in told
        assert "cancelling" in command(api_server, "list").stdout
    product.finish(run)


def test_a_large_run_is_followed_without_reading_its_servers(product: Product, api_server: ApiHttpServer) -> None:
    run = product.drill(product.plan(make_wave(product, "web")))["executionId"]
    ended = product.request("GET", f"/executions/{run}").body
    large = ended["servers"] | {"total": MAX_SERVERS_WHILE_FOLLOWING + 1}
    running = ended | {"status": "POLLING", "state": "RUNNING", "endedAt": None, "servers": large}
    path = ("GET", f"/executions/{run}")
    api_server.instead[path] = [(200, running)] * 3
    assert command(api_server, "watch", run, "--interval", "0.2").exit_code == 0
    begun = [asked for asked in api_server.seen if asked in (path, ("GET", f"/executions/{run}/servers"))]
    assert begun[:4] == [path] * 4  # the fourth has the end
    assert len(begun) > 4


def test_the_last_lines_of_a_run_begin_with_the_servers_that_failed(
    product: Product, api_server: ApiHttpServer
) -> None:
    servers = product.seed(1, prefix="bad", failsAt="LAUNCH") + product.seed(3, prefix="old")
    for server in servers[1:]:
        product.fault("PREVIOUS_SNAPSHOT", sourceServerId=server)
    group = product.group(servers)
    plan = product.plan(
        {"name": "web", "groups": [group], "maxFailedPercent": 50, "rtoTargetMinutes": 600}, rtoTargetMinutes=1
    )
    told = command(api_server, "run", plan, "--interval", "0.2").stdout.split("\nPARTIAL  ")[1].splitlines()[1:]
    kinds = [line.split()[0] for line in told if not line.startswith('{"')]
    expected = ["FAILED", "CAPACITY:", "servers", "time", "RTO", "RTO", "WARN", "the", "report", "verdict", "clean"]
    assert kinds == expected
    assert told[0].endswith(" [CAPACITY]")
    assert "missed by " in next(line for line in told if line.startswith("  RTO"))
    assert "3 servers (old-001, old-002, old-003)" in next(line for line in told if line.startswith("  WARN"))
