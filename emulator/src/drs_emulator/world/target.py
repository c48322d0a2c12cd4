"""An account in a Region, with its servers, jobs, instances and plans."""

from dataclasses import dataclass, field
from typing import NoReturn

from drs_emulator.errors import AccessDenied, ResourceNotFound
from drs_emulator.records.automation import Automation
from drs_emulator.records.command import Command
from drs_emulator.records.ec2.account import Ec2Account
from drs_emulator.records.job import Job
from drs_emulator.records.launch_configuration import Template
from drs_emulator.records.managed_instance import ManagedInstance
from drs_emulator.records.recovery_instance import RecoveryInstance
from drs_emulator.records.recovery_plan import PlanExecution, RecoveryPlan
from drs_emulator.records.source_server import SourceServer
from drs_emulator.records.ssm_document import SsmDocument
from drs_emulator.records.strange_record import StrangeRecord
from drs_emulator.records.target_group import TargetGroup
from drs_emulator.target_key import TargetKey

Tagged = SourceServer | RecoveryInstance | Job | Template | RecoveryPlan | PlanExecution


@dataclass(slots=True)
class Target:
    """An account in a Region.

    `jobs` is in order of creation, `active` has those in progress, and `jobs_made` counts all jobs ever created.
    `templates` has both kinds. `tokens` maps the client tokens of recovery plans to a digest of the request and the
    ARN that it created.

    `machines` are the EC2 instances that Systems Manager and the status checks know. `documents` has all versions of
    the documents that the control API added, the newest last. `automation_tokens` maps client tokens of automations to
    a digest of the request, the execution that it started, and the time of that. `ec2` has the launch templates, the
    network and where the instances are.
    """

    key: TargetKey
    initialized: bool = False
    servers: dict[str, SourceServer] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    active: dict[str, Job] = field(default_factory=dict)
    jobs_made: int = 0
    instances: dict[str, RecoveryInstance] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    plans: dict[str, RecoveryPlan] = field(default_factory=dict)
    executions: dict[str, PlanExecution] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    strange_records: list[StrangeRecord] = field(default_factory=list)
    machines: dict[str, ManagedInstance] = field(default_factory=dict)
    documents: dict[str, list[SsmDocument]] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    commands_made: int = 0
    automations: dict[str, Automation] = field(default_factory=dict)
    automations_made: int = 0
    automation_tokens: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    target_groups: dict[str, TargetGroup] = field(default_factory=dict)
    ec2: Ec2Account = field(default_factory=Ec2Account)

    def count_load(self) -> tuple[int, int]:
        """Return (jobs in progress, servers in them), which the quotas limit."""
        return len(self.active), sum(len(job.participants) for job in self.active.values())

    def job_of(self, server_id: str) -> Job | None:
        """Return the job in progress that the server takes part in."""
        return next((job for job in self.active.values() if server_id in job.participants), None)

    def execution_of(self, server_id: str) -> PlanExecution | None:
        """Return the open execution of a recovery plan that holds the server."""
        arn = self.key.arn("source-server", server_id)
        return next((each for each in self.executions.values() if each.is_open and each.holds(arn)), None)

    def plan_of(self, server_id: str) -> RecoveryPlan | None:
        """Return a recovery plan that the server is in."""
        arn = self.key.arn("source-server", server_id)
        return next((plan for plan in self.plans.values() if arn in plan.server_arns), None)

    def forget_jobs(self, kept: int) -> None:
        """Delete the oldest ended jobs, and keep `kept` of them."""
        while len(self.jobs) - len(self.active) > kept:
            del self.jobs[next(job_id for job_id in self.jobs if job_id not in self.active)]

    def server(self, server_id: str) -> SourceServer:
        """Raise ResourceNotFound, as the methods below do."""
        return self.servers.get(server_id) or _raise_not_found(server_id, "SourceServer")

    def instance(self, instance_id: str) -> RecoveryInstance:
        return self.instances.get(instance_id) or _raise_not_found(instance_id, "RecoveryInstance")

    def job(self, job_id: str, now: float | None = None) -> Job:
        """With `now`, a job that is still hidden is not found either."""
        job = self.jobs.get(job_id)
        if job is None or (now is not None and job.is_hidden(now)):
            _raise_not_found(job_id, "Job")
        return job

    def template(self, template_id: str) -> Template:
        return self.templates.get(template_id) or _raise_not_found(template_id, "Template")

    def plan(self, arn: str) -> RecoveryPlan:
        return self.plans.get(arn) or _raise_not_found(arn, "RecoveryPlan")

    def execution(self, arn: str) -> PlanExecution:
        return self.executions.get(arn) or _raise_not_found(arn, "RecoveryPlanExecution")

    def tags_of(self, arn: str) -> dict[str, str]:
        """Return the tags of any resource, to read or to change. Also raise AccessDenied."""
        _, _, _, region, account, resource = (arn.split(":", 5) + [""] * 5)[:6]
        if account != self.key.account:
            raise AccessDenied(f"{arn} belongs to another account")
        kind, _, resource_id = resource.partition("/")
        tagged: Tagged | None = None
        if region == self.key.region:
            tagged = {
                "source-server": self.servers,
                "recovery-instance": self.instances,
                "job": self.jobs,
                "launch-configuration-template": self.templates,
                "replication-configuration-template": self.templates,
            }.get(kind, {}).get(resource_id)  # type: ignore[attr-defined]
            tagged = tagged or self.plans.get(arn) or self.executions.get(arn)
        if tagged is None:
            raise ResourceNotFound(f"There is no resource {arn}", resourceId=arn, resourceType=kind)
        return tagged.tags


def _raise_not_found(resource_id: str, kind: str) -> NoReturn:
    raise ResourceNotFound(f"There is no {kind} {resource_id}", resourceId=resource_id, resourceType=kind)
