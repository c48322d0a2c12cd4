"""The sync of the cache: makes the rows of one target equal to what DRS and EC2 report.

One sync at a time is at work on a target (`running_syncs`); there are two only if the claim of the first has expired.
So each sync has a version: the time it began, in milliseconds. A row is written, or marked as gone, only over an older
version, so of two overlapping syncs the one that began later wins each row. Unchanged rows are not written; the time
of the check is stored once per target (`sync_status`). A sync that was overtaken may have written an older finding over
a row that the newer sync left alone, so it runs again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recovery import clock, job_tags
from recovery.aws import dynamodb
from recovery.cache import recovery_instances, running_syncs, sync_status
from recovery.cache.sync_status import NOT_SET_UP, SYNCED
from recovery.domain.drs_shapes.recovery_instances import GONE_STATES, LaunchedInstance
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.recovery_instance import RecoveryInstance
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.drs import ec2
from recovery.drs.ec2 import Ec2Instance
from recovery.errors import ExecutionNotFound, TargetNotInitialized
from recovery.observability import metrics
from recovery.store import batch_servers, executions

# How often an overtaken sync runs again. Each repetition begins later than the sync that overtook it.
MAX_SYNC_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The result of a sync of one target. `overtaken` is True if a sync that began later has finished."""

    target: Target
    status: str
    instances: int = 0
    written: int = 0
    removed: int = 0
    drs_pages: int = 0
    ec2_calls: int = 0
    overtaken: bool = False

    @property
    def changes(self) -> int:
        """Rows written or marked as gone."""
        return self.written + self.removed

    def to_state(self) -> dict[str, Any]:
        """The result as SyncCache returns and logs it."""
        return {
            **self.target.to_state(),
            "status": self.status,
            "instances": self.instances,
            "written": self.written,
            "removed": self.removed,
            "drsPages": self.drs_pages,
            "ec2Calls": self.ec2_calls,
        }


@dataclass(frozen=True, slots=True)
class _TargetFindings:
    """What DRS and EC2 report of a target."""

    launched: Mapping[str, LaunchedInstance]
    servers: Mapping[str, SourceServer]
    vpcs: Mapping[str, str]
    ec2: Mapping[str, Ec2Instance]
    pages: int
    calls: int


def sync_target_alone(target: Target, sync: str | None) -> SyncResult | None:
    """Sync the target as part of this sync; return None, without a call of DRS, while another one is at work on it.

    A sync without a name claims nothing: the machine of an earlier version started it. Raise the errors of DRS and EC2.
    """
    if sync is None:
        return sync_target(target)
    if not running_syncs.claim(target.key, sync, running_syncs.TARGET_CLAIM_SECONDS):
        return None
    try:
        return sync_target(target)
    finally:
        running_syncs.release(target.key, sync)


def sync_target(target: Target) -> SyncResult:
    """Sync the target, and again if a later sync overtook this one. Raise the errors of DRS and EC2."""
    for _ in range(MAX_SYNC_ATTEMPTS):
        result = _sync_once(target)
        if not (result.overtaken and result.changes):
            break
    return result


def _sync_once(target: Target) -> SyncResult:
    began = clock.now()
    version = int(began * 1000)
    status = SYNCED
    try:
        findings = _read_target(target)
    except TargetNotInitialized:
        findings, status = _TargetFindings({}, {}, {}, {}, 0, 0), NOT_SET_UP
    result = SyncResult(target, status, len(findings.launched), drs_pages=findings.pages, ec2_calls=findings.calls)
    if sync_status.get_version(target) > version:
        return replace(result, overtaken=True)
    rows = recovery_instances.get_rows([*findings.launched, *recovery_instances.find_servers_of_target(target)])
    known = {server_id: RecoveryInstance.from_item(row) for server_id, row in rows.items() if _has_instance(row)}
    found = _merge_findings(target, findings, known)
    changed = [instance for server_id, instance in found.items() if known.get(server_id) != instance]
    unseen = [instance for server_id, instance in known.items() if server_id not in found and instance.target == target]
    _add_to_records(changed, findings.launched)
    written = sum(dynamodb.map_each(lambda instance: recovery_instances.write_instance(instance, version), changed))
    removed = sum(dynamodb.map_each(lambda instance: recovery_instances.mark_gone(instance, version), unseen))
    seconds = clock.now() - began
    recorded = sync_status.record_success(target, version, status, len(found), seconds)
    metrics.emit_target_sync(target, seconds, len(found), written + removed)
    return replace(result, written=written, removed=removed, overtaken=not recorded)


def _add_to_records(changed: Sequence[RecoveryInstance], launched: Mapping[str, LaunchedInstance]) -> None:
    """Add new instances to the records of the runs that launched them, if a run was settled before DRS showed them.

    This comes before the rows of the cache: if the function is killed in between, the next sync does both again.
    """
    by_run: dict[str, list[LaunchedInstance]] = {}
    for instance in changed:
        if instance.execution_id and instance.plan_id:  # without a plan, the run has no record here
            by_run.setdefault(instance.execution_id, []).append(launched[instance.server_id])
    for execution_id, instances in by_run.items():
        batch_servers.add_instances(execution_id, instances)


def _has_instance(row: Mapping[str, Any]) -> bool:
    return "recoveryInstanceId" in row


def _read_target(target: Target) -> _TargetFindings:
    items, pages = drs.describe_recovery_instances(target)
    launched: dict[str, LaunchedInstance] = {}
    for item in items:
        launched[item.server_id] = max(launched.get(item.server_id, item), item, key=_preference)
    servers = {server.server_id: server for server in drs.describe_source_servers(target, sorted(launched))}
    networks = {server.source_network_id for server in servers.values() if server.source_network_id}
    vpcs = drs.get_source_vpcs(target, sorted(networks)) if networks else {}
    asked = [item.ec2_instance_id for item in launched.values() if item.state != "NOT_FOUND"]
    known, calls = ec2.describe_instances(target, asked)
    return _TargetFindings(launched, servers, vpcs, known, pages, calls)


def _preference(item: LaunchedInstance) -> tuple[bool, str]:
    """A server has one recovery instance, but while a launch replaces it DRS may report both."""
    return item.state not in GONE_STATES, item.snapshot_at or ""


Origins = dict[str | None, tuple[str | None, str | None]]


def _merge_findings(
    target: Target, findings: _TargetFindings, known: Mapping[str, RecoveryInstance]
) -> dict[str, RecoveryInstance]:
    """Combine the findings of DRS and EC2. Jobs are read only for instances whose origin is not in the cache."""
    origins: Origins = {row.job_id: (row.execution_id, row.plan_id) for row in known.values() if row.job_id}
    new = {item.job_id for item in findings.launched.values() if item.job_id and item.job_id not in origins}
    origins |= _origins(target, new)
    found = {}
    for server_id, item in findings.launched.items():
        execution_id, plan_id = origins.get(item.job_id, (None, None))
        server, ec2_instance = findings.servers.get(server_id), findings.ec2.get(item.ec2_instance_id)
        instance = RecoveryInstance(
            server_id=server_id,
            instance_id=item.instance_id,
            ec2_instance_id=item.ec2_instance_id,
            ec2_state=ec2_instance.state.upper() if ec2_instance else item.state,
            target=target,
            is_drill=item.is_drill,
            name=(ec2_instance.name if ec2_instance else None) or item.hostname,
            job_id=item.job_id,
            execution_id=execution_id,
            plan_id=plan_id,
            staging_account_id=server.staging_account_id if server else None,
            source_vpc_id=findings.vpcs.get(server.source_network_id or "") if server else None,
            snapshot_at=item.snapshot_at,
        )
        found[server_id] = _with_ec2(instance, ec2_instance) if ec2_instance else instance
    return found


def _with_ec2(instance: RecoveryInstance, there: Ec2Instance) -> RecoveryInstance:
    return replace(
        instance,
        private_ip=there.private_ip,
        public_ip=there.public_ip,
        instance_type=there.instance_type,
        launch_time=there.launch_time,
        vpc_id=there.vpc_id,
        subnet_id=there.subnet_id,
        security_group_ids=there.security_group_ids,
        instance_profile=there.instance_profile,
    )


def _origins(target: Target, job_ids: Collection[str]) -> Origins:
    """The run and the plan behind each job, by the job's tags and the run's record."""
    jobs = drs.get_jobs(target, sorted(job_ids)) if job_ids else {}
    runs = {job_id: job_tags.read_execution(job.tags) for job_id, job in jobs.items()}
    plans = {execution_id: _plan_of(execution_id) for execution_id in set(runs.values()) if execution_id}
    return {job_id: (run, plans.get(run or "")) for job_id, run in runs.items()}


def _plan_of(execution_id: str) -> str | None:
    try:
        return executions.get_run(execution_id).plan_id
    except ExecutionNotFound:  # started by another stack of drs-waves, or its record is deleted
        return None
