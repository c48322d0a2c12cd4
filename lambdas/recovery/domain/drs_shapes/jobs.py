"""Jobs and their participating servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery import clock


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
class Launch:
    """One server's part in a job; `status` is DRS's launchStatus, which may be none that LaunchStatus lists."""

    server_id: str
    status: str
    recovery_instance_id: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """A DRS job; `status` is DRS's, which may be none that JobStatus lists."""

    job_id: str
    status: str
    created_at: str
    ended_at: str | None
    launches: tuple[Launch, ...]
    tags: Mapping[str, str]
    initiated_by: str | None = None
    arn: str | None = None

    @property
    def is_completed(self) -> bool:
        """Whether the job has ended."""
        return self.status == JobStatus.COMPLETED

    @property
    def is_termination(self) -> bool:
        """Whether it terminates instances."""
        return self.initiated_by == "TERMINATE_RECOVERY_INSTANCES"

    @property
    def started_by(self) -> tuple[str | None, str | None]:
        """The batch and the attempt that started it, from its tags; None for jobs of others."""
        return self.tags.get("drs-waves:batch"), self.tags.get("drs-waves:attempt")

    def count(self, status: str) -> int:
        """How many servers have this launch status."""
        return sum(1 for launch in self.launches if launch.status == status)

    @classmethod
    def from_drs(cls, job: Mapping[str, Any]) -> "Job":
        """Read DRS's Job shape, in which only jobID is certain."""
        return cls(
            job_id=job["jobID"],
            status=job.get("status", JobStatus.PENDING.value),
            created_at=job.get("creationDateTime", clock.iso()),
            ended_at=job.get("endDateTime"),
            launches=tuple(
                Launch(
                    part["sourceServerID"],
                    part.get("launchStatus", LaunchStatus.PENDING.value),
                    part.get("recoveryInstanceID"),
                )
                for part in job.get("participatingServers", [])
            ),
            tags=job.get("tags", {}),
            initiated_by=job.get("initiatedBy"),
            arn=job.get("arn"),
        )
