"""Which drills count, and where plans and servers stand: real runs, recorded and read through the API."""

import re
from typing import Any

import pytest

from recovery.domain.drills.policy import CountsIf
from tests.support.drilled_plans import record, rows_about, servers_of, set_policy, standing, start_with
from tests.support.instance_cache import sync
from tests.support.plans import make_plan
from tests.support.product import ANA, HUB, OTHER, WEST, Product
from tests.support.time_travel import pass_hours

WAIT = {"name": "settle", "wait": {"minutes": 1}}


def drill(product: Product, plan_id: str) -> str:
    """Drill the plan, record it, and return its id."""
    execution_id = product.start(plan_id)
    product.finish(execution_id)
    record(product, execution_id)
    return execution_id


def why_not(product: Product, plan_id: str) -> list[str]:
    """Why the last drill does not count."""
    last = standing(product, plan_id)["lastDrill"]
    assert last["counts"] is False
    reasons: list[str] = last["whyNot"]
    return reasons


def judge(product: Product, execution_id: str, verdict: str) -> None:
    body = {"verdict": verdict, "comment": "the shop sold nothing"}
    reply = product.request("PUT", f"/executions/{execution_id}/verdict", body)
    assert reply.status == 200, reply


# --- which drills count ---------------------------------------------------------------------------------------------
@pytest.mark.evidence
def test_the_end_of_a_drill_records_that_it_counts(product: Product) -> None:
    plan = make_plan(product, 2)
    set_policy(product, plan)
    before = standing(product, plan)
    assert (before["status"], before["lastCounting"]) == ("NEVER_DRILLED", None)
    execution_id = product.start(plan)
    product.finish(execution_id)
    (kept,) = product.engine.executions("keep-evidence")
    assert kept.wait(60).status == "SUCCEEDED"
    after = standing(product, plan)
    assert after["status"] == "COMPLIANT"
    assert after["lastCounting"]["executionId"] == execution_id == after["lastDrill"]["executionId"]
    assert after["servers"] == {"total": 2, "current": 2, "stale": 0, "never": 0}
    assert before["due"] < after["due"]


def test_a_partial_drill_does_not_count_and_names_what_is_missing(product: Product) -> None:
    servers = product.seed(1, prefix="bad", failsAt="LAUNCH") + product.seed(1, prefix="good")
    plan = product.plan({"name": "web", "groups": [product.group(servers)], "maxFailedPercent": 50})
    set_policy(product, plan)
    drill(product, plan)
    assert why_not(product, plan) == [
        "It ended as PARTIAL, not as COMPLETED.",
        "1 of 2 required servers was not launched: bad-001.",
    ]
    assert standing(product, plan)["servers"] == {"total": 2, "current": 0, "stale": 0, "never": 2}


def test_a_drill_without_checks_does_not_count_for_a_policy_that_wants_verified_servers(product: Product) -> None:
    plan = make_plan(product, 2, prefix="web")
    set_policy(product, plan, counts_if=CountsIf.VERIFIED)
    drill(product, plan)
    (reason,) = why_not(product, plan)
    assert reason == (
        "2 of 2 required servers were not verified: srv-001, srv-002; the plan has no checks for them."
    ).replace("srv", "web")


def test_a_drill_that_left_actions_out_does_not_count(product: Product) -> None:
    group = product.group(product.seed(1))
    plan = product.plan({"name": "web", "groups": [group]}, before=[WAIT])
    set_policy(product, plan)
    record(product, start_with(product, plan, actions="skip")["executionId"])
    assert why_not(product, plan) == ["The actions of its plan were left out."]


def test_a_drill_that_left_profiles_out_does_not_count(product: Product) -> None:
    group = product.group(product.seed(1), launchProfiles={"drill": {"tags": {"purpose": "drill"}}})
    plan = product.plan({"name": "web", "groups": [group]})
    set_policy(product, plan)
    run = start_with(product, plan, launchProfiles="skip")["executionId"]
    record(product, run)
    assert why_not(product, plan) == ["The launch profiles of its groups were left out."]


def test_a_rejected_drill_hands_back_to_the_one_that_counted_before(product: Product) -> None:
    plan = make_plan(product, 2)
    set_policy(product, plan)
    first, second = drill(product, plan), drill(product, plan)
    assert standing(product, plan)["lastCounting"]["executionId"] == second
    judge(product, second, "REJECTED")
    assert record(product, second, "verdict-1") is False
    after = standing(product, plan)
    assert after["lastCounting"]["executionId"] == first
    assert after["lastDrill"]["executionId"] == second
    assert after["lastDrill"]["whyNot"] == [f"{ANA} rejected it: the shop sold nothing"]
    assert {each["lastCounting"]["executionId"] for each in servers_of(product, plan).values()} == {first}
    judge(product, second, "ACCEPTED")
    assert record(product, second, "verdict-2") is True
    counting = standing(product, plan)["lastCounting"]
    assert (counting["executionId"], counting["verdict"]) == (second, "ACCEPTED")
    assert {each["lastCounting"]["executionId"] for each in servers_of(product, plan).values()} == {second}


def test_drills_recorded_late_repeatedly_and_in_any_order_end_with_the_same_rows(product: Product) -> None:
    plan = make_plan(product, 2)
    set_policy(product, plan)
    runs = [product.drill(plan)["executionId"] for _ in range(2)]

    def contents() -> dict[str, Any]:
        return {
            item: {name: value for name, value in row.items() if name != "version"}
            for item, row in rows_about(product, plan).items()
        }

    record(product, runs[1])
    record(product, runs[0])
    expected = contents()
    assert expected["SUMMARY"]["lastCounting"]["executionId"] == runs[1]
    for execution_id in (runs[0], runs[1], runs[0], runs[0]):
        record(product, execution_id, "again")
    assert contents() == expected
    for item in ("SUMMARY", "SERVERS#0"):  # as if the function had been killed between its writes
        product.delete("Drills", {"planId": plan, "item": item})
        record(product, runs[1])
        record(product, runs[0])
        assert contents() == expected


def test_neither_a_recovery_nor_a_readiness_run_counts_or_is_recorded(product: Product) -> None:
    plan = make_plan(product, 1)
    set_policy(product, plan)
    for mode in ("readiness", "recoveries"):
        execution_id = product.start(plan, mode)
        product.finish(execution_id)
        assert record(product, execution_id) is False
    assert rows_about(product, plan) == {}
    assert standing(product, plan)["status"] == "NEVER_DRILLED"


def test_a_continued_chain_counts_by_its_last_run_with_all_its_servers(product: Product) -> None:
    servers = product.seed(1, prefix="bad", failsAt="LAUNCH") + product.seed(1, prefix="good")
    plan = product.plan({"name": "web", "groups": [product.group(servers)]})
    set_policy(product, plan)
    first = drill(product, plan)
    assert why_not(product, plan)[0] == "It ended as FAILED, not as COMPLETED."
    repaired = {"accountId": HUB, "region": WEST, "server": {"failsAt": ""}}
    product.emulator.control.change_server(servers[0], repaired)
    reply = product.request("POST", f"/executions/{first}/continue")
    assert reply.status == 202, reply
    second = reply.body["executionId"]
    assert product.finish(second)["status"] == "COMPLETED"
    assert record(product, second) is True
    after = standing(product, plan)
    assert after["lastCounting"]["executionId"] == second
    assert after["servers"] == {"total": 2, "current": 2, "stale": 0, "never": 0}
    assert record(product, first, "cleanup-1") is False
    assert standing(product, plan)["lastCounting"]["executionId"] == second


# --- stale drills, deadlines, and servers without a plan ------------------------------------------------------------
def test_a_plan_that_was_changed_after_its_drill_is_stale_and_says_by_whom(product: Product) -> None:
    group = product.group(product.seed(1, prefix="web"))
    plan = product.plan({"name": "web", "groups": [group]})
    set_policy(product, plan)
    drill(product, plan)
    assert standing(product, plan)["stale"] == []
    before = product.request("GET", f"/recovery-plans/{plan}").body
    waves = [{"name": "web", "groups": [{"groupId": group}], "maxFailedPercent": 10}]
    reply = product.request(
        "PUT", f"/recovery-plans/{plan}", {"name": "p", "waves": waves, "version": before["version"]}
    )
    assert reply.status == 200, reply
    set_policy(product, plan)  # the update has no policy
    after = standing(product, plan)
    (reason,) = after["stale"]
    assert after["status"] == "DUE_SOON"
    assert re.fullmatch(
        r"At 20\d\d-\d\d-\d\d \d\d:\d\d UTC, user/ana changed the plan \(version 1 was drilled, 2 is there now\)\.",
        reason,
    )
    assert after["servers"] == {"total": 1, "current": 0, "stale": 1, "never": 0}


def test_a_server_that_is_added_makes_the_drill_stale_and_is_never_drilled(product: Product) -> None:
    old = product.seed(1, prefix="old", tags={"app": "shop"})
    group = product.group(tags={"app": "shop"})
    plan = product.plan({"name": "web", "groups": [group]})
    set_policy(product, plan)
    unknown = standing(product, plan)
    assert unknown["unknown"] == [
        f"The servers of some servers are not known: DRS in {HUB}/{WEST} was never listed. "
        "The hourly sync lists it; POST /drs/recovery-instance-sync starts one."
    ]
    assert unknown["servers"]["total"] == 0
    sync(product)
    drill(product, plan)
    assert standing(product, plan)["status"] == "COMPLIANT", old
    product.seed(1, prefix="new", tags={"app": "shop"})
    pass_hours(product, 1.1)
    sync(product)
    after = standing(product, plan)
    assert after["stale"] == ["1 server was added, and no drill that counts has had it: new-001."]
    servers = servers_of(product, plan)
    assert (servers["old-001"]["status"], servers["new-001"]["status"]) == ("COMPLIANT", "NEVER_DRILLED")
    assert servers["new-001"]["lastCounting"] is None


def test_a_plan_is_due_soon_then_overdue_and_compliant_after_the_next_drill(product: Product) -> None:
    plan = make_plan(product, 1)
    set_policy(product, plan, every_days=10, window_minutes=60)
    drill(product, plan)
    assert standing(product, plan)["status"] == "COMPLIANT"
    pass_hours(product, 24 * 9)
    assert standing(product, plan)["status"] in ("COMPLIANT", "DUE_SOON")
    pass_hours(product, 24 * 2)
    late = standing(product, plan)
    assert late["status"] == "OVERDUE"
    assert late["servers"] == {"total": 1, "current": 0, "stale": 1, "never": 0}
    assert product.request("GET", "/compliance").body["counts"]["overdue"] == 1
    drill(product, plan)
    assert standing(product, plan)["status"] == "COMPLIANT"


def test_servers_that_replicate_and_are_in_no_plan_are_listed_with_the_age_of_the_list(product: Product) -> None:
    planned = product.seed(1, prefix="planned")
    product.plan({"name": "web", "groups": [product.group(planned)]})
    product.group(product.seed(1, prefix="grouped"))  # in a group that no plan has
    product.seed(1, prefix="stopped", replicationState="STOPPED")
    sync(product)
    reply = product.request("GET", "/compliance/unplanned-servers")
    assert [server["hostname"] for server in reply.body["servers"]] == ["grouped-001"]
    assert [(each["accountId"], each["region"]) for each in reply.body["targets"]] == [(HUB, WEST)]
    seen = reply.body["servers"][0]["seenAt"]

    product.fault("ACCESS_DENIED", operation="DescribeSourceServers", count=1)
    product.seed(1, prefix="later")
    pass_hours(product, 2)
    product.engine.invoke("SyncCache", {"accountId": HUB, "region": WEST})
    again = product.request("GET", "/compliance/unplanned-servers").body
    assert [server["seenAt"] for server in again["servers"]] == [seen]


def test_a_server_that_is_gone_leaves_the_list(product: Product) -> None:
    (server,) = product.seed(1, prefix="gone")
    product.plan({"name": "web", "groups": [product.group(product.seed(1, prefix="planned"))]})
    sync(product)
    drs = product.emulator.client(HUB, WEST)
    drs.disconnect_source_server(sourceServerID=server)
    drs.delete_source_server(sourceServerID=server)
    pass_hours(product, 1.1)
    sync(product)
    assert product.request("GET", "/compliance/unplanned-servers").body["servers"] == []


# --- the API --------------------------------------------------------------------------------------------------------
def test_lists_are_paged_filtered_and_refuse_bad_input(product: Product) -> None:
    plans = sorted(make_plan(product, 2, prefix=f"p{number}") for number in range(3))
    set_policy(product, plans[0])
    first = product.request("GET", "/compliance", limit="2").body
    rest = product.request("GET", "/compliance", limit="2", nextToken=first["nextToken"]).body
    assert sorted(plan["planId"] for plan in (*first["plans"], *rest["plans"])) == plans
    assert first["plans"][0]["planId"] == plans[0], "the worst come first"
    assert rest["nextToken"] is None
    assert first["counts"] | {"unplannedServers": 0} == {
        "plans": 3,
        "compliant": 0,
        "dueSoon": 0,
        "overdue": 0,
        "noDrillCounts": 0,
        "neverDrilled": 1,
        "withoutPolicy": 2,
        "unplannedServers": 0,
    }
    groups = product.request("GET", "/compliance/groups", status="NO_POLICY").body["groups"]
    assert sorted(group["planId"] for group in groups) == plans[1:]
    servers = product.request("GET", "/compliance/servers", status="NEVER_DRILLED").body["servers"]
    assert [server["planId"] for server in servers] == [plans[0]] * 2
    for query, field in (
        ({"status": "LATE"}, "status"),
        ({"planId": "../x"}, "planId"),
        ({"limit": "0"}, "limit"),
        ({"nextToken": "x"}, "nextToken"),
        ({"account": OTHER}, "account"),
    ):
        reply = product.request("GET", "/compliance", repeated={name: [value] for name, value in query.items()})
        assert reply.status == 400
        assert reply.body["problems"][0]["field"] == field


def test_a_chain_whose_first_run_was_rejected_does_not_count_until_its_last_run_is_accepted(product: Product) -> None:
    servers = product.seed(1, prefix="bad", failsAt="LAUNCH") + product.seed(1, prefix="good")
    plan = product.plan({"name": "web", "groups": [product.group(servers)]})
    set_policy(product, plan)
    first = drill(product, plan)
    judge(product, first, "REJECTED")
    product.emulator.control.change_server(servers[0], {"accountId": HUB, "region": WEST, "server": {"failsAt": ""}})
    second = product.request("POST", f"/executions/{first}/continue").body["executionId"]
    assert product.finish(second)["status"] == "COMPLETED"
    assert record(product, second) is False
    assert why_not(product, plan) == [f"{ANA} rejected it: the shop sold nothing"]
    judge(product, second, "ACCEPTED")
    assert record(product, second, "verdict-1") is True


def test_a_server_that_was_away_during_the_last_drill_makes_it_stale(product: Product) -> None:
    servers = product.seed(2, prefix="web")
    group = product.group(servers)
    plan = product.plan({"name": "web", "groups": [group]})
    set_policy(product, plan)
    drill(product, plan)
    path = f"/protection-groups/{group}"
    for listed in (servers[:1], servers):
        body = product.request("GET", path).body
        kept = {name: body[name] for name in ("name", "accountId", "region", "version")}
        assert product.request("PUT", path, {**kept, "sourceServerIds": listed}).status == 200
        if listed != servers:
            pass_hours(product, 1)
            drill(product, plan)
            assert standing(product, plan)["status"] == "COMPLIANT"
    after = standing(product, plan)
    assert after["status"] == "DUE_SOON"
    assert after["stale"] == [f"1 server was added, and the last drill that counts did not have it: {servers[1]}."]


def test_a_drill_that_began_late_in_its_window_is_the_last_one(product: Product) -> None:
    plan = make_plan(product, 1)
    set_policy(product, plan)
    early = drill(product, plan)
    rows = rows_about(product, plan)
    summary = rows[f"DRILL#{rows['SUMMARY']['last']['requestedAt']}#{early}"]
    late = "drill-20200101-000000-000000000000"  # its id has the time of its appointment
    product.put(
        "Drills",
        {
            **summary,
            "item": f"DRILL#2999-01-01T00:00:00.000Z#{late}",
            "executionId": late,
            "counts": False,
            "whyNot": ["It ended as PARTIAL, not as COMPLETED."],
            "requestedAt": "2999-01-01T00:00:00.000Z",
        },
    )
    record(product, early, "again")
    found = standing(product, plan)
    assert (found["lastDrill"]["executionId"], found["lastCounting"]["executionId"]) == (late, early)


def test_another_policy_postpones_no_drill_that_is_owed(product: Product) -> None:
    group = product.group(product.seed(1))
    plan = product.plan({"name": "web", "groups": [group]}, drillPolicy={"everyDays": 10, "skipIfNotReady": False})

    def change(**policy: Any) -> None:
        path = f"/recovery-plans/{plan}"
        body = product.request("GET", path).body
        rules = {"drillPolicy": {"skipIfNotReady": False, **policy}}
        kept = {name: body[name] for name in ("name", "waves", "version")}
        assert product.request("PUT", path, {**kept, **rules}).status == 200

    pass_hours(product, 48)
    assert standing(product, plan)["status"] == "OVERDUE", "it was never drilled"
    change(everyDays=10, at="03:00")
    assert standing(product, plan)["status"] == "OVERDUE"
    drill(product, plan)
    before = standing(product, plan)
    assert before["status"] == "COMPLIANT"
    for at in ("04:00", "05:00"):
        pass_hours(product, 5 * 24)
        change(everyDays=10, at=at, firstOn="2099-01-01")
        assert standing(product, plan)["due"][:10] == before["due"][:10]
    pass_hours(product, 48)
    assert standing(product, plan)["status"] == "OVERDUE"
    change(everyDays=90)
    assert standing(product, plan)["status"] != "OVERDUE", "its rules ask for less now"
    change(everyDays=10)
    drill(product, plan)
    assert standing(product, plan)["status"] == "COMPLIANT"
