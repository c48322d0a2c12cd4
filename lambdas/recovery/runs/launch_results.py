"""The result of each server of a completed job, from all that DRS shows of it.

A participant of a completed job has a launch status and, on the real service, no instance: DescribeRecoveryInstances
has the instances, with the job of each, and the log of the job has the causes of failures. No member of an answer is
certain. A server that DRS calls LAUNCHED is so, whatever else is missing, with a warning if the log contradicts that;
one whose status says nothing is judged by its instance and the log.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aws_lambda_powertools import Logger

from recovery.domain import launch_failures
from recovery.domain.batch import Batch
from recovery.domain.drs_shapes.job_log import JobLog, ServerLog
from recovery.domain.drs_shapes.jobs import Job, Launch, LaunchStatus
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import ServerStatus
from recovery.domain.launch_failures import FailureKind, LaunchFailure
from recovery.domain.server_result import ServerResult
from recovery.drs import client as drs
from recovery.errors import DrsWavesError, Transient

logger = Logger(child=True)
T = TypeVar("T")

USED_PREVIOUS_SNAPSHOT = (
    "DRS could not take a snapshot and launched it from a previous one, so its data are older than they would have been"
)
JUDGED_BY_INSTANCE = "DRS gave no launch status; drs-waves found the instance that the job launched"
CONTRADICTED_BY_LOG = (
    "DRS calls it launched, but showed no existing instance of it when the job ended, and the log of the job says "
    "{cause}; see in the DRS console whether it runs"
)

# Launch statuses that decide by themselves. Any other of a completed job says nothing.
_CONCLUSIVE = frozenset((LaunchStatus.LAUNCHED, LaunchStatus.FAILED, LaunchStatus.TERMINATED))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What DRS shows of a completed job: its log, and by server its launches and the instances that it launched.

    `log_problem` is why the log could not be read.
    """

    job_id: str
    launches: Mapping[str, Launch]
    instances: Mapping[str, LaunchedInstance]
    log: JobLog
    log_problem: str | None = None

    @classmethod
    def collect(
        cls, job: Job, log: JobLog, listed: Iterable[LaunchedInstance], log_problem: str | None = None
    ) -> "Evidence":
        """Select from `listed`, the instances of the job's servers, those of the job.

        An instance without a job is recognized by its id, which the log or the participant names.
        """
        launches = {launch.server_id: launch for launch in job.launches}
        selected: dict[str, LaunchedInstance] = {}
        for instance in sorted(listed, key=lambda each: (each.exists, each.snapshot_at or "")):
            launch = launches.get(instance.server_id)
            named = {log.of_server(instance.server_id).instance_id, launch.recovery_instance_id if launch else None}
            is_named = not named.isdisjoint((instance.instance_id, instance.ec2_instance_id))
            if instance.job_id == job.job_id or (instance.job_id is None and is_named):
                selected[instance.server_id] = instance
        return cls(job.job_id, launches, selected, log, log_problem)


def read_results(batch: Batch, job: Job) -> list[ServerResult]:
    """The result of each server that the batch's attempt was to launch. Raise Transient when DRS does not answer.

    One call of DescribeRecoveryInstances, and one of DescribeJobLogItems for each page of the log.
    """
    target = batch.ref.target
    log, log_problem = _read_if_allowed(lambda: drs.read_job_log(target, job.job_id), JobLog())
    nothing = list[LaunchedInstance]()
    listed, _ = _read_if_allowed(lambda: drs.find_recovery_instances(target, batch.server_ids), nothing)
    evidence = Evidence.collect(job, log, listed, log_problem)
    return [judge_server(server_id, evidence) for server_id in batch.server_ids]


def _read_if_allowed(read: Callable[[], T], default: T) -> tuple[T, str | None]:
    """What `read` returns. If DRS refuses the call for good, the default and why, so that no result depends on it."""
    try:
        return read(), None
    except Transient:
        raise
    except DrsWavesError as error:
        logger.warning("results without some evidence", extra={"reason": error.message})
        return default, error.message


def judge_server(server_id: str, evidence: Evidence) -> ServerResult:
    """The result of one server."""
    launch, instance = evidence.launches.get(server_id), evidence.instances.get(server_id)
    log = evidence.log.of_server(server_id)
    instance_id = instance.instance_id if instance else (launch and launch.recovery_instance_id) or log.instance_id
    data_at = instance.snapshot_at if instance else None
    job_id = evidence.job_id
    if _is_launched(launch, instance, log):
        warnings = _find_warnings(launch, instance, log, evidence)
        return ServerResult(server_id, ServerStatus.LAUNCHED, job_id, instance_id, data_at, warnings=warnings)
    failure = _find_failure(launch, log, evidence)
    status = f"launch status {launch.status}" if launch else "the job does not name this server"
    reason = f"{job_id}: {status}; {failure.cause}"
    return ServerResult(server_id, ServerStatus.FAILED, job_id, instance_id, data_at, reason, failure)


def _is_launched(launch: Launch | None, instance: LaunchedInstance | None, log: ServerLog) -> bool:
    if launch and launch.status in _CONCLUSIVE:
        return launch.status == LaunchStatus.LAUNCHED
    if log.failure:
        return False
    return log.is_launched or (instance is not None and instance.exists)


def _find_warnings(
    launch: Launch | None, instance: LaunchedInstance | None, log: ServerLog, evidence: Evidence
) -> tuple[str, ...]:
    warnings = []
    if log.used_previous_snapshot:
        warnings.append(USED_PREVIOUS_SNAPSHOT)
    if launch is None or launch.status != LaunchStatus.LAUNCHED:
        warnings.append(JUDGED_BY_INSTANCE)
    if launch and launch.failed_action:
        warnings.append(launch_failures.clean_cause(launch.failed_action))
    is_there = (instance is not None and instance.exists) or log.is_launched
    if not is_there and (logged := _find_logged_failure(log, evidence.log)):
        warnings.append(CONTRADICTED_BY_LOG.format(cause=logged.cause))
    return tuple(warnings)


def _find_failure(launch: Launch | None, log: ServerLog, evidence: Evidence) -> LaunchFailure:
    has_error = log.failure is not None and log.failure.raw_error is not None
    if launch and launch.failed_action and not has_error:
        return launch_failures.judge_failed_action(launch.failed_action)
    if logged := _find_logged_failure(log, evidence.log):
        return logged
    if evidence.log_problem:
        cause = launch_failures.clean_cause(f"the log of the job could not be read: {evidence.log_problem}")
        return LaunchFailure(FailureKind.NOT_GIVEN, cause)
    return launch_failures.judge_silence(log.stage)


def _find_logged_failure(of_server: ServerLog, of_job: JobLog) -> LaunchFailure | None:
    """Why the server was not launched by the log of its job; None if the log does not say that it was not."""
    if of_server.failure:
        return launch_failures.judge_error(of_server.failure.event, of_server.failure.raw_error)
    if of_server.was_skipped:
        return LaunchFailure(FailureKind.SKIPPED, "DRS skipped the server")
    if of_job.failure:
        return launch_failures.judge_error(of_job.failure.event, of_job.failure.raw_error)
    if of_job.was_cancelled:
        return LaunchFailure(FailureKind.CANCELLED, "the job was cancelled")
    return None
