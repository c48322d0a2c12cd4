"""Runs and waves: their statuses, and the META and WAVE# rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.domain.launch_profiles.profiles import ProfileOption
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.domain.wave_steps.actions import ActionsOption
from recovery.domain.wave_steps.modes import RunMode
from recovery.identities import SCHEDULE


class Mode(StrEnum):
    """A drill launches copies beside the sources, a recovery replaces them, a readiness run launches nothing."""

    DRILL = "DRILL"
    RECOVERY = "RECOVERY"
    READINESS = "READINESS"

    @classmethod
    def of_run(cls, execution_id: str) -> "Mode":
        """The mode of the run with this id, which begins with it: `drill-20261122-081530-4f1c09`.

        No row can say otherwise, so nothing that writes the record changes what a run does. Raise ValueError for an id
        of another form.
        """
        return cls(execution_id.partition("-")[0].upper())

    @property
    def of_steps(self) -> RunMode | None:
        """How checks and actions name it; None for a readiness run, which has neither."""
        return None if self is Mode.READINESS else RunMode(self.value.lower())


class ExecutionStatus(StrEnum):
    """PENDING until the first job runs, then POLLING; PAUSED until an operator resumes it. The rest are final."""

    PENDING = "PENDING"
    POLLING = "POLLING"
    PAUSED = "PAUSED"
    READY = "READY"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    NOT_READY = "NOT_READY"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended and keeps this status."""
        return self not in OPEN_STATUSES


PAUSABLE_STATUSES = (ExecutionStatus.PENDING, ExecutionStatus.POLLING)
OPEN_STATUSES = (*PAUSABLE_STATUSES, ExecutionStatus.PAUSED)


class WaveStatus(StrEnum):
    """AWAITING_… and PAUSED wait for an operator; COMPLETED, PARTIAL, FAILED, SKIPPED and CHECKED are final.

    CHECKED is for readiness checks. Records of versions before 0.2 have SKIPPED instead.
    """

    WAITING = "WAITING"
    PAUSED = "PAUSED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    IN_PROGRESS = "IN_PROGRESS"
    AWAITING_DECISION = "AWAITING_DECISION"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CHECKED = "CHECKED"

    @property
    def is_final(self) -> bool:
        """Whether the wave has ended and keeps this status."""
        return self.succeeded or self in (WaveStatus.FAILED, WaveStatus.SKIPPED, WaveStatus.CHECKED)

    @property
    def succeeded(self) -> bool:
        """Whether enough of its servers were launched."""
        return self in (WaveStatus.COMPLETED, WaveStatus.PARTIAL)


# The statuses of a wave before its servers are recovered.
STATUSES_BEFORE_START = (WaveStatus.WAITING, WaveStatus.PAUSED, WaveStatus.AWAITING_APPROVAL)


class ServerStatus(StrEnum):
    """PENDING, LAUNCHED, FAILED and EXCLUDED are stored; the others follow from the batch and the wave.

    A server that a job failed to launch is FAILED, whether or not another job was to try it again.
    """

    PENDING = "PENDING"
    LAUNCHING = "LAUNCHING"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    EXCLUDED = "EXCLUDED"
    SKIPPED = "SKIPPED"
    CHECKED = "CHECKED"


@dataclass(frozen=True, slots=True)
class WaveState:
    """The state of a wave as the record has it.

    `approved` and `failure_decision` are decisions of operators: whether the wave may start, and whether to `accept`
    or `abort` it after it has failed. `round` counts how often an operator had its failed servers tried again, `turn`
    how often an operator had it tried or verified again.
    `approval_until` is in epoch seconds. `rejection` describes who or what refused the approval. `waiting_since`
    is when the wave began to wait for an operator. `reason` and `servers` are those of its last verdict; `is_corrected`
    is True if it replaced an earlier one after the wave had ended.
    """

    name: str
    status: WaveStatus = WaveStatus.WAITING
    round: int = 0
    turn: int = 0
    resumed: bool = False
    approved: bool | None = None
    approval_until: float | None = None
    rejection: str | None = None
    failure_decision: str | None = None
    waiting_since: str | None = None
    reason: str | None = None
    servers: Mapping[str, int] | None = None
    is_corrected: bool = False

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "WaveState":
        """Read a WAVE row."""
        until = row.get("approvalUntil")
        return cls(
            name=row["wave"],
            status=WaveStatus(row["status"]),
            round=int(row.get("round", 0)),
            turn=int(row.get("turn", row.get("round", 0))),
            resumed=bool(row.get("resumed", False)),
            approved=row.get("approved"),
            approval_until=float(until) if until is not None else None,
            rejection=row.get("rejection"),
            failure_decision=row.get("failureDecision"),
            waiting_since=row.get("waitingSince"),
            reason=row.get("reason"),
            servers=_read_counts(row),
            is_corrected="earlierVerdicts" in row,
        )


def _read_counts(row: Mapping[str, Any]) -> dict[str, int] | None:
    """The counts of a verdict on record, as `Tally.to_item` wrote them; None before it."""
    counts = row.get("servers")
    return {name: int(count) for name, count in counts.items()} if counts else None


@dataclass(frozen=True, slots=True)
class Run:
    """What was requested, by whom, and the progress of the run.

    META has a copy of the request. What acts on the request takes it from the RUN row (`Requests.apply_to_run`).

    `point_in_time` is the moment to recover, if not the latest. `continues` is the run whose remaining servers this one
    recovers, `continued_by` the run that recovers the remaining servers of this one. With `replace_existing`, the
    requester has agreed that launches replace live recovery instances. `actions` is what a drill does with the actions
    of its plan, `profiles` what the run does with the launch profiles of its groups. With `reserves_capacity`, it holds
    capacity of EC2 until its end. With `four_eyes`, none of `requesters` approves its waves: `requested_by` and
    `earlier_requesters`, who requested the runs before it in its chain. With `comments_required`, its failed waves are
    accepted or aborted with a reason only. `cancelled_by` (an operator) or `aborted_reason` (why the state machine
    ended) lets no further wave or batch start, `stop_reason` no further wave. `reason` and `servers` are those of its
    verdict.
    """

    execution_id: str
    plan_id: str
    plan_name: str
    mode: Mode
    status: ExecutionStatus
    requested_at: str
    requested_by: str
    point_in_time: str | None = None
    continues: str | None = None
    continued_by: str | None = None
    replace_existing: bool = False
    four_eyes: bool = False
    comments_required: bool = False
    earlier_requesters: tuple[str, ...] = ()
    actions: ActionsOption = ActionsOption.RUN
    profiles: ProfileOption = ProfileOption.APPLY
    reserves_capacity: bool = False
    cancelled_by: str | None = None
    stop_reason: str | None = None
    aborted_reason: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    reason: str | None = None
    servers: Mapping[str, int] | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Run":
        """Read a META row. Its `mode` is for the indexes; the id decides."""
        return cls(
            execution_id=item["executionId"],
            plan_id=item["planId"],
            plan_name=item["planName"],
            mode=Mode.of_run(item["executionId"]),
            status=ExecutionStatus(item["status"]),
            requested_at=item["requestedAt"],
            requested_by=item["requestedBy"],
            point_in_time=item.get("pointInTime"),
            continues=item.get("continues"),
            continued_by=item.get("continuedBy"),
            replace_existing=bool(item.get("replaceExisting", False)),
            four_eyes=bool(item.get("fourEyes", False)),
            comments_required=bool(item.get("commentsRequired", False)),
            earlier_requesters=tuple(item.get("earlierRequesters") or ()),
            actions=ActionsOption(item.get("actions") or "run"),
            profiles=ProfileOption(item.get("launchProfiles") or "apply"),
            reserves_capacity=bool(item.get("reserveCapacity", False)),
            cancelled_by=item.get("cancelledBy"),
            stop_reason=item.get("stopReason"),
            aborted_reason=item.get("abortedReason"),
            started_at=item.get("startedAt"),
            ended_at=item.get("endedAt"),
            reason=item.get("reason"),
            servers=_read_counts(item),
        )

    def to_item(self) -> dict[str, Any]:
        """The META row of a new run. `kind` is the partition of the index that lists all executions."""
        return {
            "executionId": self.execution_id,
            "item": "META",
            "kind": "EXECUTION",
            "planId": self.plan_id,
            "planName": self.plan_name,
            "mode": self.mode.value,
            "status": self.status.value,
            **self.request_to_item(),
        }

    def request_to_item(self) -> dict[str, Any]:
        """What was requested, as META and the RUN row have it."""
        return {
            "requestedAt": self.requested_at,
            "requestedBy": self.requested_by,
            "pointInTime": self.point_in_time,
            "continues": self.continues,
            "replaceExisting": self.replace_existing or None,
            "fourEyes": self.four_eyes or None,
            "commentsRequired": self.comments_required or None,
            "earlierRequesters": list(self.earlier_requesters) or None,
            "actions": None if self.actions is ActionsOption.RUN else self.actions.value,
            "launchProfiles": None if self.profiles is ProfileOption.APPLY else self.profiles.value,
            "reserveCapacity": self.reserves_capacity or None,
        }

    @property
    def requesters(self) -> tuple[str, ...]:
        """Who requested this run and those before it in its chain, each once, oldest first."""
        return tuple(dict.fromkeys((*self.earlier_requesters, self.requested_by)))

    @property
    def is_scheduled(self) -> bool:
        """Whether it is a readiness run that the schedule of its plan has started."""
        return self.mode is Mode.READINESS and self.requested_by == SCHEDULE

    @property
    def is_halted(self) -> bool:
        """Whether no further wave or batch of it starts."""
        return self.status.is_final or self.cancelled_by is not None or self.aborted_reason is not None

    @property
    def halted_because(self) -> str:
        """Why no further wave or batch starts."""
        if self.cancelled_by:
            return f"the run was cancelled by {self.cancelled_by}"
        return self.aborted_reason or f"the run is {self.status.value}"


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run and its waves as they were read from the record. Rules take a snapshot; after a write, load a new one."""

    run: Run
    wave_states: Mapping[str, WaveState]

    @property
    def wave_statuses(self) -> dict[str, WaveStatus]:
        """The status of each wave, in plan order."""
        return {name: state.status for name, state in self.wave_states.items()}


@dataclass(frozen=True, slots=True)
class Execution:
    """A run and its plan as it was when the run was started.

    The run has a copy, so a plan can be edited while it runs. The copy is a row of its own, PLAN, because every task of
    every batch reads META and the request, and the largest plan has 380 KB.
    """

    run: Run
    plan: RecoveryPlan

    @property
    def execution_id(self) -> str:
        """The id of the run, which is also the name of its execution in Step Functions."""
        return self.run.execution_id

    def run_item(self) -> dict[str, Any]:
        """The META row of a new run, with the targets that it is measured against."""
        targets = {"rpoTargetMinutes": self.plan.rpo_target_minutes, "rtoTargetMinutes": self.plan.rto_target_minutes}
        return {**self.run.to_item(), **targets}

    def request_item(self) -> dict[str, Any]:
        """The RUN row: what was requested, by whom and when."""
        return {"executionId": self.execution_id, "item": "RUN", **self.run.request_to_item()}

    def plan_item(self) -> dict[str, Any]:
        """The PLAN row."""
        return {"executionId": self.execution_id, "item": "PLAN", "plan": self.plan.to_item()}

    def group_item(self, group: ProtectionGroup) -> dict[str, Any]:
        """The GROUP# row of a group, as it was when the run was started."""
        return {**group.to_item(), "executionId": self.execution_id, "item": f"GROUP#{group.group_id}"}
