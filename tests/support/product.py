"""The product on moto: the tables, functions and machines of cfn/, and a DRS emulator behind them."""

import functools
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import yaml
from moto.sts.models import sts_backends

from drs_emulator import Emulator
from sandbox.environments import SERVICES_OF_EMULATOR
from tests.harness.engine import Engine, Execution
from tests.support import documented_answers
from tests.support.server_counts import assert_counts_match_servers

ROOT = Path(__file__).resolve().parents[2]
HUB, OTHER = "111122223333", "444455556666"
ANA = f"arn:aws:iam::{HUB}:user/ana"
WEST, EUROPE = "us-west-2", "eu-central-1"
STACK = "drs-waves"
# How the emulator plays what DRS's model leaves open: make proofs PROFILE=unkind
DRS_PROFILE = os.environ.get("DRS_PROFILE") or "captured"
REAL_DURATIONS: Mapping[str, Any] = {}
"""Let DRS jobs take as long as users of the service see: the emulator's own settings."""
SHORT_DURATIONS: Mapping[str, Any] = {
    "drill": {"pending": 150, "started": 90},
    "recovery": {"pending": 180, "started": 180},
}
"""Let DRS jobs take a few simulated minutes, because most tests only need a job to end."""
SCHEDULES = "cleanups"
EVIDENCE_BUCKET = f"{STACK}-{HUB}-{WEST}"


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is eight times as fast


class _Template(_SafeLoader):  # type: ignore[misc]
    """CloudFormation's short forms as plain values: `!Ref X` and `!GetAtt X.Arn` both read `X`."""


_Template.add_multi_constructor(
    "!",
    lambda loader, tag, node: (
        loader.construct_scalar(node).split(".")[0] if isinstance(node, yaml.ScalarNode) else None  # type: ignore[attr-defined]
    ),
)


@functools.cache
def template(name: str = "template.yaml") -> dict[str, Any]:
    """A template of cfn/."""
    loaded: dict[str, Any] = yaml.load((ROOT / "cfn" / name).read_text(), _Template)  # noqa: S506
    return loaded


def resources(kind: str, name: str = "template.yaml") -> dict[str, dict[str, Any]]:
    """Properties by logical id of every resource of the type."""
    found = template(name)["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def tables() -> dict[str, dict[str, Any]]:
    """Those of one Region and those that may have a copy in another."""
    return {
        **resources("AWS::DynamoDB::Table", "tables.yaml"),
        **resources("AWS::DynamoDB::GlobalTable", "tables.yaml"),
    }


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Product:
    """The whole of drs-waves in this process. `speed` is simulated seconds per real second, for waits and for DRS.

    Only with `keeps_evidence` the end of a run starts keep-evidence, which costs each test the rendering of a report.
    """

    def __init__(
        self,
        speed: float = 600,
        durations: Mapping[str, Any] = SHORT_DURATIONS,
        *,
        keeps_evidence: bool = False,
        **environment: str,
    ) -> None:
        origin = time.time()
        self.emulator = Emulator(speed=speed, origin=origin, account_of=account_of)
        self.emulator.control.change_settings({"profile": DRS_PROFILE, "durations": dict(durations)})
        self._clock = f"{speed:g}@{origin:.3f}"
        self._more, self._keeps_evidence = environment, keeps_evidence
        self.engine = Engine(speed=speed, region=WEST)

    def __enter__(self) -> Self:
        self.emulator.start()
        self.engine.environment = {
            **{table_setting(name): f"{STACK}-{name}" for name in tables()},
            "RECOVER_PLAN_ARN": self.engine.machine_arn("recover-plan"),
            "SYNC_CACHE_ARN": self.engine.machine_arn("sync-cache"),
            "CLEAN_UP_DRILL_ARN": self.engine.machine_arn("clean-up-drill"),
            "VERIFY_TARGET_ARN": self.engine.machine_arn("verify-target"),
            "RESTORE_TARGET_ARN": self.engine.machine_arn("restore-target"),
            "EVIDENCE_BUCKET": EVIDENCE_BUCKET,
            **({"KEEP_EVIDENCE_ARN": self.engine.machine_arn("keep-evidence")} if self._keeps_evidence else {}),
            "CLEANUP_SCHEDULE_GROUP": SCHEDULES,
            "CLEANUP_SCHEDULE_ROLE_ARN": f"arn:aws:iam::{HUB}:role/cleanup-schedule",
            # moto's EC2, SSM and load balancers know nothing of the instances that the emulator makes up.
            **{f"AWS_ENDPOINT_URL_{service}": self.emulator.url for service in SERVICES_OF_EMULATOR.values()},
            "DRS_WAVES_CLOCK": self._clock,
            # Two hours of the product are seconds of a busy machine here; tests of QUOTA_HELD set their own age.
            "QUOTA_HELD_AFTER_SECONDS": "86400",
            **self._more,
        }
        self.engine.__enter__()
        self._deploy()
        for account_id in (HUB, OTHER):
            role = f"arn:aws:iam::{account_id}:role/drs-waves-target"
            account = {"accountId": account_id, "roleArn": role, "externalId": "not-a-secret", "version": 1}
            self.put("TargetAccounts", account)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.engine.__exit__(kind, error, tb)
        finally:
            self.emulator.stop()

    def _deploy(self) -> None:
        for name, table in tables().items():
            self.engine.client("dynamodb").create_table(TableName=f"{STACK}-{name}", **table_parameters(table))
        self.engine.client("scheduler").create_schedule_group(Name=SCHEDULES)
        self.engine.client("s3").create_bucket(
            Bucket=EVIDENCE_BUCKET,
            CreateBucketConfiguration={"LocationConstraint": WEST},
            ObjectLockEnabledForBucket=True,
        )
        substitutions = {"Partition": "aws"}
        for name, function in resources("AWS::Serverless::Function").items():
            short = name.removesuffix("Function")
            substitutions[f"{short}Arn"] = self.engine.create_function(short, function["Handler"], timeout=120)
        for machine in ("RecoverTarget", "VerifyTarget", "RunActions"):
            name = re.sub("(?<!^)([A-Z])", r"-\1", machine).lower()
            substitutions[f"{machine}Arn"] = self.engine.machine_arn(name)
        for machine in resources("AWS::Serverless::StateMachine").values():
            file = ROOT / "cfn" / machine["DefinitionUri"]
            wanted_substitutions = {key: substitutions[key] for key in machine["DefinitionSubstitutions"]}
            self.engine.create_machine(file.name.split(".")[0].replace("_", "-"), file, wanted_substitutions)

    # --- what a person does ---------------------------------------------------------------------------------------
    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        repeated: Mapping[str, Sequence[str]] | None = None,
        caller: str = ANA,
        **query: str,
    ) -> Reply:
        """Call the API's function as API Gateway does, and check the answer by the OpenAPI document.

        `caller` is the ARN that API Gateway has verified. `repeated` has query parameters that come more than once.
        """
        values = {**{name: [value] for name, value in query.items()}, **(repeated or {})}
        event = {
            "resource": "/{proxy+}",
            "path": path,
            "httpMethod": method,
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "queryStringParameters": {name: each[-1] for name, each in values.items()} or None,
            "multiValueQueryStringParameters": {name: list(each) for name, each in values.items()} or None,
            "requestContext": {
                "requestId": "7a1c",
                "identity": {"userArn": caller, "sourceIp": "127.0.0.1"},
            },
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        reply = self.engine.invoke("Api", event)
        headers = {name: values[0] for name, values in reply.get("multiValueHeaders", {}).items()}
        answered = json.loads(reply["body"]) if reply["body"] else None
        headers |= reply.get("headers", {})
        documented_answers.check(method, path, reply["statusCode"], headers, answered)
        return Reply(reply["statusCode"], answered, headers)

    def seed(
        self, count: int, *, account: str = HUB, region: str = WEST, prefix: str = "srv", **more: Any
    ) -> list[str]:
        """Make source servers and return their ids."""
        servers = [{"hostname": f"{prefix}-{number:03}", **more} for number in range(1, count + 1)]
        return self.emulator.seed(account, region, servers)

    def group(self, server_ids: Sequence[str] = (), *, account: str = HUB, region: str = WEST, **more: Any) -> str:
        """Create a protection group and return its id."""
        selection = {"sourceServerIds": list(server_ids)} if server_ids else {}
        body = {"name": "some servers", "accountId": account, "region": region, **selection, **more}
        return str(self._created("/protection-groups", body)["groupId"])

    def plan(self, *waves: Mapping[str, Any], **more: Any) -> str:
        """Create a plan and return its id; a wave's `groups` are ids or uses of groups.

        At 600 times real time, the half hour that checks have by default is three seconds; here they have ten hours.
        """
        has_checks = [
            "checks" in wave or any("checks" in use for use in wave["groups"] if not isinstance(use, str))
            for wave in waves
        ]
        shaped = [
            {
                **({"checksTimeoutMinutes": 600} if checked else {}),
                **wave,
                "groups": [{"groupId": use} if isinstance(use, str) else use for use in wave["groups"]],
            }
            for wave, checked in zip(waves, has_checks, strict=True)
        ]
        return str(self._created("/recovery-plans", {"name": "a plan", "waves": shaped, **more})["planId"])

    def _created(self, path: str, body: Any) -> dict[str, Any]:
        reply = self.request("POST", path, body)
        assert reply.status == 201, reply
        created: dict[str, Any] = reply.body
        return created

    def start(self, plan_id: str, mode: str = "drills") -> str:
        """Start a run through the API and return its id."""
        reply = self.request("POST", f"/recovery-plans/{plan_id}/{mode}")
        assert reply.status == 202, reply
        return str(reply.body["executionId"])

    def finish(self, execution_id: str, timeout: float = 60) -> dict[str, Any]:
        """Wait for the run's machine to end, and return its record as the API does, with counts that are right."""
        self.machine(execution_id).wait(timeout)
        record = self.record(execution_id)
        if record["endedAt"]:
            assert_counts_match_servers(record, record["sourceServers"], self.items("Executions"))
        return record

    def drill(self, plan_id: str, timeout: float = 60) -> dict[str, Any]:
        """Start a drill and wait for its end."""
        return self.finish(self.start(plan_id), timeout)

    def record(self, execution_id: str) -> dict[str, Any]:
        """The run's record, as the API returns it."""
        reply = self.request("GET", f"/executions/{execution_id}")
        assert reply.status == 200, reply
        record: dict[str, Any] = reply.body
        return record | {"sourceServers": self.servers(execution_id)}

    def servers(self, execution_id: str) -> list[dict[str, Any]]:
        """Every server of the run, page by page."""
        found, token = list[dict[str, Any]](), {}
        while True:
            reply = self.request("GET", f"/executions/{execution_id}/servers", limit="1000", **token)
            assert reply.status == 200, reply
            found += reply.body["servers"]
            if reply.body["nextToken"] is None:
                return found
            token = {"nextToken": reply.body["nextToken"]}

    # --- what a test looks at -------------------------------------------------------------------------------------
    def machine(self, execution_id: str) -> Execution:
        """The recover-plan execution of a run."""
        return next(one for one in self.engine.executions("recover-plan") if one.name == execution_id)

    def calls(self) -> dict[str, int]:
        """DRS calls so far, by operation."""
        operations = self.emulator.control.calls(detail=False)["operations"]
        return {name: sum(outcomes.values()) for name, outcomes in operations.items()}

    def fault(self, kind: str, **more: Any) -> None:
        """Make DRS fail from now on. `kind` is one of the emulator's, with `operation`, `count`, `region` and so on."""
        self.emulator.world.faults.add({"kind": kind, **more}, self.emulator.world.clock.now())

    def jobs(self, account: str = HUB, region: str = WEST) -> list[dict[str, Any]]:
        """Every DRS job of the target, newest first."""
        pages = self.emulator.client(account, region).get_paginator("describe_jobs").paginate(filters={})
        return [dict(job) for page in pages for job in page["items"]]

    def items(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table."""
        scan = self._table(table).meta.client.get_paginator("scan")
        return [dict(row) for page in scan.paginate(TableName=f"{STACK}-{table}") for row in page["Items"]]

    def put(self, table: str, item: Mapping[str, Any]) -> None:
        """Write a row as it is."""
        self._table(table).put_item(Item=dict(item))

    def delete(self, table: str, key: Mapping[str, Any]) -> None:
        """Delete a row."""
        self._table(table).delete_item(Key=dict(key))

    def _table(self, name: str) -> Any:
        return _table(f"{STACK}-{name}")


@functools.cache
def _table(name: str) -> Any:
    """Cached for all tests: creating one takes as long as ten requests."""
    return boto3.session.Session("ak", "sk").resource("dynamodb", region_name=WEST).Table(name)


def table_parameters(table: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a table that CreateTable takes."""
    names = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    return {name: table[name] for name in names if name in table}


def table_setting(logical_id: str) -> str:
    """The environment variable that names the table: RECOVERY_PLANS_TABLE of RecoveryPlans."""
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in logical_id).strip("_")
    return f"{words.upper()}_TABLE"


def account_of(access_key: str) -> str:
    """The account to which moto gave the key, as sts:GetAccessKeyInfo would return it."""
    if access_key.isdecimal() and len(access_key) == 12:
        return access_key
    for account_id, partitions in sts_backends.items():
        for backend in partitions.values():
            if backend.get_assumed_role_from_access_key(access_key):
                return str(account_id)
    raise LookupError(f"moto did not give out the key {access_key}")
