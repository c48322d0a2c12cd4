"""Jobs and their participating servers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery import clock, job_tags
from recovery.domain.drs_shapes.members import read_structures, read_tags, read_text, read_time
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance


class JobStatus(StrEnum):
    """The statuses of a DRS job. A job does not fail: a COMPLETED one may hold servers whose launch FAILED."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"


class LaunchStatus(StrEnum):
    """The launchStatus of one server in a job, as far as drs-waves acts on it."""

    PENDING = "PENDING"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"


@dataclass(frozen=True, slots=True)
class ActionRun:
    """A launch action that DRS runs on a server; `status` is DRS's: IN_PROGRESS, SUCCEEDED or FAILED."""

    name: str
    status: str
    reason: str | None = None

    @classmethod
    def from_drs(cls, run: Mapping[str, Any]) -> "ActionRun":
        """Read DRS's LaunchActionRun shape. A run without a status counts as one that has not ended."""
        names = (read_text(run, "action", name) for name in ("name", "actionCode", "actionId"))
        return cls(
            name=next((name for name in names if name), "without a name"),
            status=read_text(run, "status") or "IN_PROGRESS",
            reason=read_text(run, "failureReason"),
        )

    def describe_failure(self) -> str:
        """Why it failed: `launch action Install agent: ...`."""
        return f"launch action {self.name}: {self.reason or 'failed, without a reason from DRS'}"


@dataclass(frozen=True, slots=True)
class Launch:
    """One server's part in a job.

    `status` is DRS's launchStatus, which may be none that LaunchStatus lists; PENDING stands for one that DRS leaves
    out. DRS leaves out `recovery_instance_id` in launch jobs, even in completed ones. `actions` are its launch actions;
    there are none if DRS lists none.
    """

    server_id: str
    status: str
    recovery_instance_id: str | None
    actions: tuple[ActionRun, ...] = ()

    @property
    def failed_action(self) -> str | None:
        """What became of the first launch action that failed; None if none did."""
        return next((each.describe_failure() for each in self.actions if each.status == "FAILED"), None)

    @classmethod
    def from_drs(cls, part: Mapping[str, Any]) -> "Launch":
        """Read DRS's ParticipatingServer shape. A terminate job may name only the instance; `server_id` is then ""."""
        return cls(
            server_id=read_text(part, "sourceServerID") or "",
            status=read_text(part, "launchStatus") or LaunchStatus.PENDING.value,
            recovery_instance_id=read_text(part, "recoveryInstanceID"),
            actions=tuple(map(ActionRun.from_drs, read_structures(part, "launchActionsStatus", "runs"))),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A DRS job; `status` is DRS's, which may be none that JobStatus lists.

    `launches` has the participants that name their source server, `unnamed` the others. If DRS does not say when it
    created the job, `created_at` is the time of its end or of this reading.
    """

    job_id: str
    status: str
    created_at: str
    ended_at: str | None
    launches: tuple[Launch, ...]
    tags: Mapping[str, str]
    initiated_by: str | None = None
    arn: str | None = None
    unnamed: tuple[Launch, ...] = ()

    @property
    def is_completed(self) -> bool:
        """Whether the job has ended. A job without a status, or with an unknown one, counts as running."""
        return self.status == JobStatus.COMPLETED

    @property
    def is_termination(self) -> bool:
        """Whether it terminates instances."""
        return self.initiated_by == "TERMINATE_RECOVERY_INSTANCES"

    @property
    def started_by(self) -> tuple[str | None, str | None]:
        """The batch and the attempt that started it, from its tags; None for jobs of others."""
        return job_tags.read_attempt(self.tags)

    @property
    def server_count(self) -> int:
        """How many servers it has, named or not."""
        return len(self.launches) + len(self.unnamed)

    @property
    def unnamed_instance_ids(self) -> frozenset[str]:
        """The recovery instances of the participants that do not name their source server."""
        return frozenset(launch.recovery_instance_id for launch in self.unnamed if launch.recovery_instance_id)

    def find_servers(self, instances: Iterable[LaunchedInstance]) -> frozenset[str]:
        """The servers in it: those that it names, and those of these instances of which it names only the instance."""
        named = {launch.server_id for launch in self.launches}
        by_instance = self.unnamed_instance_ids
        return frozenset(named | {each.server_id for each in instances if each.instance_id in by_instance})

    def terminates(self, started_by: tuple[str, str], server_ids: Collection[str]) -> bool:
        """Whether it terminates instances and has these tags or, if it is not tagged, exactly these servers.

        TerminateRecoveryInstances takes no tags, so a job may have none yet. A source server is in one job at a time,
        so no two jobs can match at once. DRS may leave servers out of a job; without a tag, such a job is not found.
        """
        if not self.is_termination:
            return False
        tagged = self.started_by
        return tagged == started_by if tagged[0] else {each.server_id for each in self.launches} == set(server_ids)

    @classmethod
    def from_drs(cls, job: Mapping[str, Any]) -> "Job":
        """Read DRS's Job shape, in which only jobID is certain. Raise ValueError without it."""
        job_id = read_text(job, "jobID")
        if job_id is None:
            raise ValueError("a job without jobID")
        participants = [Launch.from_drs(part) for part in read_structures(job, "participatingServers")]
        ended_at = read_time(job, "endDateTime")
        return cls(
            job_id=job_id,
            status=read_text(job, "status") or JobStatus.PENDING.value,
            created_at=read_time(job, "creationDateTime") or ended_at or clock.iso(),
            ended_at=ended_at,
            launches=tuple(launch for launch in participants if launch.server_id),
            tags=read_tags(job),
            initiated_by=read_text(job, "initiatedBy"),
            arn=read_text(job, "arn"),
            unnamed=tuple(launch for launch in participants if not launch.server_id),
        )
