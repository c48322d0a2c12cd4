"""Starts with an Idempotency-Key start one run, even if they are repeated, late, simultaneous or interrupted."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from recovery import clock
from tests.harness.lambda_runtime import FunctionFault
from tests.support.fault_injection import Call, calls_through
from tests.support.plans import make_plan
from tests.support.product import Product, Reply

KEY = {"Idempotency-Key": "5b1c9a1e-0f3c-4c58-9a0e-6f7f0a5f2a11"}
A_MOMENT = clock.iso(time.time() - 86_400)
CHANGES = {"UpdateItem", "TransactWriteItems", "StartExecution"}


def start(product: Product, plan: str, mode: str = "drills", body: Any = None, **key: str) -> Reply:
    return product.request("POST", f"/recovery-plans/{plan}/{mode}", body, {**KEY, **key})


def runs(product: Product) -> list[str]:
    return [execution.name for execution in product.engine.executions("recover-plan")]


@contextmanager
def killed_after(operation: str, *, before: bool = False, calls: int = 1) -> Iterator[list[str]]:
    """Kill the API's function around its first calls of this operation; yields the changes that it made."""
    made, lock = list[str](), threading.Lock()

    def counting(call: Call) -> Call:
        def counted(self: Any, name: str, parameters: Any) -> Any:
            mine = name in CHANGES and os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == "Api"
            with lock:
                die = mine and name == operation and made.count(operation) < calls
                if mine:
                    made.append(name)
            if die and before:
                raise FunctionFault("Runtime.ExitError")
            answer = call(self, name, parameters)
            if die:
                raise FunctionFault("Runtime.ExitError")
            return answer

        return counted

    with calls_through(counting):
        yield made


@pytest.mark.parametrize("mode", ["drills", "recoveries", "readiness"])
def test_a_start_sent_twice_starts_one_run_and_answers_with_it_again(product: Product, mode: str) -> None:
    plan = make_plan(product, 1)
    first, second = start(product, plan, mode), start(product, plan, mode)
    assert (first.status, second.status) == (202, 202)
    assert second.headers["Location"] == first.headers["Location"]
    product.finish(first.body["executionId"])
    third = start(product, plan, mode)
    assert (third.status, third.body["executionId"]) == (202, first.body["executionId"])
    assert third.body["status"] in ("COMPLETED", "READY")
    assert runs(product) == [first.body["executionId"]]


def test_the_same_key_with_another_body_is_refused_and_starts_nothing(product: Product) -> None:
    plan = make_plan(product, 1)
    first = start(product, plan)
    product.finish(first.body["executionId"])
    reply = start(product, plan, body={"pointInTime": A_MOMENT})
    assert (reply.status, reply.body["code"]) == (409, "IdempotencyConflict")
    assert reply.body["executionId"] == first.body["executionId"]
    assert runs(product) == [first.body["executionId"]]


def test_a_body_with_the_same_meaning_counts_as_the_same(product: Product) -> None:
    plan = make_plan(product, 1)
    first, second = start(product, plan), start(product, plan, body={"pointInTime": None})
    assert first.body["executionId"] == second.body["executionId"]
    product.finish(first.body["executionId"])


def test_a_key_belongs_to_a_plan_and_a_kind_of_run(product: Product) -> None:
    one, other = make_plan(product, 1), make_plan(product, 1, prefix="other")
    replies = [start(product, one), start(product, other), start(product, one, "readiness")]
    assert [reply.status for reply in replies] == [202, 202, 202]
    assert len({reply.body["executionId"] for reply in replies}) == 3
    for reply in replies:
        product.finish(reply.body["executionId"])


def test_without_a_key_each_request_starts_a_run_of_its_own(product: Product) -> None:
    plan = make_plan(product, 1)
    assert product.drill(plan)["executionId"] != product.drill(plan)["executionId"]


def test_racing_requests_with_one_key_start_one_run(product: Product) -> None:
    plan = make_plan(product, 1)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: start(product, plan), range(8)))
    assert {reply.status for reply in replies} == {202}
    (execution_id,) = {reply.body["executionId"] for reply in replies}
    product.finish(execution_id)
    assert runs(product) == [execution_id]
    assert len(product.jobs()) == 1


def test_racing_requests_with_one_key_and_different_bodies_start_one_run(product: Product) -> None:
    plan = make_plan(product, 1)
    bodies = [None, {"pointInTime": A_MOMENT}] * 4
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda body: start(product, plan, "readiness", body), bodies))
    assert {reply.status for reply in replies} == {202, 409}
    begun = {reply.body["executionId"] for reply in replies}
    assert set(runs(product)) == begun
    assert len(begun) == 1


@pytest.mark.proof
@pytest.mark.parametrize(
    ("point", "operation", "before"),
    [
        ("the key is taken", "UpdateItem", False),
        ("nothing is on record yet", "TransactWriteItems", True),
        ("the run is on record", "TransactWriteItems", False),
        ("the machine was not started yet", "StartExecution", True),
        ("the machine was started", "StartExecution", False),
    ],
)
def test_a_start_that_is_cut_off_is_completed_by_the_next_request_with_its_key(
    product: Product, point: str, operation: str, before: bool
) -> None:
    plan = make_plan(product, 1)
    with killed_after(operation, before=before) as made:
        assert start(product, plan).status == 500
    assert made[-1] == operation
    reply = start(product, plan)
    assert reply.status == 202, reply
    assert product.finish(reply.body["executionId"])["status"] == "COMPLETED"
    assert runs(product) == [reply.body["executionId"]]
    assert {row["executionId"] for row in product.items("Executions")} == {reply.body["executionId"]}
    assert len(product.jobs()) == 1


def test_a_start_that_was_refused_may_be_sent_again_with_its_key(product: Product) -> None:
    plan = make_plan(product, 1)
    running = product.start(plan)
    assert start(product, plan).body["code"] == "PlanAlreadyRunning"
    product.finish(running)
    reply = start(product, plan)
    assert (reply.status, reply.body["executionId"] == running) == (202, False)
    assert product.finish(reply.body["executionId"])["status"] == "COMPLETED"


def test_a_start_that_step_functions_refused_is_repeated_with_its_key(product: Product) -> None:
    plan = make_plan(product, 1)
    machine, states = product.engine.machine_arn("recover-plan"), product.engine.client("stepfunctions")
    definition = states.describe_state_machine(stateMachineArn=machine)
    states.delete_state_machine(stateMachineArn=machine)
    assert start(product, plan).body["code"] == "StartFailed"
    states.create_state_machine(name="recover-plan", definition=definition["definition"], roleArn=definition["roleArn"])
    reply = start(product, plan)
    assert reply.status == 202
    assert product.finish(reply.body["executionId"])["status"] == "COMPLETED"


def test_a_key_that_has_expired_is_free_though_dynamodb_has_not_removed_it(product: Product) -> None:
    plan = make_plan(product, 1)
    first = start(product, plan).body["executionId"]
    product.finish(first)
    (row,) = [row for row in product.items("Limits") if row["target"].startswith("REQUEST#")]
    requested = product.record(first)["requestedAt"]
    assert 23.9 < (int(row["expiresAt"]) - _epoch(requested)) / 3600 < 24.1
    product.put("Limits", {**row, "expiresAt": int(_epoch(requested)) - 1})
    second = start(product, plan, body={"pointInTime": None}).body["executionId"]
    assert second != first
    product.finish(second)


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_a_run_is_continued_once_for_a_key(product: Product) -> None:
    plan = make_plan(product, 1)
    execution_id = product.start(plan)
    product.request("POST", f"/executions/{execution_id}/cancel")
    product.finish(execution_id)
    replies = [product.request("POST", f"/executions/{execution_id}/continue", None, KEY) for _ in range(2)]
    assert [reply.status for reply in replies] == [202, 202]
    assert replies[0].body["executionId"] == replies[1].body["executionId"]
    product.finish(replies[0].body["executionId"])
    again = product.request("POST", f"/executions/{execution_id}/continue", None, KEY)
    assert again.body["executionId"] == replies[0].body["executionId"]


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "k\x00", "k\n", "schlüssel", "\u2028"])
def test_an_invalid_key_is_refused_by_name(product: Product, key: str) -> None:
    plan = make_plan(product, 1)
    reply = start(product, plan, **{"Idempotency-Key": key})
    assert reply.status == 400
    assert [problem["field"] for problem in reply.body["problems"]] == ["Idempotency-Key"]
    assert runs(product) == []
