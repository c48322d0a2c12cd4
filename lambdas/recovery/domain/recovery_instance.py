"""A recovery instance as the cache stores it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.drs_shapes.recovery_instances import GONE_STATES
from recovery.domain.target import Target


@dataclass(frozen=True, slots=True)
class RecoveryInstance:
    """The instance that a source server was launched as, with the details of DRS and EC2.

    `execution_id` and `plan_id` are those of the run that launched it, None when drs-waves did not. `source_vpc_id`
    is that of the source network the server belongs to, which few do; `vpc_id` is where the instance is. Times are
    ISO 8601.
    """

    server_id: str
    instance_id: str
    ec2_instance_id: str
    ec2_state: str
    target: Target
    is_drill: bool
    name: str | None = None
    private_ip: str | None = None
    public_ip: str | None = None
    instance_type: str | None = None
    launch_time: str | None = None
    job_id: str | None = None
    execution_id: str | None = None
    plan_id: str | None = None
    staging_account_id: str | None = None
    source_vpc_id: str | None = None
    vpc_id: str | None = None
    subnet_id: str | None = None
    security_group_ids: tuple[str, ...] = ()
    instance_profile: str | None = None
    snapshot_at: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "RecoveryInstance":
        """Read a row of the recovery-instances table. The row of a terminated instance has no instance to read."""
        return cls(
            server_id=item["sourceServerId"],
            instance_id=item["recoveryInstanceId"],
            ec2_instance_id=item["ec2InstanceId"],
            ec2_state=item["ec2InstanceState"],
            target=Target.from_state(item),
            is_drill=item["isDrill"],
            name=item.get("name"),
            private_ip=item.get("privateIp"),
            public_ip=item.get("publicIp"),
            instance_type=item.get("instanceType"),
            launch_time=item.get("launchTime"),
            job_id=item.get("jobId"),
            execution_id=item.get("sourceExecutionId"),
            plan_id=item.get("sourcePlanId"),
            staging_account_id=item.get("replicationStagingAccountId"),
            source_vpc_id=item.get("sourceVpcId"),
            vpc_id=item.get("vpcId"),
            subnet_id=item.get("subnetId"),
            security_group_ids=tuple(item.get("securityGroupIds", ())),
            instance_profile=item.get("instanceProfile"),
            snapshot_at=item.get("pointInTimeSnapshotAt"),
        )

    def to_item(self) -> dict[str, Any]:
        """The row without its version, which is also the shape of the API."""
        return {
            "sourceServerId": self.server_id,
            "recoveryInstanceId": self.instance_id,
            "ec2InstanceId": self.ec2_instance_id,
            "ec2InstanceState": self.ec2_state,
            "name": self.name,
            "privateIp": self.private_ip,
            "publicIp": self.public_ip,
            "instanceType": self.instance_type,
            "launchTime": self.launch_time,
            **self.target.to_state(),
            "jobId": self.job_id,
            "sourceExecutionId": self.execution_id,
            "sourcePlanId": self.plan_id,
            "isDrill": self.is_drill,
            "replicationStagingAccountId": self.staging_account_id,
            "sourceVpcId": self.source_vpc_id,
            "vpcId": self.vpc_id,
            "subnetId": self.subnet_id,
            "securityGroupIds": list(self.security_group_ids),
            "instanceProfile": self.instance_profile,
            "pointInTimeSnapshotAt": self.snapshot_at,
        }

    @property
    def exists(self) -> bool:
        """Whether the instance still exists."""
        return self.ec2_state not in GONE_STATES
