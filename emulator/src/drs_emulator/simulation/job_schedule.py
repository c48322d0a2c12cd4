"""Builds the schedule of a job: all its steps with their times, drawn when the job starts.

The order of the steps is that of the service's log events. Their times are an assumption: snapshots while the job is
PENDING, conversion and launch while it is STARTED, the call to EC2 at 50-60 % of STARTED and its result at 80-95 %.
"""

import random
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
    LAUNCH = "LAUNCH"
    LAUNCHED = "LAUNCHED"
    FAIL = "FAIL"
    RUN_ACTION = "RUN_ACTION"
    ACTION_ENDED = "ACTION_ENDED"
    FAILED_BACK = "FAILED_BACK"
    TERMINATE = "TERMINATE"
    TERMINATED = "TERMINATED"
    END = "END"


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
        self._duration = JobDuration(
            duration.pending * self._draw(1 - settings.spread, 1 + settings.spread),
            duration.started * self._draw(1 - settings.spread, 1 + settings.spread),
        )

    def add_launch(self) -> None:
        self._add_started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            if server.recovery_instance_id:
                self._add_pending(self._draw(0.01, 0.03), Step.CLEAN_UP, server)
                self._add_pending(self._draw(0.08, 0.15), Step.CLEANED_UP, server)
            if server.replication.state_at(self._job.begins_at) in NEVER_SYNCED:
                self._add_started(0, Step.FAIL, server, "SERVER_SKIPPED")
            elif self._add_snapshot(server, participant):
                self._add_conversion(server, participant)
        self._add_started(1, Step.END)

    def add_failback(self) -> None:
        """Convert the original machine in place: without a snapshot and without EC2."""
        self._add_started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            self._add_started(self._draw(0.02, 0.08), Step.CONVERT, server)
            if participant.fails_at is FailsAt.CONVERSION:
                self._add_started(self._draw(0.3, 0.5), Step.FAIL, server, "CONVERSION_FAIL")
                continue
            converted = self._draw(0.5, 0.6)
            self._add_started(converted, Step.LOG, server, "CONVERSION_END")
            self._add_started(converted, Step.LOG, server, "LAUNCH_START")
            launched = self._draw(0.8, 0.95)
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

    def _add_snapshot(self, server: SourceServer, participant: Participant) -> bool:
        """Schedule the snapshot, and return whether the launch has a snapshot to start from."""
        if participant.snapshot_id:
            return True
        self._add_pending(self._draw(0.15, 0.25), Step.LOG, server, "SNAPSHOT_START")
        end = self._draw(0.8, 0.95)
        if participant.fails_at is FailsAt.SNAPSHOT:
            self._add_pending(end, Step.LOG, server, "SNAPSHOT_FAIL")
            self._add_started(0.01, Step.FAIL, server)
            return False
        if server.replication.state in INTERRUPTED:
            self._add_pending(end, Step.LOG, server, "SNAPSHOT_FAIL")
            self._add_pending(end + 0.01, Step.LOG, server, "USING_PREVIOUS_SNAPSHOT")
            points = server.recovery_points(self._job.begins_at)
            participant.point_in_time = next(iter(points.values()), self._job.begins_at)
        else:
            self._add_pending(end, Step.LOG, server, "SNAPSHOT_END")
            participant.point_in_time = self._job.begins_at + end * self._duration.pending
        return True

    def _add_conversion(self, server: SourceServer, participant: Participant) -> None:
        self._add_started(self._draw(0.02, 0.08), Step.CONVERT, server)
        if participant.fails_at is FailsAt.CONVERSION:
            self._add_started(self._draw(0.3, 0.5), Step.FAIL, server, "CONVERSION_FAIL")
            return
        converted = self._draw(0.5, 0.6)
        self._add_started(converted, Step.LOG, server, "CONVERSION_END")
        self._add_started(converted, Step.LAUNCH, server)
        self._add_started(self._draw(0.8, 0.95), Step.LAUNCHED, server)

    def _draw(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def _add_pending(self, share: float, name: Step, server: SourceServer, detail: str = "") -> None:
        self._add(self._job.begins_at + share * self._duration.pending, name, server, detail)

    def _add_started(self, share: float, name: Step, server: SourceServer | None = None, detail: str = "") -> None:
        self._add(self._job.begins_at + self._duration.pending + share * self._duration.started, name, server, detail)

    def _add(self, due: float, name: Step, server: SourceServer | None, detail: str) -> None:
        self.events.append((due, Event(self._target.key, self._job.id, name, server.id if server else "", detail)))
