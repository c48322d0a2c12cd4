"""What people say of drills: verdicts, findings with an owner and a due date, and the assessment that reports have."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from recovery import clock
from recovery.domain.drills.drill_findings import MAX_CHANGES
from recovery.domain.drills.verdicts import MAX_VERDICTS
from recovery.drills import drill_findings
from recovery.identities import name_caller
from tests.support.drilled_plans import assess, record
from tests.support.fault_injection import held_before
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_wave
from tests.support.product import ANA, HUB, Product, Reply
from tests.support.runs import wait_until_asked_for
from tests.support.time_travel import pass_hours

BEN = f"arn:aws:iam::{HUB}:user/ben"
TEXT = {"title": "DNS was changed by hand", "description": "No action does it.", "owner": "network team"}
FAR = "2099-12-31"


@pytest.fixture
def noisy_product() -> Iterator[Product]:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as running:
        yield running


def judge(
    product: Product, run_id: str, verdict: str, caller: str = BEN, comment: str = "seen", key: str = ""
) -> Reply:
    body = {"verdict": verdict, **({"comment": comment} if comment else {})}
    headers = {"Idempotency-Key": key} if key else {}
    return product.request("PUT", f"/executions/{run_id}/verdict", body, headers, caller=caller)


def open_finding(product: Product, run_id: str, key: str = "", **more: Any) -> Reply:
    headers = {"Idempotency-Key": key} if key else {}
    return product.request("POST", f"/executions/{run_id}/drill-findings", {**TEXT, "due": FAR, **more}, headers)


def decide(product: Product, found: Any, decision: str, comment: str = "done", key: str = "") -> Reply:
    path = f"/recovery-plans/{found['planId']}/drill-findings/{found['findingId']}/{decision}"
    return product.request("POST", path, {"comment": comment}, {"Idempotency-Key": key} if key else {}, caller=BEN)


def drilled(product: Product, **plan: Any) -> tuple[str, str]:
    """The ids of a plan and of a drill of it that has ended."""
    plan_id = product.plan(make_wave(product), **plan)
    return plan_id, product.drill(plan_id)["executionId"]


# --- verdicts -----------------------------------------------------------------------------------------------------
def test_a_verdict_is_on_record_with_its_author_and_a_changed_one_keeps_the_earlier_ones(product: Product) -> None:
    _, run_id = drilled(product)
    assert assess(product, run_id)["verdict"] is None
    first = judge(product, run_id, "REJECTED", comment="orders failed")
    assert (first.status, first.body["version"], first.headers["ETag"]) == (200, 1, '"1"')
    second = judge(product, run_id, "ACCEPTED", ANA, "they were test orders").body
    assert (second["verdict"], second["by"], second["version"]) == ("ACCEPTED", name_caller(ANA), 2)
    (earlier,) = second["earlier"]
    assert (earlier["verdict"], earlier["comment"], earlier["by"]) == ("REJECTED", "orders failed", name_caller(BEN))
    assert assess(product, run_id)["verdict"] == second


def test_the_same_words_of_the_same_person_again_are_no_second_verdict(product: Product) -> None:
    _, run_id = drilled(product)
    assert judge(product, run_id, "ACCEPTED").body == judge(product, run_id, "ACCEPTED").body
    assert judge(product, run_id, "ACCEPTED", ANA).body["version"] == 2


def test_a_repeated_request_is_no_new_verdict_even_after_another_one_has_come_between(product: Product) -> None:
    _, run_id = drilled(product)
    assert judge(product, run_id, "ACCEPTED", key="one").body["version"] == 1
    assert judge(product, run_id, "REJECTED", key="two").body["version"] == 2
    again = judge(product, run_id, "ACCEPTED", key="one").body
    assert (again["verdict"], again["version"]) == ("REJECTED", 2)


def test_of_two_verdicts_at_the_same_moment_both_stay_on_record(product: Product) -> None:
    _, run_id = drilled(product)
    with held_before("Api", "PutItem") as gate, ThreadPoolExecutor(1) as pool:
        held = pool.submit(judge, product, run_id, "ACCEPTED", ANA, "first thought of")
        assert gate.reached.wait(30)
        assert judge(product, run_id, "REJECTED", BEN, "written first").body["version"] == 1
        gate.go.set()
        last = held.result(30).body
    assert (last["version"], last["verdict"]) == (2, "ACCEPTED")
    assert [each["comment"] for each in last["earlier"]] == ["written first"]


def test_a_rejection_needs_its_reason(product: Product) -> None:
    _, run_id = drilled(product)
    refused = judge(product, run_id, "REJECTED", comment="")
    assert (refused.status, refused.body["problems"][0]["field"]) == (400, "comment")
    assert assess(product, run_id)["verdict"] is None
    assert judge(product, run_id, "ACCEPTED", comment="").body["comment"] == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verdict": "GOOD"}, "verdict"),
        ({}, "verdict"),
        ({"verdict": "REJECTED", "comment": "x" * 1_001}, "comment"),
        ({"verdict": "REJECTED", "comment": "a\u202eb"}, "comment"),
        ({"verdict": "ACCEPTED", "by": "ana"}, "by"),
    ],
)
def test_a_wrong_verdict_is_refused_by_the_name_of_its_field(product: Product, body: Any, field: str) -> None:
    _, run_id = drilled(product)
    refused = product.request("PUT", f"/executions/{run_id}/verdict", body)
    assert (refused.status, refused.body["problems"][0]["field"]) == (400, field)


def test_a_run_that_goes_on_takes_no_verdict(product: Product) -> None:
    plan_id = product.plan(make_wave(product, pauseBefore=True))
    run_id = product.start(plan_id)
    wait_until_asked_for(product, run_id, "RESUME")
    refused = judge(product, run_id, "ACCEPTED")
    assert (refused.status, refused.body["code"]) == (409, "VerdictRefused")
    assert product.request("POST", f"/executions/{run_id}/cancel").status == 200
    product.finish(run_id)
    assert judge(product, run_id, "REJECTED").status == 200


def test_a_readiness_run_takes_neither_a_verdict_nor_a_drill_finding(product: Product) -> None:
    run_id = product.start(product.plan(make_wave(product)), "readiness")
    product.finish(run_id)
    assert judge(product, run_id, "ACCEPTED").body["code"] == "VerdictRefused"
    assert open_finding(product, run_id).body["code"] == "DrillFindingRefused"
    found = assess(product, run_id)
    assert (found["counts"], found["verdict"], found["findings"]) == (None, None, [])


def test_there_is_no_verdict_and_no_assessment_of_a_run_that_does_not_exist(product: Product) -> None:
    for reply in (
        judge(product, "drill-none", "ACCEPTED"),
        open_finding(product, "drill-none"),
        product.request("GET", "/executions/drill-none/assessment"),
    ):
        assert (reply.status, reply.body["code"]) == (404, "ExecutionNotFound")


def test_with_four_eyes_who_started_the_drill_does_not_accept_it_but_may_reject_it(product: Product) -> None:
    _, run_id = drilled(product, fourEyes=True)  # ANA starts it
    refused = judge(product, run_id, "ACCEPTED", ANA)
    assert (refused.status, refused.body["code"]) == (409, "VerdictRefused")
    assert name_caller(ANA) in refused.body["message"]
    assert judge(product, run_id, "REJECTED", ANA).status == 200
    assert judge(product, run_id, "ACCEPTED", BEN).status == 200
    assert judge(product, run_id, "ACCEPTED", ANA, "me too").status == 409


def test_who_started_the_run_is_taken_from_the_request_that_only_the_api_writes(product: Product) -> None:
    _, run_id = drilled(product, fourEyes=True)
    (meta,) = [row for row in product.items("Executions") if (row["executionId"], row["item"]) == (run_id, "META")]
    product.put("Executions", {**meta, "requestedBy": "arn:aws:iam::111122223333:user/eve", "fourEyes": False})
    assert judge(product, run_id, "ACCEPTED", ANA).status == 409


def test_any_person_accepts_a_drill_that_the_schedule_has_started(product: Product) -> None:
    _, run_id = drilled(product, fourEyes=True)
    (asked,) = [row for row in product.items("RunRequests") if (row["executionId"], row["item"]) == (run_id, "RUN")]
    product.put("RunRequests", {**asked, "requestedBy": "schedule"})
    assert judge(product, run_id, "ACCEPTED", ANA).status == 200


def test_a_record_that_is_full_of_verdicts_says_so(product: Product) -> None:
    _, run_id = drilled(product)
    for number in range(MAX_VERDICTS):
        assert judge(product, run_id, "ACCEPTED", comment=str(number)).status == 200
    refused = judge(product, run_id, "REJECTED")
    assert (refused.status, refused.body["code"]) == (409, "VerdictRefused")
    assert judge(product, run_id, "ACCEPTED", comment=str(MAX_VERDICTS - 1)).status == 200


def test_operators_are_told_of_a_rejection_once(noisy_product: Product) -> None:
    product = noisy_product
    _, run_id = drilled(product)
    inbox = Inbox(product)
    assert judge(product, run_id, "REJECTED", comment="orders failed", key="one").status == 200
    assert judge(product, run_id, "REJECTED", comment="orders failed", key="one").status == 200
    assert judge(product, run_id, "REJECTED", comment="all orders failed").status == 200
    assert judge(product, run_id, "ACCEPTED").status == 200
    (message,) = inbox.of_kind("REJECTED")
    assert "orders failed" in message
    assert "drill-findings open" in message


@pytest.mark.evidence
def test_each_verdict_begins_the_evidence_of_its_own_occasion_once(product: Product) -> None:
    _, run_id = drilled(product)
    judge(product, run_id, "REJECTED")
    judge(product, run_id, "REJECTED")
    judge(product, run_id, "ACCEPTED")
    names = [one.name for one in product.engine.executions("keep-evidence")]
    of_verdicts = sorted(name for name in names if "verdict" in name)
    assert of_verdicts == [f"{run_id}_verdict-1", f"{run_id}_verdict-2"]


# --- drill findings -----------------------------------------------------------------------------------------------
def test_a_finding_is_opened_changed_closed_and_opened_again_with_all_of_it_on_record(product: Product) -> None:
    plan_id, run_id = drilled(product)
    opened = open_finding(product, run_id)
    assert (opened.status, opened.body["status"], opened.body["openedBy"]) == (201, "OPEN", name_caller(ANA))
    path = opened.headers["Location"]
    assert path == f"/recovery-plans/{plan_id}/drill-findings/{opened.body['findingId']}"
    changed = product.request(
        "POST", f"{path}/amend", {**TEXT, "owner": "platform team", "due": FAR, "version": 1}, caller=BEN
    )
    assert (changed.status, changed.body["owner"], changed.body["version"]) == (200, "platform team", 2)
    closed = decide(product, opened.body, "close", "an action does it").body
    assert (closed["status"], closed["closedBy"], closed["closingComment"]) == (
        "CLOSED",
        name_caller(BEN),
        "an action does it",
    )
    reopened = decide(product, opened.body, "reopen", "not in the other Region").body
    assert (reopened["status"], reopened["closedAt"], reopened["version"]) == ("OPEN", None, 4)
    assert [each["change"] for each in reopened["changes"]] == ["CHANGED", "CLOSED", "REOPENED"]
    assert "network team" in reopened["changes"][0]["comment"]


def test_a_finding_is_not_closed_twice_and_a_repeated_request_is_answered(product: Product) -> None:
    _, run_id = drilled(product)
    found = open_finding(product, run_id, key="one").body
    assert open_finding(product, run_id, key="one").body == found
    closed = decide(product, found, "close", key="two").body
    assert decide(product, found, "close", key="two").body == closed
    assert decide(product, found, "close", key="three").body["code"] == "DrillFindingRefused"
    assert decide(product, {**found, "findingId": "df-none"}, "close").body["code"] == "DrillFindingNotFound"
    path = f"/recovery-plans/{found['planId']}/drill-findings"
    assert [each["status"] for each in product.request("GET", path).body["drillFindings"]] == ["CLOSED"]
    assert product.request("GET", f"{path}/{found['findingId']}").body == closed


def test_a_finding_is_changed_from_the_version_that_was_read(product: Product) -> None:
    _, run_id = drilled(product)
    found = open_finding(product, run_id).body
    path = f"/recovery-plans/{found['planId']}/drill-findings/{found['findingId']}"
    body = {**TEXT, "due": FAR}
    assert product.request("POST", f"{path}/amend", {**body, "title": "one"}, {"If-Match": '"1"'}).body["version"] == 2
    stale = product.request("POST", f"{path}/amend", {**body, "title": "two"}, {"If-Match": '"1"'})
    assert (stale.status, stale.body["code"], stale.body["version"]) == (409, "VersionConflict", 2)
    assert product.request("POST", f"{path}/amend", body).body["problems"][0]["field"] == "version"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"due": "2020-01-01"}, "due"),
        ({"due": "2099-02-30"}, "due"),
        ({"due": "31.12.2099"}, "due"),
        ({"due": 20991231}, "due"),
        ({"title": ""}, "title"),
        ({"title": "x" * 101}, "title"),
        ({"owner": "a\u200bb"}, "owner"),
        ({"owner": "x" * 101}, "owner"),
        ({"description": "x" * 1_001}, "description"),
        ({"status": "CLOSED"}, "status"),
    ],
)
def test_a_wrong_finding_is_refused_by_the_name_of_its_field(product: Product, change: Any, field: str) -> None:
    _, run_id = drilled(product)
    refused = open_finding(product, run_id, **change)
    assert (refused.status, refused.body["problems"][0]["field"]) == (400, field)
    assert assess(product, run_id)["findings"] == []


def test_findings_are_listed_by_urgency_and_by_status_and_those_that_are_overdue(product: Product) -> None:
    plan_id, run_id = drilled(product)
    tomorrow = clock.iso(clock.now() + 26 * 3600)[:10]
    open_finding(product, run_id, title="late", due=tomorrow)
    open_finding(product, run_id, title="later")
    closed = open_finding(product, run_id, title="closed", due=tomorrow).body
    decide(product, closed, "close")
    pass_hours(product, 24 * 4)

    def titles(**query: str) -> list[str]:
        found = product.request("GET", f"/recovery-plans/{plan_id}/drill-findings", **query)
        return [each["title"] for each in found.body["drillFindings"]]

    assert titles() == ["late", "later", "closed"]
    assert titles(status="OPEN") == ["late", "later"]
    assert titles(status="CLOSED") == ["closed"]
    assert titles(overdue="true") == ["late"]
    assert [each["overdue"] for each in assess(product, run_id)["findings"]] == [True, False, False]
    first = product.request("GET", f"/recovery-plans/{plan_id}/drill-findings", limit="2").body
    assert titles(limit="2", nextToken=first["nextToken"]) == ["closed"]
    for query in ({"status": "open"}, {"overdue": "false"}):
        assert product.request("GET", f"/recovery-plans/{plan_id}/drill-findings", **query).status == 400


def test_what_is_overdue_is_listed_by_plan(product: Product) -> None:
    plan_id, run_id = drilled(product)
    late, closed, _ = (open_finding(product, run_id, title=title).body for title in ("late", "closed", "in time"))
    decide(product, closed, "close")
    assert drill_findings.list_overdue() == {}
    ids = {late["findingId"], closed["findingId"]}
    for row in product.items("Drills"):
        if row.get("findingId") in ids:
            product.put("Drills", {**row, "due": "2020-01-01"})
    (found,) = drill_findings.list_overdue()[plan_id]
    assert found.finding_id == late["findingId"]


def test_a_plan_that_never_was_has_no_findings_and_a_deleted_one_keeps_them(product: Product) -> None:
    assert product.request("GET", "/recovery-plans/rp-none/drill-findings").body["code"] == "PlanNotFound"
    plan_id, run_id = drilled(product)
    found = open_finding(product, run_id).body
    assert product.request("DELETE", f"/recovery-plans/{plan_id}").status == 204
    listed = product.request("GET", f"/recovery-plans/{plan_id}/drill-findings").body["drillFindings"]
    assert listed == [{name: value for name, value in found.items() if name != "changes"}]
    assert decide(product, found, "close").status == 200


def test_a_finding_that_is_full_of_changes_can_still_be_closed(product: Product) -> None:
    _, run_id = drilled(product)
    found = open_finding(product, run_id).body
    path = f"/recovery-plans/{found['planId']}/drill-findings/{found['findingId']}"
    for version in range(1, MAX_CHANGES):
        body = {**TEXT, "due": FAR, "title": f"title {version}", "version": version}
        assert product.request("POST", f"{path}/amend", body).status == 200
    full = product.request("POST", f"{path}/amend", {**TEXT, "due": FAR, "version": MAX_CHANGES})
    assert full.body["code"] == "DrillFindingRefused"
    assert decide(product, found, "close").body["status"] == "CLOSED"
    assert decide(product, found, "reopen").body["code"] == "DrillFindingRefused"


# --- the assessment -----------------------------------------------------------------------------------------------
def test_the_next_drill_carries_the_findings_that_were_open_and_what_became_of_them(product: Product) -> None:
    plan_id, first = drilled(product)
    record(product, first)
    names = ("stays", "is closed later", "was closed before")
    stays, later, before = (open_finding(product, first, title=name).body for name in names)
    decide(product, before, "close")
    second = product.drill(plan_id)["executionId"]
    own = open_finding(product, second, title="of the second").body
    found = assess(product, second)
    assert [each["findingId"] for each in found["findings"]] == [own["findingId"]]
    carried = {each["title"]: each for each in found["carried"]}
    assert carried.keys() == {"stays", "is closed later", "was closed before"}, "closed since the first drill"
    assert carried["was closed before"]["status"] == "CLOSED"
    assert (carried["stays"]["status"], carried["stays"]["findingId"]) == ("OPEN", stays["findingId"])
    record(product, second)
    decide(product, later, "close", "mended")
    (closed,) = [each for each in assess(product, second)["carried"] if each["title"] == "is closed later"]
    assert (closed["status"], closed["closedBy"], closed["closingComment"]) == ("CLOSED", name_caller(BEN), "mended")
    third = assess(product, product.drill(plan_id)["executionId"])
    assert {each["title"] for each in third["carried"]} == {"stays", "is closed later", "of the second"}
    assert assess(product, first)["carried"] == []


def test_an_assessment_has_what_is_recorded_of_the_drill_and_what_changed_since_the_one_before(
    product: Product,
) -> None:
    plan_id, first = drilled(product)
    found = assess(product, first)
    assert (found["counts"], found["whyNot"], found["previous"], found["changes"]) == (None, [], None, None)
    assert record(product, first)
    second = product.drill(plan_id)["executionId"]
    found = assess(product, second)
    assert (found["previous"]["executionId"], found["previous"]["planHash"]) == (first, found["planHash"])
    assert (found["counts"], found["changes"]) == (None, [])

    plan = product.request("GET", f"/recovery-plans/{plan_id}").body
    wave = {**plan["waves"][0], "maxFailedPercent": 50}
    body = {"name": plan["name"], "waves": [wave], "version": plan["version"]}
    assert product.request("PUT", f"/recovery-plans/{plan_id}", body).status == 200
    assert judge(product, second, "REJECTED").status == 200
    assert not record(product, second)
    third = product.drill(plan_id)["executionId"]
    found = assess(product, third)
    assert found["previous"]["executionId"] == second
    assert found["previous"]["planHash"] != found["planHash"]
    (change,) = found["changes"]
    assert (change["subject"], change["before"], change["after"]) == ("plan", "0", "50")
    assert change["field"].endswith(".maxFailedPercent")
    found = assess(product, second)
    assert (found["counts"], found["whyNot"]) == (False, [f"{name_caller(BEN)} rejected it: seen"])
    assert assess(product, first)["previous"] is None
