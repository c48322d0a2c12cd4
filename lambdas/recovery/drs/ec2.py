"""The client of EC2: the only module that calls it. It reads the details of recovery instances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import clients
from recovery.domain.caught_errors import describe_call
from recovery.domain.target import Target
from recovery.drs import assumed_roles, rate_limiter
from recovery.errors import AwsUnavailable, DrsWavesError, RateBudgetExhausted, TargetAccessDenied
from recovery.observability import metrics

# A filter takes at most 200 values (EC2's API reference); half of that keeps a response well below a megabyte.
MAX_IDS_PER_DESCRIBE = 100

_DENIED_CODES = {"UnauthorizedOperation", "OptInRequired"}

# The tag of an instance that DRS has launched, with the id of its source server.
SOURCE_SERVER_TAG = "AWSElasticDisasterRecoverySourceServerID"

# States of an instance that is gone or about to be.
_GONE_STATES = frozenset(("shutting-down", "terminated"))


@dataclass(frozen=True, slots=True)
class Ec2Instance:
    """An instance as EC2 describes it; `state` is EC2's in lower case.

    `source_server_id` is from the tag that DRS gives to instances that it launches.
    """

    instance_id: str
    state: str
    name: str | None
    private_ip: str | None
    public_ip: str | None
    instance_type: str | None
    launch_time: str | None
    vpc_id: str | None
    subnet_id: str | None
    security_group_ids: tuple[str, ...]
    instance_profile: str | None
    source_server_id: str | None = None

    @property
    def exists(self) -> bool:
        """Whether the instance costs money, holds data or may do so again."""
        return self.state not in _GONE_STATES

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "Ec2Instance":
        """Read EC2's Instance shape. An instance that is being terminated has no network details."""
        launched = item.get("LaunchTime")
        return cls(
            instance_id=item["InstanceId"],
            state=item.get("State", {}).get("Name", "pending"),
            name=_read_tag(item, "Name"),
            private_ip=item.get("PrivateIpAddress") or None,
            public_ip=item.get("PublicIpAddress") or None,
            instance_type=item.get("InstanceType"),
            launch_time=clock.iso(launched.timestamp()) if launched else None,
            vpc_id=item.get("VpcId") or None,
            subnet_id=item.get("SubnetId") or None,
            security_group_ids=tuple(sorted(group["GroupId"] for group in item.get("SecurityGroups", ()))),
            instance_profile=item.get("IamInstanceProfile", {}).get("Arn"),
            source_server_id=_read_tag(item, SOURCE_SERVER_TAG),
        )


def _read_tag(item: Mapping[str, Any], key: str) -> str | None:
    return next((tag["Value"] for tag in item.get("Tags", ()) if tag["Key"] == key), None) or None


def describe_instances(target: Target, instance_ids: Sequence[str]) -> tuple[dict[str, Ec2Instance], int]:
    """The instances with these ids that EC2 knows, by id, and how many calls that took.

    It uses a filter, because one unknown id in `InstanceIds` makes EC2 refuse the whole call.
    """
    ids, found, calls = sorted(set(instance_ids)), dict[str, Ec2Instance](), 0
    for at in range(0, len(ids), MAX_IDS_PER_DESCRIBE):
        token: dict[str, str] = {}
        while True:
            answer = _call(
                target,
                Filters=[{"Name": "instance-id", "Values": ids[at : at + MAX_IDS_PER_DESCRIBE]}],
                MaxResults=1_000,
                **token,
            )
            calls += 1
            for reservation in answer["Reservations"]:
                found |= {item["InstanceId"]: Ec2Instance.from_ec2(item) for item in reservation["Instances"]}
            if not answer.get("NextToken"):
                break
            token = {"NextToken": answer["NextToken"]}
    return found, calls


def _call(target: Target, **parameters: Any) -> Any:
    """Make one DescribeInstances call within the target's rate limit. Raise AwsUnavailable, TargetAccessDenied."""
    client = assumed_roles.get_client("ec2", target)
    try:
        rate_limiter.reserve_call(target, rate_limiter.EC2_CALLS)
        answer = _send(client, target, parameters)
    except DrsWavesError as error:
        metrics.count_call(target, "DescribeInstances", type(error).__name__)
        if isinstance(error, RateBudgetExhausted):
            metrics.count_rate_limit(target, type(error).__name__)
        raise
    metrics.count_call(target, "DescribeInstances", "ok")
    return answer


def _send(client: Any, target: Target, parameters: Mapping[str, Any]) -> Any:
    what = describe_call("DescribeInstances", target.key)
    try:
        with clients.translate_transient_errors(what):
            return client.describe_instances(**parameters)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if code in assumed_roles.UNKNOWN_CREDENTIALS:
            raise assumed_roles.build_refusal(client, target, f"{what}: {error}") from error
        if code in assumed_roles.STALE_CREDENTIALS:
            assumed_roles.discard_clients()
            raise AwsUnavailable(f"{what}: {error}") from error
        if code in _DENIED_CODES:
            raise TargetAccessDenied(f"{what}: {error}") from error
        raise
