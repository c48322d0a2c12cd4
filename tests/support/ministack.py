"""MiniStack with and without the patches of the sandbox, with a stack that has one of each kind of resource."""

import functools
import json
import os
import sys
import time
import timeit
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from loopback.guard import SECRET_HEADER, make_secret
from sandbox.engine import WITHOUT
from sandbox.processes import LeashedProcess

ROOT = Path(__file__).resolve().parents[2]


ACCOUNT, REGION = "111122223333", "us-west-2"
# What every engine of these tests expects of its callers.
SECRET = make_secret()
# Twice as fast as real time since 1970, so that a simulated time is of another century.
SIMULATED_CLOCK = "2@0"


HANDLER = """
import os, sys
AHEAD = "boto3" in sys.modules

class CircuitOpen(Exception):
    pass

def handler(event, context):
    if event.get("raise"):
        raise CircuitOpen("not now")
    if event.get("import"):
        __import__(event["import"])
    if event.get("print"):
        print(event["print"])
    if "alarmData" in event:
        print("told of", event["alarmData"]["alarmName"], event["alarmData"]["state"]["value"])
    code = os.path.realpath(__file__)
    return {"pid": os.getpid(), "ahead": AHEAD, "value": os.environ.get(event.get("read", "")), "code": code}

def answer(event, context):
    return {"statusCode": 200, "body": event["httpMethod"]}
"""


def function(handler: str) -> dict[str, Any]:
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    code = {"ZipFile": HANDLER}
    properties = {"Runtime": "python3.12", "Handler": f"index.{handler}", "Role": role, "Code": code, "Timeout": 20}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


INTEGRATION = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": {
        "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Answer.Arn}/invocations",
    },
}


ANY = {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": INTEGRATION}}


REFUSALS = {
    "MISSING_AUTHENTICATION_TOKEN": {
        "statusCode": "404",
        "responseParameters": {"gatewayresponse.header.Content-Type": "'text/plain'"},
        "responseTemplates": {"application/json": "no way"},
    }
}


API = {
    "swagger": "2.0",
    "info": {"title": "toy", "version": "1"},
    "paths": {"/{proxy+}": ANY},
    "x-amazon-apigateway-gateway-responses": REFUSALS,
}


TEMPLATE = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
        },
        "Toy": function("handler"),
        "Answer": function("answer"),
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "toy", "Body": API}},
        "Deployment": {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": {"Ref": "Api"}}},
        "Stage": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "DeploymentId": {"Ref": "Deployment"},
                "StageName": "v1",
            },
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Toy", "Api")},
}


@dataclass(frozen=True)
class MiniStack:
    """A running MiniStack and the outputs of its stack."""

    url: str
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return client(self.url, service)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        reply = self.client("lambda").invoke(FunctionName=self.outputs["Toy"], Payload=json.dumps(event))
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
        return answer


@functools.cache
def client(url: str, service: str, session: boto3.Session | None = None) -> Any:
    """A client of MiniStack. Cached, because creating one takes longer than most tests."""
    session = session or boto3.Session(ACCOUNT, "test", SECRET, region_name=REGION)
    config = Config(proxies={}, retries={"total_max_attempts": 1})
    return session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]


@contextmanager
def run_ministack(folder: Path, port: int, without: str) -> Iterator[MiniStack]:
    """Run MiniStack without these patches (names, or `all`), with the stack deployed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AWS_SESSION_TOKEN": SECRET,
        "AUTH": "true",
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "DRS_WAVES_CLOCK": SIMULATED_CLOCK,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        WITHOUT: without,
    }
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sandbox.engine"]
    with LeashedProcess("engine", command, log=folder / "engine.log", env=environment, cwd=ROOT) as process:
        await_answer(f"{url}/_ministack/health", process)
        configuration = {"LocationConstraint": REGION}
        client(url, "s3").create_bucket(Bucket="toy", CreateBucketConfiguration=configuration)
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        client(url, "iam").create_role(RoleName="any", AssumeRolePolicyDocument=trust)
        stacks = client(url, "cloudformation")
        stacks.create_stack(StackName="toy", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM"])
        stacks.get_waiter("stack_create_complete").wait(StackName="toy", WaiterConfig={"Delay": 0.2})
        outputs = stacks.describe_stacks(StackName="toy")["Stacks"][0]["Outputs"]
        yield MiniStack(url, {output["OutputKey"]: output["OutputValue"] for output in outputs})


def await_answer(url: str, process: LeashedProcess) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, headers={SECRET_HEADER: SECRET}), timeout=10).close()
            return
        except OSError:
            assert process.returncode is None, process.log_tail()
            assert time.monotonic() < deadline, process.log_tail()
            time.sleep(0.05)


def deploy(engine: MiniStack, name: str, template: dict[str, Any]) -> str:
    stacks = engine.client("cloudformation")
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=capabilities)
    deadline = time.monotonic() + 60
    while (status := str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])).endswith("IN_PROGRESS"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return status


def run_machine(machines: Any, arn: str) -> tuple[str, Any]:
    """The status and the output of an execution of the machine."""
    execution = machines.start_execution(stateMachineArn=arn)["executionArn"]
    deadline = time.monotonic() + 60
    while (described := machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return described["status"], json.loads(described.get("output") or "null")


def assert_quicker(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    """Compare the best times. On a busy machine it takes a while until each has had a quiet moment."""
    best = [float("inf"), float("inf")]
    for tries in range(60):
        best = [min(found, timeit.timeit(call, number=1)) for found, call in zip(best, (one, other), strict=True)]
        if tries >= 5 and best[0] < best[1]:
            return
    raise AssertionError(f"at its best {best[0]:.3f} s against {best[1]:.3f} s")
