"""Use the product as it is deployed in the sandbox, over HTTP."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.clients import Reply
from sandbox.settings import EXTERNAL_ID
from sandbox.stack import Sandbox

UNFINISHED = ("PENDING", "POLLING", "PAUSED")
MAX_WAIT_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator with credentials of the hub account. The source servers come from the emulator."""

    sandbox: Sandbox

    def request(self, method: str, path: str, body: Any = None) -> Reply:
        return self.sandbox.request(method, path, body)

    def seed(self, *hostnames: str, account: str, region: str, **more: Any) -> list[str]:
        """Make source servers and return their ids."""
        servers = [{"hostname": hostname, **more} for hostname in hostnames]
        body = {"accountId": account, "region": region, "servers": servers}
        ids: list[str] = self.sandbox.control_emulator("POST", "/source-servers", body)["sourceServerIDs"]
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

    def start(self, plan_id: str, path: str = "drills") -> str:
        reply = self.request("POST", f"/recovery-plans/{plan_id}/{path}")
        assert reply.status == 202, reply
        return str(reply.body["executionId"])

    def finish(self, execution_id: str, seconds: float = MAX_WAIT_SECONDS) -> Mapping[str, Any]:
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
        """Register the account with drs-waves."""
        item = {
            "accountId": {"S": account},
            "roleArn": {"S": self.sandbox.target_roles[account]},
            "externalId": {"S": external_id},
            "version": {"N": "1"},
        }
        self.sandbox.client("dynamodb").put_item(TableName=self.sandbox.outputs["TargetAccountsTable"], Item=item)


def wait_until(operator: Operator, execution_id: str, holds: Callable[[Mapping[str, Any]], Any]) -> Mapping[str, Any]:
    """The run's record as soon as `holds` is true of it."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not holds(record := operator.request("GET", f"/executions/{execution_id}").body):
        assert time.monotonic() < deadline, json.dumps(record, indent=1)
        time.sleep(0.2)
    shown: Mapping[str, Any] = record
    return shown


def waits_for(kind: str, wave: str | None = None) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a record says that the run waits for an operator: for an APPROVAL of this wave, say."""

    def holds(record: Mapping[str, Any]) -> bool:
        return any(wait["for"] == kind and wave in (None, wait["wave"]) for wait in record["waitingFor"])

    return holds


def decide(operator: Operator, execution_id: str, decision: str, status: int = 200) -> Any:
    """Send a decision and return the body of the answer, which must have this status."""
    reply = operator.request("POST", f"/executions/{execution_id}/{decision}", {"comment": "as rehearsed"})
    assert reply.status == status, reply
    return reply.body
