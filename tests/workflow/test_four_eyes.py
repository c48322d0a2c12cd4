"""With `fourEyes`, another person approves than who started the run: API, record, messages, views and report."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cli import text
from recovery.errors import InvalidRequest
from recovery.identities import name_caller
from report.document import Facts, build_document
from report.page import render_html
from tests.support.fault_injection import held_before
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import ANA, HUB, Product, Reply
from tests.support.runs import wait_until, wait_until_asked_for, wave_statuses

BEN = f"arn:aws:iam::{HUB}:user/ben"
OPERATORS = f"arn:aws:sts::{HUB}:assumed-role/operators/{{}}"
IDENTITY_CENTER = f"arn:aws:sts::{HUB}:assumed-role/AWSReservedSSO_{{}}_0123456789abcdef/{{}}"
APPROVERS = f"arn:aws:sts::{HUB}:assumed-role/approvers/{{}}"
APPROVAL = {"required": True, "timeoutMinutes": 60}


@pytest.fixture
def noisy_product() -> Iterator[Product]:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as running:
        yield running


def start(product: Product, plan_id: str, caller: str) -> str:
    reply = product.request("POST", f"/recovery-plans/{plan_id}/drills", caller=caller)
    assert reply.status == 202, reply
    return str(reply.body["executionId"])


def decide(product: Product, run_id: str, decision: str, caller: str) -> Reply:
    return product.request("POST", f"/executions/{run_id}/waves/web/{decision}", caller=caller)


def start_continuation(product: Product, run_id: str, caller: str) -> str:
    """The id of the run, which waits for an approval."""
    reply = product.request("POST", f"/executions/{run_id}/continue", caller=caller)
    assert reply.status == 202, reply
    wait_until_asked_for(product, reply.body["executionId"], "APPROVAL")
    return str(reply.body["executionId"])


@pytest.mark.parametrize(
    ("starter", "same_person", "another"),
    [
        (ANA, ANA, BEN),
        (OPERATORS.format("ana"), OPERATORS.format("ben"), APPROVERS.format("ana")),
        (ANA, f"arn:aws:sts::{HUB}:federated-user/ben", APPROVERS.format("x")),
        (
            IDENTITY_CENTER.format("Operators", "ana"),
            IDENTITY_CENTER.format("Approvers", "ana"),
            IDENTITY_CENTER.format("Operators", "ben"),
        ),
    ],
    ids=["user", "role under another session name", "federation token", "user of Identity Center"],
)
def test_who_started_the_run_does_not_approve_its_wave(
    product: Product, starter: str, same_person: str, another: str
) -> None:
    run_id = start(product, product.plan(make_wave(product, approval=APPROVAL), fourEyes=True), starter)
    record = wait_until_asked_for(product, run_id, "APPROVAL")
    assert (record["fourEyes"], record["waitingFor"][0]["notBy"]) == (True, [name_caller(starter)])
    for caller in (starter, same_person):
        refused = decide(product, run_id, "approve", caller)
        assert (refused.status, refused.body["code"], name_caller(starter) in refused.body["message"]) == (
            409,
            "DecisionRefused",
            True,
        )
    assert product.record(run_id)["decisions"] == []
    assert decide(product, run_id, "approve", another).status == 200
    assert product.finish(run_id)["status"] == "COMPLETED"


def test_who_started_the_run_cannot_approve_in_the_moment_in_which_the_wait_begins(product: Product) -> None:
    run_id = start(product, product.plan(make_wave(product, approval=APPROVAL, pauseBefore=True), fourEyes=True), ANA)
    wait_until_asked_for(product, run_id, "RESUME")
    with held_before("Api", "GetItem") as gate, ThreadPoolExecutor(1) as pool:  # it has read that the wave is paused
        early = pool.submit(decide, product, run_id, "approve", ANA)
        assert gate.reached.wait(30)
        assert product.request("POST", f"/executions/{run_id}/resume", caller=ANA).status == 200
        wait_until_asked_for(product, run_id, "APPROVAL")
        gate.go.set()
        assert early.result().status == 409
    assert [each["decision"] for each in product.record(run_id)["decisions"]] == ["resume"]


def test_who_started_the_run_may_reject_its_wave(product: Product) -> None:
    run_id = start(product, product.plan(make_wave(product, approval=APPROVAL), fourEyes=True), ANA)
    wait_until_asked_for(product, run_id, "APPROVAL")
    assert decide(product, run_id, "reject", ANA).status == 200
    assert wave_statuses(product.finish(run_id)) == {"web": "SKIPPED"}


def test_who_started_the_run_may_retry_but_not_accept_a_failed_wave(product: Product) -> None:
    wave = make_failing_wave(product, "web", onFailure="ask")
    run_id = start(product, product.plan(wave, fourEyes=True, launchAttempts=1), ANA)
    wait_until_asked_for(product, run_id, "DECISION")
    assert decide(product, run_id, "accept", ANA).status == 409
    assert decide(product, run_id, "retry", ANA).status == 200
    wait_until(
        product,
        run_id,
        lambda record: record["waves"][0]["round"] == 1 and any(w["for"] == "DECISION" for w in record["waitingFor"]),
    )
    assert decide(product, run_id, "accept", BEN).status == 200
    assert product.finish(run_id)["status"] == "PARTIAL"


def test_without_the_option_who_started_the_run_approves_and_the_report_flags_it(product: Product) -> None:
    run_id = start(product, product.plan(make_wave(product, approval=APPROVAL)), ANA)
    record = wait_until_asked_for(product, run_id, "APPROVAL")
    assert (record["fourEyes"], "notBy" in record["waitingFor"][0]) == (False, False)
    assert decide(product, run_id, "approve", ANA).status == 200
    ended = product.finish(run_id)
    document = build_document(Facts(ended, ended["sourceServers"]))
    assert [decision["bySamePerson"] for decision in document["decisions"]] == [True]
    assert "may be who started the run" in render_html(document)


def test_an_approval_by_another_person_is_not_flagged(product: Product) -> None:
    run_id = start(product, product.plan(make_wave(product, approval=APPROVAL)), ANA)
    wait_until_asked_for(product, run_id, "APPROVAL")
    assert decide(product, run_id, "approve", BEN).status == 200
    ended = product.finish(run_id)
    document = build_document(Facts(ended, ended["sourceServers"]))
    assert [decision["bySamePerson"] for decision in document["decisions"]] == [False]
    assert "may be who started the run" not in render_html(document)


def test_who_started_the_first_run_of_a_chain_approves_no_continuation(product: Product) -> None:
    run_id = start(product, product.plan(make_wave(product, approval=APPROVAL), fourEyes=True), ANA)
    wait_until_asked_for(product, run_id, "APPROVAL")
    assert decide(product, run_id, "reject", BEN).status == 200
    product.finish(run_id)
    second = start_continuation(product, run_id, BEN)
    assert product.record(second)["waitingFor"][0]["notBy"] == [ANA, BEN]
    assert [decide(product, second, "approve", caller).status for caller in (ANA, BEN)] == [409, 409]
    assert decide(product, second, "reject", BEN).status == 200
    product.finish(second)
    third = start_continuation(product, second, APPROVERS.format("x"))
    assert decide(product, third, "approve", ANA).status == 409
    assert decide(product, third, "approve", OPERATORS.format("z")).status == 200
    assert product.finish(third)["status"] == "COMPLETED"


def test_the_messages_and_the_view_name_who_may_not_approve(noisy_product: Product) -> None:
    product, inbox = noisy_product, Inbox(noisy_product)
    run_id = start(product, product.plan(make_wave(product, approval=APPROVAL), fourEyes=True), ANA)
    record = wait_until_asked_for(product, run_id, "APPROVAL")
    (wanted,) = inbox.of_kind("APPROVAL_WANTED")
    assert f"Needs: to approve, another person than {ANA}" in wanted.splitlines()
    assert f"Approvals: need another person than {ANA}" in inbox.of_kind("RUN_STARTED")[0].splitlines()
    ((line, _),) = text.describe_waits(record, "")
    assert line.endswith(f"; to approve, another person than {ANA}")
    decide(product, run_id, "approve", BEN)
    product.finish(run_id)


def test_a_plan_whose_wave_the_time_approves_is_refused(product: Product) -> None:
    wave = {"name": "web", "groups": [{"groupId": product.group(product.seed(1))}]}
    approval = {"required": True, "onTimeout": "approve"}
    body = {"name": "p", "fourEyes": True, "waves": [{**wave, "approval": approval}]}
    refused = product.request("POST", "/recovery-plans", body)
    assert (refused.status, refused.body["code"]) == (400, InvalidRequest.__name__)
    assert [problem["field"] for problem in refused.body["problems"]] == ["waves[0].approval.onTimeout"]


@pytest.mark.parametrize("wave", [{}, {"approval": {"required": False}}])
def test_a_plan_without_gates_may_say_that_another_person_accepts_its_drills(
    product: Product, wave: dict[str, Any]
) -> None:
    run_id = start(product, product.plan(make_wave(product, **wave), fourEyes=True), ANA)
    product.finish(run_id)
    path = f"/executions/{run_id}/verdict"
    refused = product.request("PUT", path, {"verdict": "ACCEPTED"}, caller=ANA)
    assert (refused.status, refused.body["code"]) == (409, "VerdictRefused")
    assert product.request("PUT", path, {"verdict": "ACCEPTED"}, caller=BEN).status == 200


def test_the_option_is_part_of_the_plan_and_off_unless_it_is_set(product: Product) -> None:
    wave = make_wave(product, approval=APPROVAL)
    on, off = product.plan(wave, name="on", fourEyes=True), product.plan(wave, name="off")
    assert product.request("GET", f"/recovery-plans/{on}").body["fourEyes"] is True
    assert "fourEyes" not in product.request("GET", f"/recovery-plans/{off}").body
