"""EC2 behind the emulator: instances of the engine, or simulated ones without an engine.

Results arrive through callbacks. Those of the engine come from a worker thread, so the callback must take the world's
lock. Those of simulated instances come immediately, from within the call.
"""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from drs_emulator.engine.access_keys import ENGINE_CONFIG
from drs_emulator.ids import digest, new_id
from drs_emulator.target_key import TargetKey

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

log = logging.getLogger(__name__)

MAX_WORKERS = 4  # the engine handles one request at a time, so more would only queue there
MAX_LAUNCHES_PER_DESCRIBE = 25
ALLOWS_LAUNCHING_INTO = ("AWSDRS", "AllowLaunchingIntoThisInstance")


@dataclass(frozen=True, slots=True)
class LaunchOutcome:
    """The result of a launch. `error` is empty if it succeeded."""

    instance_id: str = ""
    private_ip: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """An instance to launch. `private_ip` is its requested address, if any; `stopped` leaves it stopped.

    `subnet_id`, `groups` and the ARN `profile` are where and as what it runs; simulated instances need none of them.

    `into` is an existing instance whose volumes are replaced instead. If `guarded`, it must be stopped and have
    ALLOWS_LAUNCHING_INTO.
    """

    target: TargetKey
    instance_type: str
    tags: dict[str, str]
    on_done: Callable[[LaunchOutcome], None]
    private_ip: str = ""
    stopped: bool = False
    into: str = ""
    guarded: bool = False
    subnet_id: str = ""
    groups: tuple[str, ...] = ()
    profile: str = ""


def refuse_launch_into(request: LaunchRequest, state: str, tags: dict[str, str]) -> str:
    """Return why EC2's instance cannot be launched into, or an empty string."""
    key, value = ALLOWS_LAUNCHING_INTO
    if not request.guarded:
        return ""
    if tags.get(key) != value:
        return f"The instance {request.into} does not have the tag {key} with the value {value}"
    return "" if state == "stopped" else f"The instance {request.into} is {state}, not stopped"


class Ec2(Protocol):
    def launch(self, request: LaunchRequest) -> None: ...

    def terminate(self, target: TargetKey, instance_id: str, on_done: Callable[[str], None]) -> None:
        """Call `on_done` with the text of an error, or with an empty string."""

    def reset(self) -> None:
        """Forget the instances, unless an engine has them."""

    def close(self) -> None: ...


@dataclass(slots=True)
class SimulatedInstance:
    """An instance without an engine. `state` has EC2's spelling. `overwritten` counts the launches into it."""

    id: str
    state: str
    type: str
    private_ip: str
    tags: dict[str, str]
    launched_at: float
    overwritten: int = 0


class SimulatedEc2:
    """Keeps the instances in memory. After a restart, the state file adds them again."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._instances: defaultdict[TargetKey, dict[str, SimulatedInstance]] = defaultdict(dict)

    def launch(self, request: LaunchRequest) -> None:
        if request.into:
            self._launch_into(request)
            return
        instance_id = new_id("i-")
        address = request.private_ip or _derive_address(instance_id)
        state = "stopped" if request.stopped else "running"
        instance = SimulatedInstance(
            instance_id, state, request.instance_type, address, dict(request.tags), self._now()
        )
        self._instances[request.target][instance_id] = instance
        request.on_done(LaunchOutcome(instance_id, address))

    def _launch_into(self, request: LaunchRequest) -> None:
        """Overwrite the instance. One that nobody has added is taken to exist, unless launches are guarded."""
        instance = self._instances[request.target].get(request.into)
        if instance is None and request.guarded:
            error = (
                "An error occurred (InvalidInstanceID.NotFound) when calling the DescribeInstances operation: "
                f"The instance ID '{request.into}' does not exist"
            )
            request.on_done(LaunchOutcome(error=error))
            return
        if instance is None:
            instance = self.add(request.target, request.into, "running", {}, request.instance_type)
        if error := refuse_launch_into(request, instance.state, instance.tags):
            request.on_done(LaunchOutcome(error=error))
            return
        instance.tags |= request.tags
        instance.state = "stopped" if request.stopped else "running"
        instance.overwritten += 1
        request.on_done(LaunchOutcome(instance.id, instance.private_ip))

    def add(
        self, target: TargetKey, instance_id: str, state: str, tags: dict[str, str], instance_type: str = "m5.large"
    ) -> SimulatedInstance:
        """Add an instance that DRS did not launch."""
        address = _derive_address(instance_id)
        instance = SimulatedInstance(instance_id, state, instance_type, address, dict(tags), self._now())
        self._instances[target][instance_id] = instance
        return instance

    def all_of(self, target: TargetKey) -> list[SimulatedInstance]:
        """Return all instances, in order of id."""
        return self.find(target, set(self._instances[target]))

    def terminate(self, target: TargetKey, instance_id: str, on_done: Callable[[str], None]) -> None:
        self._instances[target].pop(instance_id, None)  # EC2 lists it for another hour; no caller needs that
        on_done("")

    def find(self, target: TargetKey, instance_ids: set[str]) -> list[SimulatedInstance]:
        """Return the instances that exist, in order of id."""
        known = self._instances[target]
        return [known[instance_id] for instance_id in sorted(instance_ids) if instance_id in known]

    def reset(self) -> None:
        self._instances.clear()

    def close(self) -> None:
        pass


def _derive_address(instance_id: str) -> str:
    octets = digest(instance_id)
    return f"10.0.{int(octets[:2], 16)}.{int(octets[2:4], 16) % 250 + 4}"


class LaunchIntoRefused(Exception):
    """The instance to launch into must not be overwritten. The message is DRS's."""


class EngineEc2:
    """Queues launches per target. A free worker takes up to 25 of them and describes them in one call."""

    def __init__(self, engine_url: str, token: str | None = None) -> None:
        self._url, self._token = engine_url, token
        self._session = boto3.Session()
        self._clients: dict[TargetKey, EC2Client] = {}
        self._queues: defaultdict[TargetKey, deque[LaunchRequest]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="ec2")

    def launch(self, request: LaunchRequest) -> None:
        with self._lock:
            self._queues[request.target].append(request)
        self._pool.submit(self._launch_queued, request.target)

    def terminate(self, target: TargetKey, instance_id: str, on_done: Callable[[str], None]) -> None:
        self._pool.submit(self._terminate, target, instance_id, on_done)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _launch_queued(self, target: TargetKey) -> None:
        with self._lock:
            queue = self._queues[target]
            requests = [queue.popleft() for _ in range(min(len(queue), MAX_LAUNCHES_PER_DESCRIBE))]
        started: dict[str, LaunchRequest] = {}
        for request in requests:
            try:
                started[self._run_instance(request)] = request
            except (ClientError, BotoCoreError, LaunchIntoRefused) as error:
                request.on_done(LaunchOutcome(error=str(error)))
        if not started:
            return
        try:
            addresses = self._describe_addresses(target, list(started))
        except (ClientError, BotoCoreError) as error:
            log.warning("Could not read the addresses of %s instances of %s: %s", len(started), target, error)
            addresses = {}
        for instance_id, request in started.items():
            request.on_done(LaunchOutcome(instance_id, request.private_ip or addresses.get(instance_id, "")))

    def _run_instance(self, request: LaunchRequest) -> str:
        """Raise ClientError, BotoCoreError and LaunchIntoRefused."""
        client = self._client(request.target)
        if request.into:
            return self._overwrite(client, request)
        requested: dict[str, Any] = {
            "PrivateIpAddress": request.private_ip,
            "SubnetId": request.subnet_id,
            "SecurityGroupIds": list(request.groups),
            "IamInstanceProfile": {"Arn": request.profile} if request.profile else {},
        }
        self._check_profile(request)
        response = client.run_instances(
            ImageId=f"ami-{digest(request.target)[:17]}",  # DRS makes a private image; the engine accepts any id
            MinCount=1,
            MaxCount=1,
            InstanceType=request.instance_type,  # type: ignore[arg-type]
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": key, "Value": value} for key, value in request.tags.items()],
                }
            ],
            **{name: value for name, value in requested.items() if value},
        )
        instance_id = response["Instances"][0]["InstanceId"]
        if request.stopped:
            client.stop_instances(InstanceIds=[instance_id])
        return instance_id

    def _check_profile(self, request: LaunchRequest) -> None:
        """Ask the engine's IAM for the profile, because its EC2 accepts any. Raise ClientError and BotoCoreError."""
        if not request.profile:
            return
        name = request.profile.rsplit("/", 1)[1]
        with self._lock:
            iam = self._make_client("iam", request.target)
        try:
            iam.get_instance_profile(InstanceProfileName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            refused = (
                f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
            )
            raise ClientError(
                {"Error": {"Code": "InvalidParameterValue", "Message": refused}}, "RunInstances"
            ) from error

    def _overwrite(self, client: "EC2Client", request: LaunchRequest) -> str:
        found = client.describe_instances(InstanceIds=[request.into])["Reservations"][0]["Instances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
        if error := refuse_launch_into(request, found["State"]["Name"], tags):
            raise LaunchIntoRefused(error)
        new_tags = [{"Key": key, "Value": value} for key, value in request.tags.items()]
        client.create_tags(Resources=[request.into], Tags=new_tags)  # type: ignore[arg-type]
        change = client.stop_instances if request.stopped else client.start_instances
        change(InstanceIds=[request.into])
        return request.into

    def _describe_addresses(self, target: TargetKey, instance_ids: list[str]) -> dict[str, str]:
        response = self._client(target).describe_instances(InstanceIds=instance_ids)
        instances = (instance for reservation in response["Reservations"] for instance in reservation["Instances"])
        return {instance["InstanceId"]: instance.get("PrivateIpAddress", "") for instance in instances}

    def _terminate(self, target: TargetKey, instance_id: str, on_done: Callable[[str], None]) -> None:
        try:
            self._client(target).terminate_instances(InstanceIds=[instance_id])
        except ClientError as error:
            is_gone = error.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
            on_done("" if is_gone else str(error))  # another caller has terminated it
        except BotoCoreError as error:
            on_done(str(error))
        else:
            on_done("")

    def _client(self, target: TargetKey) -> "EC2Client":
        with self._lock:  # creating a client is not thread-safe; using one is
            if target not in self._clients:
                self._clients[target] = self._make_client("ec2", target)
            return self._clients[target]

    def _make_client(self, service: str, target: TargetKey) -> Any:
        return self._session.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._url,
            region_name=target.region,
            aws_access_key_id=target.account,  # the engine, too, accepts an account as its key
            aws_secret_access_key="test",  # noqa: S106 (the engine accepts any)
            aws_session_token=self._token,
            config=ENGINE_CONFIG,
        )
