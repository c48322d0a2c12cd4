"""A record never moves backwards, in whatever order, however often and however late messages arrive."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run, ServerStatus, WaveStatus
from recovery.domain.plan import RecoveryPlan, Wave
from recovery.domain.server_result import Attempt, ServerResult
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.domain.verdicts import ExecutionVerdict, WaveDecision, WaveVerdict
from recovery.errors import DecisionRefused
from recovery.runs import decisions
from recovery.runs.decisions import Operator
from recovery.store import batch_servers, batches, executions, waves
from tests.support.moto_tables import product_tables

pytestmark = pytest.mark.proof

PLAN = RecoveryPlan("rp-1", "shop", (Wave("web", ()),))
REF = BatchRef("drill-1", "web", Target("111122223333", "us-west-2"), 1)
RUN = Run("drill-1", "rp-1", "shop", Mode.DRILL, ExecutionStatus.PENDING, "2026-01-01T00:00:00.000Z", "ana")
EXECUTION = Execution(RUN, PLAN)
FRESH = Batch(REF, ("s-1", "s-2"), 2)

# A pause and its end go to and fro before the end of a run.
EXECUTION_RANK = {status: 2 if status.is_final else 0 for status in ExecutionStatus}
WAVE_RANK = {status: 0 if status == "WAITING" else 2 if status.is_final else 1 for status in WaveStatus}
ANA = Operator("ana")
BATCH_RANK = {"PENDING": 0, "STARTING": 1, "LAUNCHING": 2, "SETTLED": 9}
SERVER_RANK = {"PENDING": 0, "FAILED": 1, "LAUNCHED": 2}


def running_machine() -> str:
    """recover-plan with an execution that keeps running, so a cancel leaves the end of the run to it."""
    states = boto3.client("stepfunctions", "us-west-2")
    wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3_600, "End": True}}}
    role = "arn:aws:iam::123456789012:role/any"
    machine = states.create_state_machine(name="recover-plan", definition=json.dumps(wait), roleArn=role)
    states.start_execution(stateMachineArn=machine["stateMachineArn"], name="drill-1")
    return machine["stateMachineArn"]


@pytest.fixture(scope="module", autouse=True)
def on_moto() -> Iterator[None]:
    """Tables that are created once; each example begins with its own rows."""
    with product_tables(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECOVER_PLAN_ARN", running_machine())
        yield


def begin() -> None:
    dynamodb.put("recovery_plans", {**PLAN.to_item(), "activeExecutionId": "drill-1"})
    dynamodb.put("executions", RUN.to_item())
    for asked in dynamodb.query("run_requests", Partition("executionId", "drill-1")):
        dynamodb.delete("run_requests", {"executionId": "drill-1", "item": asked["item"]})
    dynamodb.put("run_requests", EXECUTION.request_item())
    dynamodb.put("run_requests", EXECUTION.plan_item())
    store_row = {"executionId": "drill-1", "item": "WAVE#web", "wave": "web", "order": 0, "status": "WAITING"}
    dynamodb.put("executions", store_row)
    dynamodb.put("executions", FRESH.to_item())


def at(status: str, attempt: int, job: str | None = None) -> Batch:
    """The batch as a function that had read it at that time would have it."""
    return Batch(REF, FRESH.server_ids, 2, status=BatchStatus(status), attempt=attempt, job_id=job)


def ended(job: str, **statuses: ServerStatus) -> Attempt:
    """An attempt whose job ended with these results: `s1` is the result of s-1."""
    return Attempt([ServerResult(f"s-{name[1:]}", status, job) for name, status in statuses.items()], job)


def shown_late(job: str, server: str) -> None:
    """A sync finds the instance that the job launched."""
    instance = LaunchedInstance(f"i-{server}", f"i-{server}", server, "RUNNING", None, job, True, None)
    batch_servers.add_instances("drill-1", [instance])


def said(decide: Callable[..., object], *what: str) -> None:
    """A decision. One that comes too late is refused and must change nothing."""
    with suppress(DecisionRefused):
        decide("drill-1", *what, ANA)


LAUNCHED, FAILED = ServerStatus.LAUNCHED, ServerStatus.FAILED
MESSAGES: list[Callable[[], object]] = [
    lambda: waves.start_wave("drill-1", "web"),
    lambda: batches.record_intent(at("PENDING", 0)),
    lambda: batches.record_job(at("STARTING", 1), "drsjob-1", "2026-01-01T00:00:01.000Z"),
    lambda: executions.record_start("drill-1"),
    lambda: batches.record_progress(REF, "drsjob-1", ["s-1"], []),
    lambda: batches.retry_batch(at("LAUNCHING", 1, "drsjob-1"), ended("drsjob-1", s1=LAUNCHED, s2=FAILED), ["s-2"]),
    lambda: shown_late("drsjob-1", "s-1"),
    lambda: batches.record_intent(at("PENDING", 1)),
    lambda: batches.record_job(at("STARTING", 2), "drsjob-2", "2026-01-01T00:00:02.000Z"),
    lambda: batches.record_progress(REF, "drsjob-2", ["s-2"], []),
    lambda: batches.close_batch(at("LAUNCHING", 2, "drsjob-2"), ended("drsjob-2", s1=FAILED, s2=LAUNCHED), "done"),
    lambda: shown_late("drsjob-2", "s-2"),
    lambda: waves.settle_wave("drill-1", "web", WaveVerdict(WaveStatus.COMPLETED, "done"), Tally(2, 2)),
    lambda: waves.settle_wave("drill-1", "web", WaveVerdict(WaveStatus.FAILED, "late"), Tally(2)),
    lambda: executions.record_end(RUN, ExecutionVerdict(ExecutionStatus.COMPLETED, "done"), Tally(2, 2)),
    lambda: executions.record_end(RUN, ExecutionVerdict(ExecutionStatus.FAILED, "late"), Tally(2)),
    lambda: said(decisions.pause),
    lambda: said(decisions.resume),
    lambda: said(decisions.cancel),
    lambda: said(decisions.decide_wave, "web", WaveDecision.APPROVE),
    lambda: said(decisions.decide_wave, "web", WaveDecision.ACCEPT),
]


def ranks(rows: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for row in rows:
        kind, status = row["item"].split("#")[0], row["status"]
        if kind == "META":
            found["META"] = (EXECUTION_RANK[ExecutionStatus(status)],)
        elif kind == "WAVE":
            found["WAVE"] = (WAVE_RANK[WaveStatus(status)],)
        elif kind == "BATCH":
            # PENDING again after an attempt is further on than that attempt.
            attempt = row["attempt"] + (1 if status == "PENDING" and row["attempt"] else 0)
            found["BATCH"] = (9, 9) if status == "SETTLED" else (attempt, BATCH_RANK[status] or 0)
            for server, result in Batch.from_item(row).results.items():
                found[server] = (SERVER_RANK[result["status"]], "recoveryInstanceId" in result)
    return found


@settings(max_examples=100, deadline=None)
@given(
    chosen=st.lists(st.integers(0, len(MESSAGES) - 1), min_size=3, max_size=6),
    mostly_in_order=st.booleans(),
    seed=st.integers(),
)
def test_late_repeated_and_shuffled_messages_never_move_a_record_backwards(
    chosen: list[int], mostly_in_order: bool, seed: int
) -> None:
    begin()
    if mostly_in_order:
        jitter = random.Random(seed)
        some = jitter.sample(range(len(MESSAGES)), 9)
        chosen = sorted([*some, *chosen], key=lambda number: number + jitter.uniform(-3, 3))
    final: dict[str, str] = {}
    before = ranks(list(dynamodb.query("executions", Partition("executionId", "drill-1"))))
    for number in chosen:
        MESSAGES[number]()
        rows = list(dynamodb.query("executions", Partition("executionId", "drill-1")))
        after = ranks(rows)
        assert before.keys() <= after.keys()
        for key, rank in before.items():
            assert after[key] >= rank, f"message {number} moved {key} from {rank} to {after[key]}"
        for row in rows:
            if row["item"] in ("META", "WAVE#web") and after[row["item"].split("#")[0]] == (2,):
                assert final.setdefault(row["item"], row["status"]) == row["status"], "a final status was changed"
        before = after
