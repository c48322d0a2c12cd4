"""Builds the schedule of a job: all its steps with their times, drawn when the job starts.

The order of the steps is that of the service's log events. The knob `job_timing` sets their times within the job.
"""

import random
from dataclasses import dataclass
from enum import StrEnum

from drs_emulator.ids import digest
from drs_emulator.records.job import Job, Participant
from drs_emulator.records.replication import INTERRUPTED, NEVER_SYNCED
from drs_emulator.records.source_server import FailsAt, SourceServer
from drs_emulator.settings import JobDuration, Settings
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event


class Step(StrEnum):
    START = "START"
    LOG = "LOG"
    CLEAN_UP = "CLEAN_UP"
    CLEANED_UP = "CLEANED_UP"
    CONVERT = "CONVERT"
    CONVERTED = "CONVERTED"
    LAUNCH = "LAUNCH"
    LAUNCHED = "LAUNCHED"
    FAIL = "FAIL"
    RUN_ACTION = "RUN_ACTION"
    ACTION_ENDED = "ACTION_ENDED"
    FAILED_BACK = "FAILED_BACK"
    TERMINATE = "TERMINATE"
    TERMINATED = "TERMINATED"
    END = "END"


Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Timing:
    """When each step takes place: a share of a phase of the job, drawn from a range.

    The first four are shares of PENDING if `snapshots_while_pending`, else of STARTED; the others are of STARTED.
    """

    snapshots_while_pending: bool
    clean_up: Range
    cleaned_up: Range
    snapshot_start: Range
    snapshot_end: Range
    conversion_start: Range
    conversion_end: Range
    conversion_fail: Range
    launched: Range


TIMINGS = {
    # Two captured drills of 533 and 539 s: snapshots within a second, conversion from 52 s to 250 s, then the launch
    "captured": Timing(
        False, (0, 0.001), (0.02, 0.05), (0.0006, 0.0009), (0.001, 0.0012), (0.09, 0.11), (0.45, 0.49), (0.2, 0.4),
        (0.97, 0.995),
    ),
    # An assumption: snapshots take all of PENDING
    "slow": Timing(
        True, (0.01, 0.03), (0.08, 0.15), (0.15, 0.25), (0.8, 0.95), (0.02, 0.08), (0.5, 0.6), (0.3, 0.5), (0.8, 0.95)
    ),
}  # fmt: skip


def build_schedule(target: Target, job: Job, settings: Settings) -> list[tuple[float, Event]]:
    """Return the events with their times. Also set the point in time that each participant launches from."""
    schedule = _JobSchedule(target, job, settings)
    if job.initiated_by == "FAILBACK":
        schedule.add_failback()
    elif job.type == "LAUNCH":
        schedule.add_launch()
    else:
        schedule.add_termination()
    return schedule.events


class _JobSchedule:
    """The schedule of one job. The seed, the target and the job's number determine all random times."""

    def __init__(self, target: Target, job: Job, settings: Settings) -> None:
        self._target = target
        self._job = job
        self.events: list[tuple[float, Event]] = []
        self._random = random.Random(digest(settings.seed, job.target, job.number))
        durations = settings.durations
        duration = {
            "TERMINATE_RECOVERY_INSTANCES": durations.terminate,
            "START_DRILL": durations.drill,
            "FAILBACK": durations.failback,
        }.get(job.initiated_by, durations.recovery)
        self._timing = TIMINGS[settings.behaviour.job_timing]
        self._duration = JobDuration(
            duration.pending * self._draw(1 - settings.spread, 1 + settings.spread),
            duration.started * self._draw(1 - settings.spread, 1 + settings.spread),
        )

    def add_launch(self) -> None:
        timing = self._timing
        self._add_started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            cleaned_up = 0.0
            if server.recovery_instance_id:
                cleaned_up = self._draw(*timing.cleaned_up)
                self._add_early(self._draw(*timing.clean_up), Step.CLEAN_UP, server)
                self._add_early(cleaned_up, Step.CLEANED_UP, server)
            if server.replication.state_at(self._job.begins_at) in NEVER_SYNCED:
                self._add_started(0, Step.FAIL, server, "SERVER_SKIPPED")
            elif self._add_snapshot(server, participant, cleaned_up):
                self._add_conversion(server, participant)
        self._add_started(1, Step.END)

    def add_failback(self) -> None:
        """Convert the original machine in place: without a snapshot and without EC2."""
        timing = self._timing
        self._add_started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            self._add_started(self._draw(*timing.conversion_start), Step.CONVERT, server)
            if participant.fails_at is FailsAt.CONVERSION:
                self._add_started(self._draw(*timing.conversion_fail), Step.FAIL, server, "CONVERSION_FAIL")
                continue
            converted = self._draw(*timing.conversion_end)
            self._add_started(converted, Step.CONVERTED, server)
            self._add_started(converted, Step.LOG, server, "LAUNCH_START")
            launched = self._draw(*timing.launched)
            if participant.fails_at:
                self._add_started(launched, Step.FAIL, server, "LAUNCH_FAILED")
            else:
                self._add_started(launched, Step.FAILED_BACK, server)
        self._add_started(1, Step.END)

    def add_termination(self) -> None:
        self._add_started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            self._add_started(0.1, Step.TERMINATE, server)
            self._add_started(self._draw(0.7, 0.95), Step.TERMINATED, server)
        self._add_started(1, Step.END)

    def _add_snapshot(self, server: SourceServer, participant: Participant, cleaned_up: float) -> bool:
        """Schedule the snapshot, and return whether the launch has a snapshot to start from."""
        if participant.snapshot_id:
            return True
        timing, first = self._timing, 0.0 if self._timing.snapshots_while_pending else cleaned_up
        self._add_early(first + self._draw(*timing.snapshot_start), Step.LOG, server, "SNAPSHOT_START")
        end = first + self._draw(*timing.snapshot_end)
        points = server.recovery_points(self._job.begins_at)
        replaced = server.replication.state in INTERRUPTED or participant.uses_previous_snapshot
        if participant.fails_at is FailsAt.SNAPSHOT or (replaced and not points):
            self._add_early(end, Step.LOG, server, "SNAPSHOT_FAIL")
            detail = "USING_PREVIOUS_SNAPSHOT_FAILED" if replaced else ""
            self._add_started(0.01 if timing.snapshots_while_pending else end, Step.FAIL, server, detail)
            return False
        if replaced:
            self._add_early(end, Step.LOG, server, "SNAPSHOT_FAIL")
            self._add_early(end, Step.LOG, server, "USING_PREVIOUS_SNAPSHOT")
            participant.point_in_time = next(iter(points.values()))
        else:
            self._add_early(end, Step.LOG, server, "SNAPSHOT_END")
            participant.point_in_time = self._early(end)
        return True

    def _add_conversion(self, server: SourceServer, participant: Participant) -> None:
        """Schedule the conversion, which the recovery mode FAST leaves out, and the launch."""
        timing, is_fast = self._timing, server.launch.values.get("recoveryMode") == "FAST"
        started = self._draw(*timing.conversion_start)
        if not is_fast:
            self._add_started(started, Step.CONVERT, server)
        if participant.fails_at is FailsAt.CONVERSION and not is_fast:
            self._add_started(self._draw(*timing.conversion_fail), Step.FAIL, server, "CONVERSION_FAIL")
            return
        converted = self._draw(*timing.conversion_end)
        if not is_fast:
            self._add_started(converted, Step.CONVERTED, server)
        self._add_started(converted, Step.LAUNCH, server)
        self._add_started(self._draw(*timing.launched), Step.LAUNCHED, server)

    def _draw(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def _early(self, share: float) -> float:
        """Return the time of a step that is in PENDING or in STARTED, as the timing says."""
        if self._timing.snapshots_while_pending:
            return self._job.begins_at + share * self._duration.pending
        return self._job.begins_at + self._duration.pending + share * self._duration.started

    def _add_early(self, share: float, name: Step, server: SourceServer, detail: str = "") -> None:
        self._add(self._early(share), name, server, detail)

    def _add_started(self, share: float, name: Step, server: SourceServer | None = None, detail: str = "") -> None:
        self._add(self._job.begins_at + self._duration.pending + share * self._duration.started, name, server, detail)

    def _add(self, due: float, name: Step, server: SourceServer | None, detail: str) -> None:
        self.events.append((due, Event(self._target.key, self._job.id, name, server.id if server else "", detail)))
