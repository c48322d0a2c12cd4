"""Recovery instances in the cache, as the API shows them."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time


class RecoveryInstance(TypedDict):
    """A recovery instance, as the cache has it."""

    sourceServerId: str
    recoveryInstanceId: str
    ec2InstanceId: str | None
    ec2InstanceState: str | None
    name: str | None
    privateIp: str | None
    publicIp: str | None
    instanceType: str | None
    launchTime: Time | None
    accountId: str
    region: str
    jobId: str | None
    sourceExecutionId: str | None
    sourcePlanId: str | None
    isDrill: bool
    replicationStagingAccountId: str | None
    sourceVpcId: str | None
    vpcId: str | None
    subnetId: str | None
    securityGroupIds: list[str]
    instanceProfile: str | None
    pointInTimeSnapshotAt: Time | None
    lastSyncAt: Time


class RecoveryInstances(Paged):
    """A page of recovery instances. `missing` is present if the request named source servers."""

    recoveryInstances: list[RecoveryInstance]
    missing: NotRequired[Annotated[list[str] | None, Field(description="Servers that have no instance in the cache.")]]
