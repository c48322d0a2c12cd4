"""Checks of launched servers: a wave is done when its servers work, and what follows when they do not."""

import time
from typing import Any

import pytest

from recovery.verification.lifecycle import LATE
from tests.support.checked_servers import add_launch_action, checks_of, statuses_of, wave_row
from tests.support.plans import make_wave
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product
from tests.support.runs import decide, wait_until, wait_until_asked_for, wave_statuses
from tests.support.shops import open_shop, rule

HTTP = {"http": {"port": 8080, "path": "/health"}}


def events_of(product: Product, run: str, event: str) -> list[str]:
    """The texts of the events of this kind, oldest first."""
    events = product.request("GET", f"/executions/{run}/events", limit="200").body["events"]
    return [each["text"] for each in events if each["event"] == event]


SMOKE = {"command": {"document": "Shop-CheckService", "timeoutSeconds": 60}}


def checked_wave(product: Product, *checks: Any, name: str = "web", count: int = 1, **more: Any) -> dict[str, Any]:
    return make_wave(product, name, count, checks=list(checks), **more)


def test_servers_that_pass_all_their_checks_are_verified(product: Product) -> None:
    record = product.drill(product.plan(checked_wave(product, "boot", "agent", {"tcp": {"port": 22}}, HTTP, count=3)))
    assert record["status"] == "COMPLETED", record
    assert record["waves"][0]["reason"] == "all 3 servers were launched and verified"
    run = record["executionId"]
    entries = checks_of(product, run, "web")
    assert len(entries) == 3
    for entry in entries.values():
        assert entry["status"] == "VERIFIED"
        assert entry["passed"] == ["boot", "agent", "tcp :22", "http :8080/health"]
        assert entry["instanceId"].startswith("i-")
    row = wave_row(product, run, "web")
    assert row["startedAt"] < row["launchedAt"] < row["verifiedAt"] <= row["endedAt"]
    assert row["verifiedAt"] == max(entry["at"] for entry in entries.values())


def test_a_database_that_boots_late_holds_the_application_back_until_it_is_verified(product: Product) -> None:
    database = checked_wave(product, "boot", name="database")
    rule(product, "INSTANCE", hostname="database-001", checksSeconds=900)
    run = product.start(product.plan(database, make_wave(product, "application", dependsOn=["database"])))
    record = product.finish(run)
    assert record["status"] == "COMPLETED", record
    first, second = wave_row(product, run, "database"), wave_row(product, run, "application")
    assert first["launchedAt"] < first["verifiedAt"] < second["startedAt"]
    (entry,) = checks_of(product, run, "database").values()
    assert entry["passed"] == ["boot"]


def test_a_check_that_fails_asks_and_a_verify_of_the_mended_server_lets_the_run_go_on(product: Product) -> None:
    failing = rule(product, "COMMAND", hostname="web-002", effect="FAILS", exitCode=1, stdout="got 503")
    wave = checked_wave(product, "agent", HTTP, count=2, checksTimeoutMinutes=60, onFailure="ask")
    run = product.start(product.plan(wave, make_wave(product, "next", dependsOn=["web"])))
    record = wait_until_asked_for(product, run, "DECISION")
    assert wave_statuses(record) == {"web": "AWAITING_DECISION", "next": "WAITING"}
    assert "1 verified, 1 unverified" in record["waves"][0]["reason"]
    broken = next(entry for entry in checks_of(product, run, "web").values() if entry["status"] == "UNVERIFIED")
    assert broken["check"] == "http :8080/health"
    assert broken["reason"] == "http :8080/health has not passed: the time of 60 minutes is up"
    assert broken["output"].startswith("Failed, exit code 1: got 503")
    launches = len(product.jobs())
    product.emulator.control.remove_rules(failing)
    assert decide(product, run, "waves/web/verify").status == 200
    record = product.finish(run)
    assert record["status"] == "COMPLETED", record
    assert set(statuses_of(product, run, "web").values()) == {"VERIFIED"}
    assert len(product.jobs()) == launches + 1  # the other wave's: a verify launches nothing


def test_a_server_whose_launch_actions_fail_is_unverified_with_the_reason_of_drs(product: Product) -> None:
    product.emulator.control.change_settings({"behaviour": {"launchActions": "after"}})
    servers = product.seed(2)
    add_launch_action(product, servers[0])
    product.fault("LAUNCH_ACTION_FAILS", count=1, sourceServerId=servers[0])
    wave = {"name": "web", "groups": [product.group(servers)], "checks": ["postLaunchActions"]}
    record = product.drill(product.plan(wave))
    assert record["status"] == "FAILED", record
    entries = checks_of(product, record["executionId"], "web")
    failed, without = entries[servers[0]], entries[servers[1]]
    assert (failed["status"], failed["check"]) == ("UNVERIFIED", "postLaunchActions")
    assert failed["reason"].startswith("launch action ")
    assert (without["status"], without["notes"]) == ("VERIFIED", ["DRS has no launch actions for the server"])


def test_servers_within_the_tolerance_make_the_wave_partial_and_the_next_one_starts(product: Product) -> None:
    rule(product, "INSTANCE", hostname="web-001", checks="instance-impaired")
    wave = checked_wave(product, "boot", count=4, checksTimeoutMinutes=60, maxFailedPercent=25)
    record = product.drill(product.plan(wave, make_wave(product, "next", dependsOn=["web"])))
    assert wave_statuses(record) == {"web": "PARTIAL", "next": "COMPLETED"}
    states = sorted(statuses_of(product, record["executionId"], "web").values())
    assert states == ["UNVERIFIED", "VERIFIED", "VERIFIED", "VERIFIED"]
    (entry,) = (each for each in checks_of(product, record["executionId"], "web").values() if "reason" in each)
    assert "instance impaired" in entry["output"]


def test_too_many_unverified_servers_stop_the_run(product: Product) -> None:
    rule(product, "INSTANCE", hostname="web-001", agent="absent")
    wave = checked_wave(product, "agent", checksTimeoutMinutes=60)
    record = product.drill(product.plan(wave, make_wave(product, "next", dependsOn=["web"])))
    assert (record["status"], wave_statuses(record)) == ("FAILED", {"web": "FAILED", "next": "SKIPPED"})
    (entry,) = checks_of(product, record["executionId"], "web").values()
    assert entry["output"] == "its agent has not registered in Systems Manager"


def test_a_cancel_ends_the_checks(product: Product) -> None:
    rule(product, "INSTANCE", hostname="web-001", checks="initializing")
    run = product.start(product.plan(checked_wave(product, "boot", checksTimeoutMinutes=600)))
    wait_until(product, run, lambda record: bool(checks_of(product, run, "web")))
    assert decide(product, run, "cancel").status == 200
    record = product.finish(run)
    assert record["status"] == "CANCELLED", record
    (entry,) = checks_of(product, run, "web").values()
    assert entry["status"] == "UNVERIFIED"
    assert entry["reason"].startswith("not checked to the end: the run was cancelled by ")
    assert record["waves"][0]["reason"].startswith(
        "1 of 1 servers were launched, 0 failed, 0 excluded, 0 verified, 0 unverified, 1 not checked to the end; "
    )
    (ended,) = events_of(product, run, "SERVERS_VERIFIED")
    assert ended.endswith(": 0 verified, 0 unverified, 1 not checked to the end")
    (server,) = product.servers(run)
    assert (server["verification"]["status"], server["verification"]["cutOff"]) == ("UNVERIFIED", True)


def test_the_record_keeps_what_did_not_pass_before_a_verify(product: Product) -> None:
    failing = rule(product, "COMMAND", hostname="web-002", effect="FAILS", exitCode=1, stdout="got 503")
    wave = checked_wave(product, "agent", HTTP, count=3, checksTimeoutMinutes=60, onFailure="ask")
    run = product.start(product.plan(wave))
    wait_until_asked_for(product, run, "DECISION")
    product.emulator.control.remove_rules(failing)
    assert decide(product, run, "waves/web/verify").status == 200
    record = product.finish(run)
    assert record["waves"][0]["reason"] == "all 3 servers were launched and verified"
    (earlier,) = record["waves"][0]["checks"]["earlier"]
    assert earlier["beganAt"] < earlier["endedAt"] < record["waves"][0]["checks"]["since"]
    assert {name: earlier[name] for name in ("turn", "checked", "verified", "unverified", "failed")} == {
        "turn": 0,
        "checked": 3,
        "verified": 2,
        "unverified": 1,
        "failed": [{"check": "http :8080/health", "unverified": 1}],
    }
    place = f"batch 1 in {HUB}/{WEST}"
    assert events_of(product, run, "CHECKS_BEGAN") == [
        f"3 servers of {place} are checked",
        f"1 server of {place} is checked",
    ]
    assert events_of(product, run, "SERVERS_VERIFIED") == [
        f"{place}: 2 verified, 1 unverified: http :8080/health (1)",
        f"{place}: 1 verified, 0 unverified",
    ]


def test_a_group_can_have_checks_of_its_own(product: Product) -> None:
    plain, own = product.seed(1, prefix="plain"), product.seed(1, prefix="own")
    groups = [{"groupId": product.group(plain)}, {"groupId": product.group(own), "checks": [HTTP]}]
    record = product.drill(product.plan({"name": "web", "groups": groups, "checks": ["boot"]}))
    assert record["status"] == "COMPLETED", record
    entries = checks_of(product, record["executionId"], "web")
    assert entries[plain[0]]["passed"] == ["boot"]
    assert entries[own[0]]["passed"] == ["boot", "http :8080/health"]


def test_checks_of_recoveries_are_left_out_of_drills(product: Product) -> None:
    plan = product.plan(checked_wave(product, {"boot": {}, "in": ["recovery"]}))
    drill = product.drill(plan)
    assert checks_of(product, drill["executionId"], "web") == {}
    assert drill["waves"][0]["reason"] == "the only server was launched"
    assert wave_row(product, drill["executionId"], "web").get("launchedAt") is None
    recovery = product.finish(product.start(plan, "recoveries"))
    assert statuses_of(product, recovery["executionId"], "web").keys()
    assert recovery["status"] == "COMPLETED", recovery


def test_an_instance_that_is_gone_is_unverified_at_once(product: Product) -> None:
    rule(product, "INSTANCE", hostname="web-001", checks="initializing")
    run = product.start(product.plan(checked_wave(product, "boot", checksTimeoutMinutes=600)))
    wait_until(product, run, lambda record: bool(checks_of(product, run, "web")))
    (server,) = product.servers(run)
    product.emulator.client(HUB, WEST).terminate_recovery_instances(recoveryInstanceIDs=[server["recoveryInstanceId"]])
    record = product.finish(run)
    (entry,) = checks_of(product, run, "web").values()
    assert entry["status"] == "UNVERIFIED"
    assert entry["reason"].endswith(("is terminated", "is shutting-down"))
    assert record["status"] == "FAILED"


def test_a_target_group_says_whether_a_server_is_healthy(product: Product) -> None:
    servers = product.seed(2)
    shop = open_shop(product, *servers)
    rule(product, "INSTANCE", hostname="srv-002", targetHealth="unhealthy")
    wave = {"name": "web", "groups": [product.group(servers)], "checks": [{"targetGroup": shop.target_group_arn}]}
    record = product.drill(product.plan({**wave, "checksTimeoutMinutes": 60, "maxFailedPercent": 50}))
    entries = checks_of(product, record["executionId"], "web")
    assert [entries[each]["status"] for each in servers] == ["VERIFIED", "UNVERIFIED"]
    assert entries[servers[1]]["output"].startswith("unhealthy: Target.FailedHealthChecks")


def test_a_check_has_to_pass_so_often_in_a_row(product: Product) -> None:
    open_shop(product)
    rule(product, "COMMAND", document="Shop-CheckService", effect="SUCCEEDS", count=2)
    rule(product, "COMMAND", document="Shop-CheckService", effect="FAILS", exitCode=3, count=1)
    record = product.drill(product.plan(checked_wave(product, {**SMOKE, "successes": 3})))
    assert record["status"] == "COMPLETED", record
    assert product.calls()["SendCommand"] == 6


def test_windows_servers_get_a_script_of_powershell(product: Product) -> None:
    linux, windows = product.seed(1, prefix="lin"), product.seed(1, prefix="win", os="Windows Server 2022")
    wave = {"name": "web", "groups": [product.group([*linux, *windows])], "checks": [HTTP]}
    record = product.drill(product.plan(wave))
    assert record["status"] == "COMPLETED", record
    entries = checks_of(product, record["executionId"], "web")
    assert {entries[linux[0]]["platform"], entries[windows[0]]["platform"]} == {"Linux", "Windows"}
    assert product.calls()["SendCommand"] == 2


@pytest.mark.parametrize(
    ("check", "operation", "parameter"),
    [
        ("boot", "DescribeInstanceStatus", "AllowChecks"),
        (HTTP, "SendCommand", "RunCommandDocuments"),
    ],
)
def test_a_refused_call_settles_the_servers_with_the_parameter_that_permits_it(
    product: Product, check: Any, operation: str, parameter: str
) -> None:
    product.fault("ACCESS_DENIED", operation=operation, count=1_000)
    record = product.drill(product.plan(checked_wave(product, check, checksTimeoutMinutes=1_000)))
    assert record["status"] == "FAILED", record
    (entry,) = checks_of(product, record["executionId"], "web").values()
    assert entry["status"] == "UNVERIFIED"
    assert parameter in entry["reason"]


def test_an_instance_that_drs_shows_late_is_checked_when_it_does(product: Product) -> None:
    product.emulator.control.change_settings({"behaviour": {"instanceDelaySeconds": 240}})
    record = product.drill(product.plan(checked_wave(product, "boot", "agent")))
    assert record["status"] == "COMPLETED", record
    (entry,) = checks_of(product, record["executionId"], "web").values()
    assert entry["instanceId"].startswith("i-")


def test_a_retry_checks_the_servers_that_it_launches_and_those_that_have_not_passed(product: Product) -> None:
    broken = rule(product, "INSTANCE", hostname="good-001", checks="instance-impaired")
    product.fault("LAUNCH_FAILS", count=1)
    servers = product.seed(1, prefix="lost") + product.seed(1, prefix="good")
    wave = {"name": "web", "groups": [product.group(servers)], "checks": ["boot"], "checksTimeoutMinutes": 60}
    run = product.start(product.plan({**wave, "onFailure": "ask"}, launchAttempts=1))
    wait_until_asked_for(product, run, "DECISION")
    before = wave_row(product, run, "web")
    product.emulator.control.remove_rules(broken)
    assert decide(product, run, "waves/web/retry").status == 200
    record = product.finish(run)
    assert record["status"] == "COMPLETED", record
    assert statuses_of(product, run, "web") == dict.fromkeys(servers, "VERIFIED")
    assert wave_row(product, run, "web")["launchedAt"] > before["launchedAt"]


def test_each_target_of_a_wave_is_checked_in_its_own_account_and_region(product: Product) -> None:
    here = product.group(product.seed(2, prefix="here"))
    there = product.group(product.seed(2, prefix="there", account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    rule(product, "INSTANCE", hostname="there-002", checks="instance-impaired")
    wave = {"name": "web", "groups": [here, there], "checks": ["boot"], "checksTimeoutMinutes": 60}
    record = product.drill(product.plan({**wave, "maxFailedPercent": 25}))
    assert record["status"] == "PARTIAL", record
    assert sorted(one.status for one in product.engine.executions("verify-target")) == ["SUCCEEDED", "SUCCEEDED"]
    assert sorted(statuses_of(product, record["executionId"], "web").values()) == ["UNVERIFIED", *["VERIFIED"] * 3]


def test_a_server_whose_launch_is_known_after_the_checks_is_unverified(product: Product) -> None:
    """The settlement of the batch broke off; the run reads the results of its job at its end."""
    product.engine.runtime.fail("SettleBatch", "KeyError", times=1)
    record = product.drill(product.plan(checked_wave(product, "boot")))
    run = record["executionId"]
    assert record["status"] == "FAILED", record
    assert [server["status"] for server in record["sourceServers"]] == ["LAUNCHED"]
    (entry,) = checks_of(product, run, "web").values()
    assert (entry["status"], entry["reason"]) == ("UNVERIFIED", LATE)
    assert product.request("POST", f"/executions/{run}/waves/web/verify").status == 200
    deadline = time.monotonic() + 30
    while product.record(run)["status"] != "COMPLETED":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert set(statuses_of(product, run, "web").values()) == {"VERIFIED"}
