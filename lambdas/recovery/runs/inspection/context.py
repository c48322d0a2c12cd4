"""Reads what else goes on in a target: the DRS jobs that run now, other runs, and the recovery instances of servers.

All of it is asked of DRS and of the records of runs. The cache of recovery instances may be five minutes old, and what
it does not know yet may be production.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from recovery import job_tags
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import OPEN_STATUSES, Execution, Mode
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.store import executions, inspections
from recovery.wording import plural

# Other open runs that are searched for servers that this run recovers too.
MAX_OTHER_RUNS = 20


@dataclass(frozen=True, slots=True)
class TargetContext:
    """Other activity in the target, by server id: its DRS job, another run that recovers it, its recovery instances.

    An instance is named with what launched it. `ec2_instances` has the EC2 ids of all of a server. `notes` are for
    operators.
    """

    jobs: Mapping[str, str]
    runs: Mapping[str, str]
    live_instances: Mapping[str, str]
    drill_instances: Mapping[str, str]
    notes: tuple[str, ...] = ()
    ec2_instances: Mapping[str, frozenset[str]] = field(default_factory=dict)


def load_context(execution: Execution, target: Target, server_ids: Collection[str]) -> TargetContext:
    """Read the context of these servers. Raise what DRS raises.

    DescribeRecoveryInstances takes one call for 200 servers, and so does DescribeJobs for 1,000 jobs of live instances.
    """
    running = drs.list_live_jobs(target)
    listed = drs.find_recovery_instances(target, server_ids)
    jobs = {server_id: job.job_id for job in running for server_id in job.find_servers(listed)}
    notes = (
        (f"{plural(len(running), 'DRS job')} with {plural(len(jobs), 'server')} in {target.key} now",)
        if running
        else ()
    )
    found = [instance for instance in listed if instance.exists]
    live = [instance for instance in found if instance.is_live]
    origins = _find_origins(target, live)
    return TargetContext(
        jobs,
        _find_other_runs(execution, target),
        _name_by_server((each, f"{each.instance_id} ({origins[each.instance_id]})") for each in live),
        _name_by_server((each, f"{each.instance_id} of a drill") for each in found if not each.is_live),
        notes,
        {
            each.server_id: frozenset(one.ec2_instance_id for one in found if one.server_id == each.server_id)
            for each in found
        },
    )


def _find_other_runs(execution: Execution, target: Target) -> dict[str, str]:
    runs: dict[str, str] = {}
    open_runs = (
        row["executionId"]
        for status in OPEN_STATUSES
        for row in executions.list_executions(MAX_OTHER_RUNS, None, status=status.value).items
        if row["executionId"] != execution.execution_id and row["mode"] != Mode.READINESS
    )
    for execution_id in open_runs:
        runs.update(dict.fromkeys(inspections.list_server_ids(execution_id, target), execution_id))
    return runs


def _find_origins(target: Target, instances: Iterable[LaunchedInstance]) -> dict[str, str]:
    """What launched each instance, by instance id, from the tags of its job."""
    job_of = {instance.instance_id: instance.job_id for instance in instances}
    jobs = drs.get_jobs(target, sorted({job_id for job_id in job_of.values() if job_id}))
    origins = {}
    for instance_id, job_id in job_of.items():
        job = jobs.get(job_id or "")
        execution_id = job_tags.read_execution(job.tags) if job else None
        outside = "launched outside drs-waves" if job else "DRS does not say what launched it"
        origins[instance_id] = f"of {execution_id}" if execution_id else outside
    return origins


def _name_by_server(named: Iterable[tuple[LaunchedInstance, str]]) -> dict[str, str]:
    """The names by server. DRS may list several instances of one server while it replaces one."""
    names: dict[str, list[str]] = {}
    for instance, name in named:
        names.setdefault(instance.server_id, []).append(name)
    return {server_id: ", ".join(each) for server_id, each in names.items()}
