"""How often a request or a task reads the rows of a run: once, and again only behind a write."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.fault_injection import Call, calls_through
from tests.support.product import Product
from tests.support.runs import decide, wait_until, wave_statuses


@contextmanager
def counted_reads(function: str) -> Iterator[Counter[str]]:
    """Count the reads of META and of WAVE# rows that the function makes."""
    reads = Counter[str]()

    def counting(call: Call) -> Call:
        def counted(self: Any, operation: str, parameters: Any) -> Any:
            if os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == function:
                if operation == "GetItem" and parameters["Key"].get("item") == {"S": "META"}:
                    reads["META"] += 1
                if operation == "Query" and {"S": "WAVE#"} in parameters["ExpressionAttributeValues"].values():
                    reads["WAVE#"] += 1
            return call(self, operation, parameters)

        return counted

    with calls_through(counting):
        yield reads


def started(product: Product, status: str, **wave: Any) -> str:
    """A run of one wave that has come to this status."""
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))], **wave})
    product.fault("JOB_STAYS_PENDING", operation="StartRecovery", holdSeconds=900)
    run = product.start(plan)
    wait_until(product, run, lambda record: wave_statuses(record) == {"web": status})
    return run


APPROVAL = {"approval": {"required": True, "timeoutMinutes": 600}}


@pytest.mark.parametrize(
    ("status", "wave", "decision", "reads"),
    [
        # One read for the decision, and one behind its write, for the answer.
        ("IN_PROGRESS", {}, "cancel", {"META": 2, "WAVE#": 1}),
        ("IN_PROGRESS", {}, "pause", {"META": 2, "WAVE#": 1}),
        ("PAUSED", {"pauseBefore": True}, "resume", {"META": 2, "WAVE#": 2}),
        ("AWAITING_APPROVAL", APPROVAL, "waves/web/approve", {"META": 2, "WAVE#": 2}),
    ],
)
def test_a_decision_reads_the_run_once_and_once_again_for_its_answer(
    product: Product, status: str, wave: dict[str, Any], decision: str, reads: dict[str, int]
) -> None:
    run = started(product, status, **wave)
    with counted_reads("Api") as made:
        reply = decide(product, run, decision)
    assert reply.status == 200, reply
    assert made == reads


@pytest.mark.parametrize(
    ("function", "reads"),
    [
        ("StartWave", {"META": 1, "WAVE#": 1}),
        ("SettleWave", {"META": 2, "WAVE#": 2}),  # the second behind the verdict
        ("FinishExecution", {"META": 2, "WAVE#": 1}),  # the second after its batches are settled
    ],
)
def test_a_task_of_a_wave_reads_the_run_once(product: Product, function: str, reads: dict[str, int]) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    with counted_reads(function) as made:
        record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    assert made == reads
