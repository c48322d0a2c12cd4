"""A console of the deployed sandbox, and plans to show in it."""

from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from console.deployment import Deployment
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox
from tests.support.console_server import ServedConsole
from tests.support.deployed import Operator
from tests.support.lossy_proxy import LossyProxy

INTERVAL = 0.5


def deployment(sandbox: Sandbox, url: str | None = None, **settings: Any) -> Deployment:
    """The sandbox, at this URL of its API."""
    api = ApiClient.at({**sandbox.addresses(), **({"apiUrl": url} if url else {})})
    times = {"interval": INTERVAL, "speed": sandbox.speed, "origin": sandbox.origin}
    return Deployment(api, "the sandbox", **{**times, **settings})


@dataclass(frozen=True, slots=True)
class Breakable:
    """A console whose API can go away, and the door by which it does."""

    console: ServedConsole
    door: LossyProxy


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes plans through the API."""

    operator: Operator

    def seed(self, *hostnames: str, **more: Any) -> list[str]:
        return self.operator.seed(*hostnames, account=HUB_ACCOUNT, region=REGION, **more)

    def wave(self, name: str, servers: list[str], **more: Any) -> dict[str, Any]:
        group = self.operator.group(servers, account=HUB_ACCOUNT, region=REGION)
        return {"name": name, "groups": [{"groupId": group}], **more}

    def plan(self, name: str, *waves: dict[str, Any], **more: Any) -> str:
        body = {"name": name, "launchAttempts": 1, "waves": list(waves), **more}
        reply = self.operator.request("POST", "/recovery-plans", body)
        assert reply.status == 201, reply
        return str(reply.body["planId"])

    def approval_plan(self, name: str) -> str:
        """A wave that starts at once, and `web` behind an approval."""
        approval = {"required": True, "timeoutMinutes": 6000}
        first = self.wave("database", self.seed(f"{name} db"))
        return self.plan(name, first, self.wave("web", self.seed(f"{name} web"), approval=approval))
