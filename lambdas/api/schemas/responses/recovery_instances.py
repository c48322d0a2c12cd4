"""Recovery instances in the cache, as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time
from recovery.domain.costs import prices
from recovery.domain.costs.running import RunningDrill
from recovery.domain.target import Target
from recovery.errors import DrsWavesError


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


class DrillLeft(TypedDict):
    """The instances that a drill has left in an account and Region, and what they cost: an estimate in USD."""

    accountId: str
    region: str
    executionId: Annotated[
        str | None, Field(description="The drill that launched them; null if drs-waves did not launch them.")
    ]
    planId: Annotated[str | None, Field(description="The plan of the drill; null if drs-waves did not launch them.")]
    instances: Annotated[int, Field(description="How many still exist.")]
    since: Annotated[Time | None, Field(description="The oldest launch; null if DRS does not say.")]
    types: Annotated[dict[str, int], Field(description="How many there are of each instance type.")]
    unpriced: Annotated[int, Field(description="Those of a type without a price here, counted as m5.large.")]
    usdPerHour: Annotated[float, Field(description="What they cost in an hour, without their volumes.")]
    usdSoFar: Annotated[float, Field(description="What they have cost since they were launched.")]


class DrillsUnread(TypedDict):
    """An account and Region whose instances could not be read."""

    accountId: str
    region: str
    message: Annotated[str, Field(description="Why.")]


class RunningDrillsRead(TypedDict):
    """What drills have left running in some accounts and Regions."""

    at: Annotated[Time, Field(description="Until when the costs count.")]
    drills: Annotated[list[DrillLeft], Field(description="Each drill in each account and Region.")]
    unread: Annotated[list[DrillsUnread], Field(description="Accounts and Regions that could not be read.")]
    pricesOf: Annotated[str, Field(description="The day of the prices: On-Demand, Linux.")]
    pricesIn: Annotated[str, Field(description="The Region of the prices; those of others differ.")]


class RunningDrills(RunningDrillsRead, Paged):
    """A page of what drills have left running."""


def build_running_drills(found: Mapping[Target, Sequence[RunningDrill] | DrsWavesError], at: str) -> RunningDrillsRead:
    """The drills of each target, or the error that was raised instead."""
    return {
        "at": at,
        "drills": [
            _build_drill(target, drill)
            for target, drills in found.items()
            if not isinstance(drills, DrsWavesError)
            for drill in drills
        ],
        "unread": [
            {"accountId": target.account_id, "region": target.region, "message": error.message}
            for target, error in found.items()
            if isinstance(error, DrsWavesError)
        ],
        "pricesOf": prices.PRICES_OF,
        "pricesIn": prices.REGION,
    }


def _build_drill(target: Target, drill: RunningDrill) -> DrillLeft:
    return {
        "accountId": target.account_id,
        "region": target.region,
        "executionId": drill.execution_id,
        "planId": drill.plan_id,
        "instances": drill.instances,
        "since": drill.since,
        "types": drill.by_type,
        "unpriced": drill.unpriced,
        "usdPerHour": drill.usd_per_hour,
        "usdSoFar": drill.usd_so_far,
    }
