"""Recovery instances in the cache, as the API shows them."""

from pydantic import Field

from api.schemas.responses.base import PageModel, ResponseModel


class RecoveryInstance(ResponseModel):
    """A recovery instance, as the cache has it."""

    source_server_id: str
    recovery_instance_id: str
    ec2_instance_id: str | None
    ec2_instance_state: str | None
    name: str | None
    private_ip: str | None
    public_ip: str | None
    instance_type: str | None
    launch_time: str | None
    account_id: str
    region: str
    job_id: str | None
    source_execution_id: str | None
    source_plan_id: str | None
    is_drill: bool
    replication_staging_account_id: str | None
    source_vpc_id: str | None
    vpc_id: str | None
    subnet_id: str | None
    security_group_ids: list[str]
    instance_profile: str | None
    point_in_time_snapshot_at: str | None
    last_sync_at: str


class RecoveryInstances(PageModel):
    """A page of recovery instances. `missing` is present if the request named source servers."""

    recovery_instances: list[RecoveryInstance]
    missing: list[str] | None = Field(default=None, description="Servers that have no instance in the cache.")
