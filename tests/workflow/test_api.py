"""The HTTP API, through its function."""

import json
from typing import Any

import pytest

from tests.workflow.product import HUB, WEST, Product

SERVER = "s-0123456789abcdef0"
GROUP = {"name": "web", "accountId": HUB, "region": WEST, "sourceServerIds": [SERVER]}


def problems(body: Any) -> dict[str, str]:
    return {problem["field"]: problem["message"] for problem in body["problems"]}


def test_a_group_is_created_read_and_listed(product: Product) -> None:
    created = product.request("POST", "/protection-groups", GROUP)
    assert created.status == 201
    assert created.headers["Location"] == f"/protection-groups/{created.body['groupId']}"
    assert created.body | GROUP == created.body
    assert product.request("GET", created.headers["Location"]).body == created.body
    assert product.request("GET", "/protection-groups").body["protectionGroups"] == [created.body]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accountId": "12345"}, "accountId"),
        ({"region": "Oregon"}, "region"),
        ({"name": "  "}, "name"),
        ({"sourceServerIds": ["i-0123456789abcdef0"]}, "sourceServerIds[0]"),
        ({"sourceServerIds": [SERVER, SERVER]}, "body"),
        ({"sourceServerIds": []}, "body"),
        ({"tags": {"tier": "web"}}, "body"),
        ({"colour": "red"}, "colour"),
        ({"sourceServerIds": "all"}, "sourceServerIds"),
    ],
)
def test_a_bad_group_is_refused_with_the_field_and_nothing_is_stored(
    product: Product, change: dict[str, Any], field: str
) -> None:
    reply = product.request("POST", "/protection-groups", GROUP | change)
    assert reply.status == 400
    assert reply.body["code"] == "InvalidRequest"
    assert field in problems(reply.body)
    assert product.items("ProtectionGroups") == []


@pytest.mark.parametrize("body", ["", "{not json", "[]", "null"])
def test_a_body_that_is_no_object_is_refused(product: Product, body: str) -> None:
    reply = product.request("POST", "/recovery-plans", body)
    assert reply.status == 400
    assert "body" in problems(reply.body)


def test_a_plan_is_stored_with_its_dependencies_written_out(product: Product) -> None:
    group = product.group([SERVER])
    waves = [{"name": "db", "groups": [{"groupId": group}]}, {"name": "web", "groups": [{"groupId": group}]}]
    created = product.request("POST", "/recovery-plans", {"name": "shop", "waves": waves})
    assert created.status == 201
    assert [wave["dependsOn"] for wave in created.body["waves"]] == [[], ["db"]]
    read = product.request("GET", created.headers["Location"])
    assert read.body == created.body
    assert read.body["activeExecutionId"] is None
    assert product.request("GET", "/recovery-plans").body["recoveryPlans"][0]["planId"] == created.body["planId"]


@pytest.mark.parametrize(
    ("waves", "field"),
    [
        ([], "waves"),
        ([{"name": "db", "groups": []}], "waves[0].groups"),
        ([{"name": "DB", "groups": [{"groupId": "GROUP"}]}], "waves[0].name"),
        ([{"name": "db", "groups": [{"groupId": "pg-none"}]}], "waves[0].groups[0].groupId"),
        ([{"name": "db", "groups": [{"groupId": "GROUP"}], "dependsOn": ["web"]}], "waves[0].dependsOn"),
        ([{"name": "db", "groups": [{"groupId": "GROUP"}], "dependsOn": ["db"]}], "waves[0].dependsOn"),
        ([{"name": "db", "groups": [{"groupId": "GROUP"}]}] * 2, "waves[1].name"),
        ([{"name": "db", "groups": [{"groupId": "GROUP"}], "maxFailedPercent": 101}], "waves[0].maxFailedPercent"),
        (
            [{"name": "db", "groups": [{"groupId": "GROUP", "sourceServerIds": ["s-" + "9" * 17]}]}],
            "waves[0].groups[0].sourceServerIds",
        ),
    ],
)
def test_a_bad_plan_is_refused_with_the_field_and_nothing_is_stored(
    product: Product, waves: list[Any], field: str
) -> None:
    group = product.group([SERVER])
    shaped = json.loads(json.dumps(waves).replace("GROUP", group))
    reply = product.request("POST", "/recovery-plans", {"name": "shop", "waves": shaped})
    assert reply.status == 400, reply
    assert field in problems(reply.body)
    assert product.items("RecoveryPlans") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/protection-groups/pg-none"),
        ("GET", "/recovery-plans/rp-none"),
        ("POST", "/recovery-plans/rp-none/drills"),
        ("POST", "/recovery-plans/rp-none/recoveries"),
        ("GET", "/executions/drill-none"),
        ("GET", "/nowhere"),
        ("DELETE", "/recovery-plans"),
    ],
)
def test_what_is_not_there_answers_404(product: Product, method: str, path: str) -> None:
    reply = product.request(method, path)
    assert reply.status == 404
    assert reply.body["advice"]
    assert reply.body["correlationId"] == "7a1c"


def test_a_start_answers_202_with_where_to_look(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    reply = product.request("POST", f"/recovery-plans/{plan}/drills")
    assert reply.status == 202
    assert reply.headers["Location"] == f"/executions/{reply.body['executionId']}"
    assert (reply.body["status"], reply.body["mode"]) == ("PENDING", "DRILL")
    assert reply.body["requestedBy"] == "arn:aws:iam::111122223333:user/ana"
    product.finish(reply.body["executionId"])


def test_a_second_start_while_the_plan_runs_names_the_run_that_is_on(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    running = product.start(plan)
    reply = product.request("POST", f"/recovery-plans/{plan}/recoveries")
    assert reply.status == 409
    assert reply.body["executionId"] == running
    assert product.request("GET", f"/recovery-plans/{plan}").body["activeExecutionId"] == running
    product.finish(running)
    assert product.request("GET", f"/recovery-plans/{plan}").body["activeExecutionId"] is None


def test_a_run_shows_pending_then_polling_then_its_verdict(product: Product) -> None:
    execution_id = product.start(product.plan({"name": "web", "groups": [product.group(product.seed(1))]}))
    assert product.record(execution_id)["status"] in ("PENDING", "POLLING")
    while (record := product.record(execution_id))["status"] == "PENDING":
        pass
    assert record["status"] == "POLLING"
    assert record["servers"]["launching"] == 1
    assert record["sourceServers"][0]["status"] == "LAUNCHING"
    assert product.finish(execution_id)["status"] == "COMPLETED"


def test_runs_are_listed_newest_first_page_by_page_and_by_plan_or_status(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    other = product.plan({"name": "db", "groups": [product.group(tags={"no": "where"})]})
    runs = [product.drill(plan)["executionId"], product.drill(other)["executionId"], product.drill(plan)["executionId"]]

    first = product.request("GET", "/executions", limit="2").body
    second = product.request("GET", "/executions", limit="2", nextToken=first["nextToken"]).body
    listed = [run["executionId"] for run in first["executions"] + second["executions"]]
    assert listed == runs[::-1]
    assert second["nextToken"] is None
    by_plan = product.request("GET", "/executions", planId=plan).body["executions"]
    assert [run["executionId"] for run in by_plan] == [runs[2], runs[0]]
    refused = product.request("GET", "/executions", status="NOT_READY").body["executions"]
    assert [run["executionId"] for run in refused] == [runs[1]]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "many"},
        {"limit": "201"},
        {"status": "DONE"},
        {"status": "FAILED", "planId": "rp-1"},
        {"nextToken": "bm8="},
    ],
)
def test_a_bad_query_is_refused(product: Product, query: dict[str, str]) -> None:
    assert product.request("GET", "/executions", **query).status == 400


def test_a_start_that_step_functions_refuses_is_closed_and_may_be_repeated(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    machine = product.engine.machine_arn("recover-plan")
    states = product.engine.client("stepfunctions")
    definition = states.describe_state_machine(stateMachineArn=machine)
    states.delete_state_machine(stateMachineArn=machine)
    reply = product.request("POST", f"/recovery-plans/{plan}/drills")
    assert reply.status == 503
    assert reply.body["code"] == "StartFailed"
    (record,) = product.request("GET", "/executions").body["executions"]
    assert record["status"] == "FAILED"
    states.create_state_machine(name="recover-plan", definition=definition["definition"], roleArn=definition["roleArn"])
    assert product.drill(plan)["status"] == "COMPLETED"


def test_a_start_cut_off_before_the_machine_ran_does_not_lock_the_plan_for_ever(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    product.drill(plan)
    (done,) = [row for row in product.items("Executions") if row["item"] == "META"]
    lost = {**done, "executionId": "drill-lost", "status": "PENDING", "requestedAt": "2026-01-01T00:00:00.000Z"}
    product.put("Executions", lost)
    (row,) = product.items("RecoveryPlans")
    product.put("RecoveryPlans", {**row, "activeExecutionId": "drill-lost"})

    record = product.drill(plan)

    assert record["status"] == "COMPLETED"
    assert product.record("drill-lost")["status"] == "FAILED"
    assert "cut off" in product.record("drill-lost")["reason"]
