"""What a group selected before is compared with what it selects now, over the whole chain of the last launch."""

from collections.abc import Iterator

import pytest

from recovery.aws import dynamodb
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run
from recovery.domain.inspection import InspectedServer, WaveTargetInspection
from recovery.domain.plan import GroupUse, ProtectionGroup, RecoveryPlan, Wave
from recovery.domain.readiness import Readiness, ServerVerdict
from recovery.domain.target import Target
from recovery.runs.inspection.falls import note_falls
from recovery.runs.inspection.selection import SelectedServer, WaveSelection
from recovery.store import inspections
from tests.support.moto_tables import product_tables

TARGET = Target("111122223333", "us-west-2")
WAVE = Wave("web", (GroupUse("pg-1"),))
GROUP = ProtectionGroup("pg-1", "web servers", TARGET, tags={"tier": "web"})
PLAN = RecoveryPlan("rp-1", "shop", (WAVE,))
READY = ServerVerdict(Readiness.READY)


@pytest.fixture(autouse=True)
def on_moto() -> Iterator[None]:
    with product_tables():
        yield


def run(number: int, status: ExecutionStatus, continues: str | None = None) -> Run:
    at = f"2026-11-22T08:00:0{number}.000Z"
    return Run(f"drill-{number}", "rp-1", "shop", Mode.DRILL, status, at, "ana", continues=continues)


def launch(past: Run, server_ids: list[str], continued_by: str | None = None) -> None:
    """Write the record of a run that has ended, and whose inspection found these servers in the group."""
    dynamodb.put("executions", {**past.to_item(), "continuedBy": continued_by})
    dynamodb.put("run_requests", Execution(past, PLAN).request_item())
    servers = {each: InspectedServer(READY, f"host-{each}", groups=("pg-1",)) for each in server_ids}
    inspections.persist_inspection(past.execution_id, [WaveTargetInspection(WAVE, TARGET, servers)], 100)


def notes_on(selected: list[str]) -> dict[str, str]:
    now = Execution(run(9, ExecutionStatus.PENDING), RecoveryPlan("rp-1", "shop", (WAVE,)))
    selection = WaveSelection({each: SelectedServer(False, None, ("pg-1",)) for each in selected}, ())
    return note_falls(now, TARGET, {"pg-1": GROUP}, [selection])


def test_servers_of_the_whole_chain_of_the_last_launch_are_missed() -> None:
    launch(run(1, ExecutionStatus.PARTIAL), ["s-1", "s-2"], continued_by="drill-2")
    launch(run(2, ExecutionStatus.COMPLETED, continues="drill-1"), ["s-2"])
    says = "group web servers selected 2 servers in drill-2, now 1: s-1 (host-s-1) is missing"
    assert notes_on(["s-2"]) == {"pg-1": says}


def test_runs_that_continue_the_last_launch_do_not_count_with_it() -> None:
    launch(run(1, ExecutionStatus.PARTIAL), ["s-1"], continued_by="drill-2")
    launch(run(2, ExecutionStatus.FAILED, continues="drill-1"), ["s-1", "s-2"])
    assert notes_on(["s-1"]) == {}


def test_a_run_whose_record_was_deleted_does_not_end_the_comparison() -> None:
    launch(run(2, ExecutionStatus.COMPLETED, continues="drill-1"), ["s-2"])
    assert notes_on(["s-2"]) == {}
    says = "group web servers selected 1 server in drill-2, now 0: s-2 (host-s-2) is missing"
    assert notes_on([]) == {"pg-1": says}
