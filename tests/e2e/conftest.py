"""The product as an operator has it: deployed by sam, reached over HTTP, with DRS and a second account behind it."""

import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox import world
from sandbox.stack import EXTERNAL_ID, Reply, Sandbox

UNFINISHED = ("PENDING", "POLLING", "PAUSED")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@dataclass(frozen=True, slots=True)
class Operator:
    """What somebody with the credentials of the hub account can do; source servers come from the emulator."""

    sandbox: Sandbox

    def request(self, method: str, path: str, body: Any = None) -> Reply:
        return self.sandbox.request(method, path, body)

    def seed(self, *hostnames: str, account: str, region: str, **more: Any) -> list[str]:
        """Make source servers and return their ids."""
        servers = [{"hostname": hostname, **more} for hostname in hostnames]
        body = {"accountId": account, "region": region, "servers": servers}
        ids: list[str] = world.control(self.sandbox, "POST", "/source-servers", body)["sourceServerIDs"]
        return ids

    def group(self, server_ids: list[str], *, account: str, region: str) -> str:
        body = {"name": "some servers", "accountId": account, "region": region, "sourceServerIds": server_ids}
        reply = self.request("POST", "/protection-groups", body)
        assert reply.status == 201, reply
        return str(reply.body["groupId"])

    def plan(self, cleanUpAfterHours: int | None = None, **waves: str) -> str:  # noqa: N803  # the API's name
        """A plan with a wave of one group for each argument, one after the other."""
        shaped = [{"name": name, "groups": [{"groupId": group}]} for name, group in waves.items()]
        body = {"name": "a plan", "waves": shaped, "cleanUpAfterHours": cleanUpAfterHours}
        reply = self.request("POST", "/recovery-plans", body)
        assert reply.status == 201, reply
        return str(reply.body["planId"])

    def start(self, plan_id: str) -> str:
        reply = self.request("POST", f"/recovery-plans/{plan_id}/drills")
        assert reply.status == 202, reply
        return str(reply.body["executionId"])

    def finish(self, execution_id: str, seconds: float = 40) -> Mapping[str, Any]:
        """The record once its status is final."""
        deadline = time.monotonic() + seconds
        while (reply := self.request("GET", f"/executions/{execution_id}")).body["status"] in UNFINISHED:
            assert time.monotonic() < deadline, reply
            time.sleep(0.2)
        record: Mapping[str, Any] = reply.body
        return record

    def drill(self, plan_id: str) -> Mapping[str, Any]:
        return self.finish(self.start(plan_id))

    def register(self, account: str, external_id: str = EXTERNAL_ID) -> None:
        """Tell drs-waves how to reach the account."""
        item = {
            "accountId": account,
            "roleArn": self.sandbox.target_roles[account],
            "externalId": external_id,
        }
        self.sandbox.client("dynamodb").put_item(
            TableName=self.sandbox.outputs["TargetAccountsTable"],
            Item={name: {"S": value} for name, value in item.items()},
        )


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One for all tests: it takes eight seconds to start. At this speed a job of twenty minutes takes three seconds."""
    port, drs_port = free_ports(2)
    parameters = {"SyncRate": "rate(1 minute)"}
    with Sandbox(port=port, drs_port=drs_port, speed=400, parameters=parameters) as running:
        world.register_accounts(running)
        yield running


@pytest.fixture
def operator(sandbox: Sandbox) -> Operator:
    return Operator(sandbox)
