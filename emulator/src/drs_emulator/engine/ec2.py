"""EC2 behind the emulator: real instances of the engine, or made-up ones where there is no engine.

Answers come through callbacks. The engine's come from a worker thread, which must take the state's lock itself;
the made-up ones come at once, from within the call.
"""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from drs_emulator.engine.access_keys import ENGINE_CONFIG
from drs_emulator.ids import digest, new_id
from drs_emulator.target_key import TargetKey

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

log = logging.getLogger(__name__)

WORKERS = 4  # the engine answers one request at a time; more would only queue there
DESCRIBED_AT_ONCE = 25  # launches that share one DescribeInstances


@dataclass(frozen=True, slots=True)
class Launched:
    """`error` is empty where the launch or termination went well."""

    instance_id: str = ""
    private_ip: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """`private_ip` is the address to have, if any; a `stopped` instance is there but does not run."""

    target: TargetKey
    instance_type: str
    tags: dict[str, str]
    done: Callable[[Launched], None]
    private_ip: str = ""
    stopped: bool = False


class Ec2(Protocol):
    def launch(self, order: LaunchOrder) -> None: ...

    def terminate(self, target: TargetKey, instance_id: str, done: Callable[[str], None]) -> None:
        """`done` is given an error's text, or nothing."""

    def close(self) -> None: ...


@dataclass(slots=True)
class MadeUpInstance:
    """`state` as EC2 writes it."""

    id: str
    state: str
    type: str
    private_ip: str
    tags: dict[str, str]
    launched_at: float


class MadeUpEc2:
    """Remembers what it was asked to launch, for `describe`; not over a restart."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._instances: defaultdict[TargetKey, dict[str, MadeUpInstance]] = defaultdict(dict)

    def launch(self, order: LaunchOrder) -> None:
        instance_id = new_id("i-")
        octets = digest(instance_id)
        address = order.private_ip or f"10.0.{int(octets[:2], 16)}.{int(octets[2:4], 16) % 250 + 4}"
        state = "stopped" if order.stopped else "running"
        made = MadeUpInstance(instance_id, state, order.instance_type, address, dict(order.tags), self._now())
        self._instances[order.target][instance_id] = made
        order.done(Launched(instance_id, address))

    def terminate(self, target: TargetKey, instance_id: str, done: Callable[[str], None]) -> None:
        self._instances[target].pop(instance_id, None)  # EC2 shows one for another hour, which nobody needs here
        done("")

    def instances(self, target: TargetKey, instance_ids: set[str]) -> list[MadeUpInstance]:
        """Those of these ids that are there."""
        there = self._instances[target]
        return [there[instance_id] for instance_id in sorted(instance_ids) if instance_id in there]

    def close(self) -> None:
        pass


class EngineEc2:
    """Launches wait in a queue per target: a free worker takes up to 25 of them and describes them in one call."""

    def __init__(self, engine_url: str) -> None:
        self._url = engine_url
        self._session = boto3.Session()
        self._clients: dict[TargetKey, EC2Client] = {}
        self._waiting: defaultdict[TargetKey, deque[LaunchOrder]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="ec2")

    def launch(self, order: LaunchOrder) -> None:
        with self._lock:
            self._waiting[order.target].append(order)
        self._pool.submit(self._launch_waiting, order.target)

    def terminate(self, target: TargetKey, instance_id: str, done: Callable[[str], None]) -> None:
        self._pool.submit(self._terminate, target, instance_id, done)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _launch_waiting(self, target: TargetKey) -> None:
        with self._lock:
            waiting = self._waiting[target]
            orders = [waiting.popleft() for _ in range(min(len(waiting), DESCRIBED_AT_ONCE))]
        started: dict[str, LaunchOrder] = {}
        for order in orders:
            try:
                started[self._run_one(order)] = order
            except (ClientError, BotoCoreError) as error:
                order.done(Launched(error=str(error)))
        if not started:
            return
        try:
            addresses = self._addresses(target, list(started))
        except (ClientError, BotoCoreError) as error:
            log.warning("%s instances of %s run, but their addresses are not known: %s", len(started), target, error)
            addresses = {}
        for instance_id, order in started.items():
            order.done(Launched(instance_id, order.private_ip or addresses.get(instance_id, "")))

    def _run_one(self, order: LaunchOrder) -> str:
        client = self._client(order.target)
        address = {"PrivateIpAddress": order.private_ip} if order.private_ip else {}
        answer = client.run_instances(
            ImageId=f"ami-{digest(order.target)[:17]}",  # DRS makes a private image; the engine takes any id
            MinCount=1,
            MaxCount=1,
            InstanceType=order.instance_type,  # type: ignore[arg-type]
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": key, "Value": value} for key, value in order.tags.items()],
                }
            ],
            **address,  # type: ignore[arg-type]
        )
        instance_id = answer["Instances"][0]["InstanceId"]
        if order.stopped:
            client.stop_instances(InstanceIds=[instance_id])
        return instance_id

    def _addresses(self, target: TargetKey, instance_ids: list[str]) -> dict[str, str]:
        answer = self._client(target).describe_instances(InstanceIds=instance_ids)
        found = (instance for reservation in answer["Reservations"] for instance in reservation["Instances"])
        return {instance["InstanceId"]: instance.get("PrivateIpAddress", "") for instance in found}

    def _terminate(self, target: TargetKey, instance_id: str, done: Callable[[str], None]) -> None:
        try:
            self._client(target).terminate_instances(InstanceIds=[instance_id])
        except ClientError as error:
            gone = error.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
            done("" if gone else str(error))  # what somebody else has terminated is as terminated as ours
        except BotoCoreError as error:
            done(str(error))
        else:
            done("")

    def _client(self, target: TargetKey) -> "EC2Client":
        with self._lock:  # making a client is not thread-safe, using one is
            if target not in self._clients:
                self._clients[target] = self._session.client(
                    "ec2",
                    endpoint_url=self._url,
                    region_name=target.region,
                    aws_access_key_id=target.account,  # a 12-digit key is that account, at the engine too
                    aws_secret_access_key="test",  # noqa: S106 (the engine takes any)
                    config=ENGINE_CONFIG,
                )
            return self._clients[target]
