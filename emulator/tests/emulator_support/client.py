"""A client of the emulator: boto3 clients, and the control API over HTTP."""

import json
import time
import urllib.error
import urllib.request
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from drs_emulator import Emulator
from emulator_support.response_checks import check_error, check_response, check_ssm_response
from loopback.guard import SECRET_HEADER

if TYPE_CHECKING:
    from mypy_boto3_drs.client import DrsClient

ACCOUNT = "111122223333"
REGION = "eu-west-1"
BOOT = 180 * 1.1  # the longest time in seconds from a launch until the status checks pass
DRILL = 19 * 60 * 1.1  # the longest duration of a drill in seconds


class EmulatorClient:
    """The emulator as seen by a client."""

    def __init__(self, emulator: Emulator) -> None:
        self.url = emulator.url
        self.secret = emulator.secret
        self._emulator = emulator
        self.answered: set[str] = set()  # the operations whose responses were compared with the model

    @cache  # noqa: B019 (one client serves all tests)
    def client(self, account: str, region: str) -> "DrsClient":
        """Return a client that compares every response with the model."""
        client = self._emulator.client(account, region)
        client.meta.events.register("after-call.drs", self._check)
        return client

    def _check(self, parsed: dict[str, Any], model: Any, http_response: Any, **_: object) -> None:
        if http_response.status_code >= 300:
            check_error(model, parsed)
        else:
            check_response(model, http_response, parsed)
            self.answered.add(model.name)

    def ssm_of(self, account: str, region: str) -> Any:
        """Return a client of Systems Manager that compares every response with the model."""
        client = self._emulator.ssm_client(account, region)
        client.meta.events.register("after-call.ssm", self._check_ssm)
        return client

    def _check_ssm(self, parsed: dict[str, Any], model: Any, http_response: Any, **_: object) -> None:
        if http_response.status_code >= 300:
            check_error(model, parsed)
        else:
            check_ssm_response(model, http_response, parsed)
            self.answered.add(model.name)

    @cached_property
    def ssm(self) -> Any:
        return self.ssm_of(ACCOUNT, REGION)

    @cached_property
    def ec2(self) -> Any:
        return self._emulator.ec2_client(ACCOUNT, REGION)

    @cached_property
    def elb(self) -> Any:
        return self._emulator.elb_client(ACCOUNT, REGION)

    @cached_property
    def quotas(self) -> Any:
        return self._emulator.quotas_client(ACCOUNT, REGION)

    @cached_property
    def iam(self) -> Any:
        return self._emulator.iam_client(ACCOUNT, REGION)

    @property
    def unchecked(self) -> Any:
        """A client for answers that break the model."""
        return self._emulator.client(ACCOUNT, REGION)

    @property
    def drs(self) -> "DrsClient":
        return self.client(ACCOUNT, REGION)

    def control(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {SECRET_HEADER: self.secret}
        request = urllib.request.Request(f"{self.url}/_emulator/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def advance(self, seconds: float) -> None:
        self.control("POST", "advance", {"seconds": seconds})

    def change(self, **settings: object) -> None:
        status, answer = self.control("PUT", "settings", settings)
        assert status == 200, answer

    def seed(self, number: int = 1, *, account: str = ACCOUNT, region: str = REGION, **fields: object) -> list[str]:
        servers = [{"hostname": f"host-{index:04}", **fields} for index in range(number)]
        status, answer = self.control(
            "POST", "source-servers", {"accountId": account, "region": region, "servers": servers}
        )
        assert status == 201, answer
        return list(answer["sourceServerIDs"])

    def start(self, server_ids: list[str], *, drill: bool = True, **more: Any) -> str:
        servers: list[Any] = [{"sourceServerID": server_id} for server_id in server_ids]
        return self.drs.start_recovery(sourceServers=servers, isDrill=drill, **more)["job"]["jobID"]

    def job(self, job_id: str) -> Any:
        return self.drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]

    def launched(self, number: int = 1) -> list[str]:
        """Run a drill to its end, and return its recovery instance ids."""
        job_id = self.start(self.seed(number))
        self.advance(DRILL)
        found = {
            i["sourceServerID"]: i for i in self.drs.describe_recovery_instances()["items"] if i["jobID"] == job_id
        }
        servers = self.job(job_id)["participatingServers"]
        return [found[server["sourceServerID"]]["recoveryInstanceID"] for server in servers]

    def rule(self, kind: str, **fields: Any) -> str:
        status, answer = self.control("POST", "rules", {"kind": kind, **fields})
        assert status == 201, answer
        return str(answer["id"])

    def booted(self, number: int = 1) -> list[str]:
        """Run a drill, and wait until the status checks have passed and the agents are online."""
        instances = self.launched(number)
        self.advance(BOOT)
        return instances

    def events(self, job_id: str) -> list[str]:
        return [item["event"] for item in self.drs.describe_job_log_items(jobID=job_id, maxResults=1000)["items"]]


def wait_until(holds: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)
