"""Finds what holds servers that DRS refuses to launch, and judges a conflict that lasts.

DRS refuses a whole StartRecovery for one server that is in use, and need not name it. As a rule a job has the server,
and ends. A job that does not end, an execution of a recovery plan of DRS itself, or something that DRS does not show
can hold one server, and with it the up to 99 others of its batch.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.drs_shapes.members import read_structures, read_text
from recovery.domain.target import Target
from recovery.drs import calls
from recovery.drs import client as drs
from recovery.errors import DrsRefused, TargetAccessDenied, TargetNotInitialized

logger = Logger(child=True)

# Jobs of an hour are known (Windows); one that is older than this may never end.
USUAL_JOB_SECONDS = 7_200

# A conflict lasts when DRS has refused the start this often in a row, and for at least this long.
LASTING_REFUSALS, LASTING_SECONDS = 3, 600

# Into how many parts a batch is cut to find an unnamed server: each try leaves out one of them.
PARTS = 10

# The statuses of executions of DRS's recovery plans that have servers in use (botocore's drs model).
_OPEN_EXECUTIONS = ("CREATED", "IN_PROGRESS", "CANCELLING")


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a server. `is_usual` is True for a job that is no older than jobs usually get, so that it will end."""

    holder: str
    is_usual: bool = False


@dataclass(frozen=True, slots=True)
class ConflictVerdict:
    """What to do about a conflict.

    `waits_for` is what the batch has to wait for. Otherwise it starts without the servers in `withheld`, which have a
    reason each, and in this try without those in `skipped`, to find out whether one of them is the cause.
    """

    waits_for: str | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


def find_job_holds(target: Target, jobs: Iterable[Job], server_ids: Collection[str], now: float) -> dict[str, Hold]:
    """Which of the servers are in a job that has not ended, and in which.

    A job of a failback or a termination may name only recovery instances: then DRS is asked, with one call for 200
    servers, which instances the servers have. Raise what DRS raises.
    """
    running = [job for job in jobs if not job.is_completed]
    unnamed = frozenset[str]().union(*(job.unnamed_instance_ids for job in running))
    instances = drs.find_instances_of(target, server_ids, unnamed) if unnamed and server_ids else []
    holds, wanted = dict[str, Hold](), set(server_ids)
    for job in running:
        is_usual = now - clock.parse_iso(job.created_at) < USUAL_JOB_SECONDS
        hold = Hold(f"{job.job_id} ({job.status} since {job.created_at})", is_usual)
        holds |= dict.fromkeys(wanted & job.find_servers(instances), hold)
    return holds


def find_plan_holds(target: Target, server_ids: Collection[str]) -> dict[str, Hold]:
    """Which of the servers an execution of a recovery plan of DRS holds, and which execution. Raise Transient.

    Without the permission to ask, none is found.
    """
    holds, wanted = dict[str, Hold](), set(server_ids)
    try:
        for status in _OPEN_EXECUTIONS:
            for arn in _list_executions(target, status):
                hold = Hold(f"{arn} ({status}), an execution of a recovery plan of DRS")
                holds |= {server_id: hold for server_id in _servers_of(target, arn) if server_id in wanted}
    except (TargetAccessDenied, TargetNotInitialized, DrsRefused) as error:
        logger.warning("recovery plans of DRS not read", extra={"target": target.key, "reason": error.message})
    return holds


def _list_executions(target: Target, status: str) -> Iterator[str]:
    """The ARNs of the executions with this status."""
    pages = calls.read_pages(target, "list_recovery_plan_executions", member="recoveryPlanExecutions", status=status)
    for execution in itertools.chain.from_iterable(pages):
        if arn := read_text(execution, "recoveryPlanExecutionArn"):
            yield arn


def _servers_of(target: Target, execution_arn: str) -> Iterator[str]:
    pages = calls.read_pages(
        target,
        "list_recovery_plan_execution_steps",
        member="recoveryPlanExecutionSteps",
        recoveryPlanExecutionArn=execution_arn,
    )
    for step in itertools.chain.from_iterable(pages):
        for server in read_structures(step, "configuration", "executionServerStepConfiguration", "servers"):
            yield server_id_of(read_text(server, "serverArn") or "")


def server_id_of(resource: str) -> str:
    """The id at the end of an ARN; an id stays as it is."""
    return resource.rsplit("/", 1)[-1]


def judge_conflict(
    server_ids: Sequence[str], holds: Mapping[str, Hold], named: str | None, refusals: int
) -> ConflictVerdict:
    """What to do about a conflict that lasts.

    `holds` has what is known to hold servers of the batch, `named` is the server that DRS named in its last refusal,
    and `refusals` counts the refusals in a row.
    """
    if usual := next((hold for hold in holds.values() if hold.is_usual), None):
        return ConflictVerdict(waits_for=usual.holder)
    withheld = {
        server_id: f"DRS has it in a conflict that lasts: {holds[server_id].holder} holds it"
        for server_id in server_ids
        if server_id in holds
    }
    unnamed = named is None or named not in server_ids
    alone = server_ids[0] if len(server_ids) == 1 else None
    suspect = alone if unnamed else named
    if suspect and suspect not in withheld:
        withheld[suspect] = (
            "DRS has it in a conflict that lasts, and no job or recovery plan of DRS is known to hold it"
        )
    if withheld:
        return ConflictVerdict(withheld=withheld)
    if not server_ids:  # an earlier try of the task has left all of them out, and was killed
        return ConflictVerdict()
    parts = min(PARTS, len(server_ids))
    return ConflictVerdict(skipped=tuple(server_ids[max(refusals - LASTING_REFUSALS, 0) % parts :: parts]))
