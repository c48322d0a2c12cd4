"""What the API and the command show of checks and actions, from rows as the machines of both write them."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from recovery.packing import pack
from tests.support.api_http_server import ApiHttpServer
from tests.support.plans import make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, wait_until_asked_for

BEGAN, ENDED = "2026-11-22T08:40:00.000Z", "2026-11-22T08:50:00.000Z"
UNTIL = 1_763_802_000


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def command(server: ApiHttpServer, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", server.url, "--region", WEST], env={"COLUMNS": "200"})


def row_of(product: Product, run: str, prefix: str) -> dict[str, Any]:
    (row,) = [
        row for row in product.items("Executions") if row["executionId"] == run and row["item"].startswith(prefix)
    ]
    return row


def put_checks(product: Product, run: str, wave: str, **servers: dict[str, Any]) -> None:
    """Write the CHECKS# row of the only batch of a wave, and its counts into the row of the batch."""
    batch = row_of(product, run, f"BATCH#{wave}#")
    ids = sorted(server["sourceServerId"] for server in product.servers(run) if server["wave"] == wave)
    found = {server_id: {"passed": [], **servers[f"of_{at}"]} for at, server_id in enumerate(ids)}
    statuses = [each["status"] for each in found.values()]
    counts = {
        "checked": len(found),
        "verified": statuses.count("VERIFIED"),
        "unverified": statuses.count("UNVERIFIED"),
    }
    product.put("Executions", {**batch, **counts, "launchedWhenChecked": len(found)})
    is_open = "VERIFYING" in statuses
    times = {"beganAt": BEGAN, "until": UNTIL, **({} if is_open else {"endedAt": ENDED})}
    place = {name: batch[name] for name in ("executionId", "wave", "accountId", "region", "batch")}
    item = batch["item"].replace("BATCH#", "CHECKS#", 1)
    product.put("Executions", {**place, "item": item, **times, **counts, "servers": pack(found), "looks": 3})


def put_action(product: Product, run: str, name: str, wave: str | None = None, **more: Any) -> None:
    """Write an ACTION# row."""
    number = len([row for row in product.items("Executions") if row["item"].startswith("ACTION#")]) + 1
    item = f"ACTION#{wave or '-'}#before#{number:02}"
    values = {"place": "before", "number": number, "name": name, "kind": "ssmAutomation", "attempt": 1, "turn": 0}
    words = {"title": "automation Shop-FreezeWrites", "startedAt": BEGAN, **({"wave": wave} if wave else {})}
    product.put("Executions", {"executionId": run, "item": item, **values, **words, "status": "RUNNING", **more})


PASSED = {"status": "VERIFIED", "passed": ["boot", "http :8080/health"], "at": ENDED}
BROKEN = {
    "status": "UNVERIFIED",
    "check": "http :8080/health",
    "passed": ["boot"],
    "output": "HTTP 503",
    "reason": "it was not passed within 30 minutes",
    "at": ENDED,
}
BOOTING = {"status": "VERIFYING", "check": "boot"}


def test_a_run_without_checks_and_actions_shows_none(product: Product) -> None:
    record = product.record(product.drill(product.plan(make_wave(product, "web")))["executionId"])
    (wave,) = record["waves"]
    assert [wave[name] for name in ("checks", "launchedAt", "verifiedAt")] == [None, None, None]
    assert (record["actions"], record["actionsOption"]) == ([], "run")
    assert not {"verified", "unverified"} & {*record["servers"], *wave["servers"], *record["chain"]["servers"]}
    assert [server["verification"] for server in record["sourceServers"]] == [None] * len(record["sourceServers"])


def test_checks_are_counted_in_the_wave_the_run_its_chain_and_its_batch(product: Product) -> None:
    run = product.drill(product.plan(make_wave(product, "web", count=3)))["executionId"]
    put_checks(product, run, "web", of_0=PASSED, of_1=BROKEN, of_2=BOOTING)
    record = product.record(run)
    (wave,) = record["waves"]
    assert wave["checks"] == {
        "checking": 1,
        "verified": 1,
        "unverified": 1,
        "since": BEGAN,
        "until": "2025-11-22T09:00:00.000Z",
        "checks": [
            {"check": "boot", "checking": 1, "unverified": 0},
            {"check": "http :8080/health", "checking": 0, "unverified": 1},
        ],
        "earlier": [],
    }
    for counts in (record["servers"], wave["servers"], record["chain"]["servers"], record["batches"][0]):
        assert (counts["verified"], counts["unverified"]) == (1, 1)
    assert record["servers"]["launched"] == 3


def test_a_server_has_what_its_checks_found_and_is_found_by_it(product: Product) -> None:
    run = product.drill(product.plan(make_wave(product, "web", count=3)))["executionId"]
    put_checks(product, run, "web", of_0=PASSED, of_1=BROKEN, of_2=BOOTING)
    first, second, third = (server["verification"] for server in product.servers(run))
    assert first == {"check": None, "output": None, "reason": None, **PASSED}
    assert second == BROKEN
    assert third == {"passed": [], "output": None, "reason": None, "at": None, **BOOTING}
    page = product.request("GET", f"/executions/{run}/servers", verification="UNVERIFIED").body["servers"]
    assert [server["verification"]["check"] for server in page] == ["http :8080/health"]
    assert {server["status"] for server in product.servers(run)} == {"LAUNCHED"}
    refused = product.request("GET", f"/executions/{run}/servers", verification="BROKEN")
    assert (refused.status, refused.body["problems"][0]["field"]) == (400, "verification")


def test_the_events_tell_of_checks_and_actions(product: Product) -> None:
    run = product.drill(product.plan(make_wave(product, "web", count=2)))["executionId"]
    put_checks(product, run, "web", of_0=PASSED, of_1=BROKEN)
    put_action(product, run, "freeze-writes", status="FAILED", reason="no queue", endedAt=ENDED)
    events = product.request("GET", f"/executions/{run}/events", limit="200").body["events"]
    told = {event["event"]: (event["wave"], event["text"]) for event in events}
    place = f"batch 1 in {HUB}/{WEST}"
    assert told["CHECKS_BEGAN"] == ("web", f"2 servers of {place} are checked")
    assert told["SERVERS_VERIFIED"] == ("web", f"{place}: 1 verified, 1 unverified: http :8080/health (1)")
    assert told["ACTION_STARTED"] == (None, "action freeze-writes: automation Shop-FreezeWrites")
    assert told["ACTION_ENDED"] == (None, "action freeze-writes is FAILED: no queue")


def test_a_run_waits_for_people_while_an_action_does(product: Product) -> None:
    plan = product.plan(make_wave(product, "web", approval={"required": True, "timeoutMinutes": 600}))
    run = product.start(plan)
    wait_until_asked_for(product, run, "APPROVAL")
    waiting = {"status": "WAITING", "waitingSince": BEGAN}
    put_action(product, run, "sign-off", "web", **waiting, waitingFor="CONFIRM", until=UNTIL, instructions="Order.")
    put_action(product, run, "thaw", **{**waiting, "status": "FAILED"}, waitingFor="DECISION", reason="no queue")
    put_action(product, run, "answered", "web", **waiting, waitingFor="CONFIRM", answered="CONFIRM#1")
    record = product.record(run)
    of_actions = {wait["action"]: wait for wait in record["waitingFor"] if wait["for"] == "ACTION"}
    base = f"POST /executions/{run}/actions"
    assert of_actions == {
        "sign-off": {
            "wave": "web",
            "for": "ACTION",
            "action": "sign-off",
            "since": BEGAN,
            "until": "2025-11-22T09:00:00.000Z",
            "text": "Order.",
            "answers": [f"{base}/sign-off/confirm", f"{base}/sign-off/reject"],
        },
        "thaw": {
            "wave": None,
            "for": "ACTION",
            "action": "thaw",
            "since": BEGAN,
            "until": None,
            "text": "it failed: no queue",
            "answers": [f"{base}/thaw/{answer}" for answer in ("retry", "skip", "abort")],
        },
    }
    assert record["state"] == "WAITING_FOR_PEOPLE"
    (entry,) = product.request("GET", "/executions").body["executions"]
    assert entry["waitingFor"] == [wait for wait in record["waitingFor"] if wait["answers"]]
    assert [action["waitingFor"] for action in record["actions"]].count(None) == 1
    decide(product, run, "cancel")
    assert product.finish(run)["waitingFor"] == []


def test_what_people_decided_about_an_action_is_among_the_decisions(product: Product) -> None:
    run = product.drill(product.plan(make_wave(product, "web")))["executionId"]
    decision = {"decision": "confirm", "by": "ana", "at": ENDED, "comment": "an order went through"}
    put_action(product, run, "sign-off", "web", status="SUCCEEDED", endedAt=ENDED, decisions=[decision])
    assert product.record(run)["decisions"] == [{"wave": "web", "action": "sign-off", **decision}]


def test_the_command_shows_unverified_servers_and_what_to_do(product: Product, api_server: ApiHttpServer) -> None:
    run = product.drill(product.plan(make_wave(product, "web", count=2)))["executionId"]
    put_checks(product, run, "web", of_0=PASSED, of_1=BROKEN)
    shown = command(api_server, "status", run, "--servers").stdout
    assert "checks of web: 1 of 2 verified; unverified at http :8080/health 1" in shown
    assert "UNVERIFIED at http :8080/health: it was not passed within 30 minutes: HTTP 503" in shown
    assert f"verify    drs-waves verify {run} web" in shown
    table = command(api_server, "servers", run).stdout
    assert "UNVERIFIED" in table.splitlines()[2]
    assert "checks" in table.splitlines()[0].split()
    csv = command(api_server, "servers", run, "--output", "csv").stdout
    assert "HTTP 503" in csv


def test_status_names_a_few_of_the_servers_at_each_check(product: Product, api_server: ApiHttpServer) -> None:
    run = product.drill(product.plan(make_wave(product, "web", count=6)))["executionId"]
    put_checks(product, run, "web", of_0=BOOTING, of_1=BROKEN, **{f"of_{at}": PASSED for at in (2, 3, 4, 5)})
    one, other = (
        each["hostname"] for each in sorted(product.servers(run), key=lambda each: each["sourceServerId"])[:2]
    )
    assert (
        f"at boot 1 ({one}); unverified at http :8080/health 1 ({other})" in command(api_server, "status", run).stdout
    )
    put_checks(product, run, "web", **{f"of_{at}": BOOTING for at in range(6)})
    names = [each["hostname"] for each in product.servers(run)]
    (line,) = [line for line in command(api_server, "status", run).stdout.splitlines() if "checks of web" in line]
    assert " and 3 more)" in line
    assert sum(name in line for name in names) == 3


def test_a_table_of_servers_without_checks_has_no_column_for_them(product: Product, api_server: ApiHttpServer) -> None:
    run = product.drill(product.plan(make_wave(product, "web")))["executionId"]
    assert "checks" not in command(api_server, "servers", run).stdout.splitlines()[0].split()
