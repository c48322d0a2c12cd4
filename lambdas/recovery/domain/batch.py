"""Batches: the servers of one wave and target that one DRS job launches."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recovery import clock
from recovery.domain.execution import Mode
from recovery.domain.server_result import Recorded
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.packing import unpack


class BatchStatus(StrEnum):
    """PENDING until an attempt begins; STARTING while its job is being started, LAUNCHING while the job runs.

    SETTLED is final for a round: another round opens the batch again.
    """

    PENDING = "PENDING"
    STARTING = "STARTING"
    LAUNCHING = "LAUNCHING"
    SETTLED = "SETTLED"

    @property
    def is_in_attempt(self) -> bool:
        """Whether a job of the batch may be running in DRS."""
        return self in (BatchStatus.STARTING, BatchStatus.LAUNCHING)


@dataclass(frozen=True, slots=True)
class BatchRef:
    """The name of a batch of a run; the states of the machines pass nothing else of it."""

    execution_id: str
    wave: str
    target: Target
    number: int

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "BatchRef":
        """Read the input of a Task state, or a row."""
        return cls(event["executionId"], event["wave"], Target.from_state(event), int(event["batch"]))

    @property
    def mode(self) -> Mode:
        """The mode of its run."""
        return Mode.of_run(self.execution_id)

    @property
    def sort_key(self) -> str:
        """The sort key of its row."""
        return f"BATCH#{self.wave}#{self.target.key}#{self.number:04d}"

    @property
    def key(self) -> str:
        """Its name across runs, for leases and for the tags of jobs."""
        return f"{self.execution_id}/{self.wave}/{self.target.key}/{self.number:04d}"


@dataclass(frozen=True, slots=True)
class Batch:
    """The row of a batch.

    `launched` and `failed` count its servers by their results on record. `total` is constant. The counts of checks are
    those of its row in `store.steps.checks`: `launched_when_checked` is how many servers were launched when its checks
    last began, None before.
    """

    ref: BatchRef
    # To be launched: all servers at first, then those that failed; once SETTLED, those that were not launched.
    server_ids: tuple[str, ...]
    total: int
    status: BatchStatus = BatchStatus.PENDING
    attempt: int = 0
    # When StartRecovery was first called, or was about to be, in this attempt: its job is searched from then on.
    intent_at: str | None = None
    # When StartRecovery was last called; removed when DRS has refused the call, so that no job can come of it.
    unanswered_since: str | None = None
    # Whether StartRecovery was called again although an earlier call had no answer.
    start_repeated: bool = False
    job_id: str | None = None
    job_started_at: str | None = None
    launched: int = 0
    failed: int = 0
    # The servers of the running job that DRS has reported as launched and as failed; their results follow at its end.
    launched_in_job: tuple[str, ...] = ()
    failed_in_job: tuple[str, ...] = ()
    # Servers that are left out for the rest of the round: DRS will never launch them, or a launch would do harm.
    dropped: tuple[str, ...] = ()
    # Those of them that were left out for a conflict; the next attempt of the round includes them again.
    last_try: tuple[str, ...] = ()
    # How often in a row DRS refused the start for a conflict, since when, and the server that it last named.
    conflicts: int = 0
    conflict_since: str | None = None
    conflict_server: str | None = None
    # Servers that the wave may do without.
    optional: frozenset[str] = frozenset()
    optional_launched: int = 0
    # Launched servers that have checks to pass, those that have passed, and those that have not in time.
    launched_when_checked: int | None = None
    checked: int = 0
    verified: int = 0
    unverified: int = 0
    optional_unverified: int = 0
    # Of the unverified ones, those whose checks a cancel has cut off.
    cut_off: int = 0
    # The snapshot of each server that is not launched from its latest data.
    snapshots: Mapping[str, str] = field(default_factory=dict)
    # An operator can request another round. Each has as many attempts as the plan allows, after `attempts_before`.
    round: int = 0
    attempts_before: int = 0
    started_at: str | None = None
    # What is known of the running job: when it was started, its stage, when its log was read, and how long such a job
    # usually takes. `is_overdue`: operators have been notified that it takes far longer.
    stage: str | None = None
    log_read_at: str | None = None
    usual_seconds: int | None = None
    is_overdue: bool = False
    # Since when DRS keeps the batch waiting, with the error that exhausted the retries; None while it does not.
    outage_since: str | None = None
    outage_reason: str | None = None
    ended_at: str | None = None
    reason: str | None = None
    # The results on record, as the row has them.
    packed_results: bytes | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Batch":
        """Read a BATCH row."""
        return cls(
            ref=BatchRef.from_event(item),
            server_ids=tuple(item["serverIds"]),
            total=int(item["total"]),
            status=BatchStatus(item["status"]),
            attempt=int(item["attempt"]),
            intent_at=item.get("intentAt"),
            unanswered_since=item.get("unansweredSince"),
            start_repeated=bool(item.get("startRepeated", False)),
            job_id=item.get("jobId"),
            job_started_at=item.get("jobStartedAt"),
            launched=int(item.get("launched", 0)),
            failed=int(item.get("failed", 0)),
            launched_in_job=tuple(item.get("launchedInJob", ())),
            failed_in_job=tuple(item.get("failedInJob", ())),
            dropped=tuple(item.get("dropped", ())),
            last_try=tuple(item.get("lastTry", ())),
            conflicts=int(item.get("conflicts", 0)),
            conflict_since=item.get("conflictSince"),
            conflict_server=item.get("conflictServer"),
            optional=frozenset(item.get("optional", ())),
            optional_launched=int(item.get("optionalLaunched", 0)),
            launched_when_checked=int(item["launchedWhenChecked"]) if "launchedWhenChecked" in item else None,
            checked=int(item.get("checked", 0)),
            verified=int(item.get("verified", 0)),
            unverified=int(item.get("unverified", 0)),
            optional_unverified=int(item.get("optionalUnverified", 0)),
            cut_off=int(item.get("cutOff", 0)),
            snapshots=item.get("snapshots", {}),
            round=int(item.get("round", 0)),
            attempts_before=int(item.get("attemptsBefore", 0)),
            started_at=item.get("startedAt"),
            stage=item.get("stage"),
            log_read_at=item.get("logReadAt"),
            usual_seconds=int(item["usualSeconds"]) if "usualSeconds" in item else None,
            is_overdue="overdueAt" in item,
            outage_since=item.get("outageSince"),
            outage_reason=item.get("outageReason"),
            ended_at=item.get("endedAt"),
            reason=item.get("reason"),
            packed_results=item.get("results"),
        )

    def to_item(self) -> dict[str, Any]:
        """The row of a new batch."""
        return {
            "executionId": self.ref.execution_id,
            "item": self.ref.sort_key,
            "wave": self.ref.wave,
            **self.ref.target.to_state(),
            "batch": self.ref.number,
            "serverIds": list(self.server_ids),
            "total": self.total,
            "status": self.status,
            "attempt": self.attempt,
            "optional": sorted(self.optional) or None,
            "snapshots": dict(self.snapshots) or None,
        }

    @property
    def results(self) -> Mapping[str, Recorded]:
        """The results on record, by server. A server that no attempt has tried yet has none."""
        results: Mapping[str, Recorded] = unpack(self.packed_results) if self.packed_results else {}
        return results

    @property
    def lease_attempt(self) -> int:
        """The attempt to which the batch's lease belongs, or will belong."""
        return self.attempt + 1 if self.status is BatchStatus.PENDING else self.attempt

    @property
    def tally(self) -> Tally:
        """Count its servers by outcome so far, as the record and DRS's last report of the running job have them.

        A server that has failed counts as failed until another job tries it again.
        """
        not_tried_again = len(self.dropped) + len(self.failed_in_job)
        return Tally(
            total=self.total,
            launched=self.launched + len(self.launched_in_job),
            failed=not_tried_again if self.status.is_in_attempt else self.failed,
            optional=len(self.optional),
            optional_launched=self.optional_launched + len(self.optional.intersection(self.launched_in_job)),
            checked=self.checked,
            verified=self.verified,
            unverified=self.unverified,
            optional_unverified=self.optional_unverified,
            cut_off=self.cut_off,
        )

    @property
    def ended_outage(self) -> dict[str, Any]:
        """The entry in the batch's list of outages for the one that ends now."""
        return {"since": self.outage_since, "until": clock.iso(), "reason": self.outage_reason}

    @property
    def launching(self) -> tuple[str, ...]:
        """The servers of the running job whose result DRS has not reported yet."""
        if not self.status.is_in_attempt:
            return ()
        reported = {*self.launched_in_job, *self.failed_in_job}
        return tuple(server_id for server_id in self.server_ids if server_id not in reported)


def split_into_batches(server_ids: Iterable[str], size: int) -> list[tuple[str, ...]]:
    """Cut the servers, in sorted order, into as few batches as `size` allows, of about equal length.

    Equal batches end at about the same time. A last batch of one server would use a job slot as long as a full one.
    """
    servers = sorted(server_ids)
    count = -(-len(servers) // size)
    cuts = [len(servers) * number // count for number in range(count + 1)] if count else []
    return [tuple(servers[start:end]) for start, end in itertools.pairwise(cuts)]
