"""When a job does what: its whole course, planned at its start.

The order of the steps is that of the service's log events. Where in a job's time they fall is an assumption:
snapshots while the job is PENDING, conversion and launch while it is STARTED, EC2 being asked at 50-60 % of STARTED
and expected to be done at 80-95 %.
"""

import random
from enum import StrEnum

from drs_emulator.ids import digest
from drs_emulator.records.job import Job, Participant
from drs_emulator.records.replication import NEVER_SYNCED, OUT_OF_TOUCH
from drs_emulator.records.source_server import FailsAt, SourceServer
from drs_emulator.settings import JobDuration, Settings
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event


class Step(StrEnum):
    START = "START"
    LOG = "LOG"
    CLEAN_UP = "CLEAN_UP"
    CLEANED = "CLEANED"
    CONVERT = "CONVERT"
    LAUNCH = "LAUNCH"
    LAUNCHED = "LAUNCHED"
    FAIL = "FAIL"
    RUN_ACTION = "RUN_ACTION"
    ACTION_RAN = "ACTION_RAN"
    FAILED_BACK = "FAILED_BACK"
    TERMINATE = "TERMINATE"
    TERMINATED = "TERMINATED"
    END = "END"


def plan(target: Target, job: Job, settings: Settings) -> list[tuple[float, Event]]:
    """Events and when they are due. Says in the participants what they will be launched from."""
    course = _Course(target, job, settings)
    if job.initiated_by == "FAILBACK":
        course.plan_failback()
    elif job.type == "LAUNCH":
        course.plan_launch()
    else:
        course.plan_termination()
    return course.events


class _Course:
    """Plans one job. All chance comes from the seed, the target and the job's number in it."""

    def __init__(self, target: Target, job: Job, settings: Settings) -> None:
        self._target = target
        self._job = job
        self.events: list[tuple[float, Event]] = []
        self._chance = random.Random(digest(settings.seed, job.target, job.number))
        kinds = settings.durations
        kind = {
            "TERMINATE_RECOVERY_INSTANCES": kinds.terminate,
            "START_DRILL": kinds.drill,
            "FAILBACK": kinds.failback,
        }.get(job.initiated_by, kinds.recovery)
        self._lasts = JobDuration(
            kind.pending * self._between(1 - settings.spread, 1 + settings.spread),
            kind.started * self._between(1 - settings.spread, 1 + settings.spread),
        )

    def plan_launch(self) -> None:
        self._started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            if server.recovery_instance_id:
                self._pending(self._between(0.01, 0.03), Step.CLEAN_UP, server)
                self._pending(self._between(0.08, 0.15), Step.CLEANED, server)
            if server.replication.state_at(self._job.begins_at) in NEVER_SYNCED:
                self._started(0, Step.FAIL, server, "SERVER_SKIPPED")
            elif self._plan_snapshot(server, participant):
                self._plan_conversion(server, participant)
        self._started(1, Step.END)

    def plan_failback(self) -> None:
        """The machine that is failed back to is converted in its place: no snapshot, nothing for EC2 to do."""
        self._started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            self._started(self._between(0.02, 0.08), Step.CONVERT, server)
            if participant.fails_at is FailsAt.CONVERSION:
                self._started(self._between(0.3, 0.5), Step.FAIL, server, "CONVERSION_FAIL")
                continue
            converted = self._between(0.5, 0.6)
            self._started(converted, Step.LOG, server, "CONVERSION_END")
            self._started(converted, Step.LOG, server, "LAUNCH_START")
            last = self._between(0.8, 0.95)
            if participant.fails_at:
                self._started(last, Step.FAIL, server, "LAUNCH_FAILED")
            else:
                self._started(last, Step.FAILED_BACK, server)
        self._started(1, Step.END)

    def plan_termination(self) -> None:
        self._started(0, Step.START)
        for participant in self._job.participants.values():
            server = self._target.servers[participant.server_id]
            self._started(0.1, Step.TERMINATE, server)
            self._started(self._between(0.7, 0.95), Step.TERMINATED, server)
        self._started(1, Step.END)

    def _plan_snapshot(self, server: SourceServer, participant: Participant) -> bool:
        """Whether there is then something to launch from."""
        if participant.snapshot_id:
            return True
        self._pending(self._between(0.15, 0.25), Step.LOG, server, "SNAPSHOT_START")
        end = self._between(0.8, 0.95)
        if participant.fails_at is FailsAt.SNAPSHOT:
            self._pending(end, Step.LOG, server, "SNAPSHOT_FAIL")
            self._started(0.01, Step.FAIL, server)
            return False
        if server.replication.state in OUT_OF_TOUCH:
            self._pending(end, Step.LOG, server, "SNAPSHOT_FAIL")
            self._pending(end + 0.01, Step.LOG, server, "USING_PREVIOUS_SNAPSHOT")
            points = server.recovery_points(self._job.begins_at)
            participant.point_in_time = next(iter(points.values()), self._job.begins_at)
        else:
            self._pending(end, Step.LOG, server, "SNAPSHOT_END")
            participant.point_in_time = self._job.begins_at + end * self._lasts.pending
        return True

    def _plan_conversion(self, server: SourceServer, participant: Participant) -> None:
        self._started(self._between(0.02, 0.08), Step.CONVERT, server)
        if participant.fails_at is FailsAt.CONVERSION:
            self._started(self._between(0.3, 0.5), Step.FAIL, server, "CONVERSION_FAIL")
            return
        converted = self._between(0.5, 0.6)
        self._started(converted, Step.LOG, server, "CONVERSION_END")
        self._started(converted, Step.LAUNCH, server)
        self._started(self._between(0.8, 0.95), Step.LAUNCHED, server)

    def _between(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def _pending(self, share: float, name: Step, server: SourceServer, detail: str = "") -> None:
        self._at(self._job.begins_at + share * self._lasts.pending, name, server, detail)

    def _started(self, share: float, name: Step, server: SourceServer | None = None, detail: str = "") -> None:
        self._at(self._job.begins_at + self._lasts.pending + share * self._lasts.started, name, server, detail)

    def _at(self, due: float, name: Step, server: SourceServer | None, detail: str) -> None:
        self.events.append((due, Event(self._target.key, self._job.id, name, server.id if server else "", detail)))
