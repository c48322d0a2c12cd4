"""The sandbox as `drs-waves sandbox` uses it, with a toy template instead of the product."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from sandbox.settings import EXTERNAL_ID, HUB_ACCOUNT, TARGET_ACCOUNT, PortTaken, SandboxError
from sandbox.stack import Sandbox
from tests.support.processes import gone_within

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: v1, Auth: {DefaultAuthorizer: AWS_IAM}}
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: greet.handler
      CodeUri: ./code
      Environment: {Variables: {GREETING: !Ref Greeting}}
      Events:
        Any: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/{proxy+}", Method: ANY}}
Outputs:
  ApiUrl: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1"}
"""

HANDLER = """
import json, os

def handler(event, context):
    seen = {name: value for name, value in os.environ.items() if name.startswith(("GREETING", "AWS_ENDPOINT", "DRS_"))}
    return {"statusCode": 201, "body": json.dumps({"path": event["path"], "sent": event["body"], "env": seen})}
"""

TARGET_TEMPLATE = """
Parameters: {HubAccountId: {Type: String}, ExternalId: {Type: String}}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: toy
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {AWS: !Sub "arn:aws:iam::${HubAccountId}:root"}
            Action: sts:AssumeRole
            Condition: {StringEquals: {sts:ExternalId: !Ref ExternalId}}
Outputs: {RoleArn: {Value: !GetAtt Role.Arn}}
"""


@pytest.mark.parametrize("occupied", ["port", "drs_port"])
def test_a_taken_port_is_named_with_the_option_that_chooses_another(occupied: str, free_ports: list[int]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        ports = {"port": free_ports[0], "drs_port": free_ports[1], occupied: taken}
        options = {"port": "--port or DRS_WAVES_PORT", "drs_port": "--drs-port or DRS_WAVES_DRS_PORT"}
        sandbox = Sandbox(**ports, template=Path(__file__), tables_template=None, target_template=None)
        with pytest.raises(PortTaken, match=rf"(?s)Port {taken}\b.*{options[occupied]}"):
            sandbox.start()
        sandbox.stop()


def test_the_ports_can_be_chosen_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRS_WAVES_PORT", "4618")
    monkeypatch.setenv("DRS_WAVES_DRS_PORT", "4619")
    sandbox = Sandbox()
    assert (sandbox.engine_url, sandbox.drs_url) == ("http://127.0.0.1:4618", "http://127.0.0.1:4619")


def test_one_port_for_both_is_refused() -> None:
    with pytest.raises(SandboxError, match="must differ"):
        Sandbox(port=4618, drs_port=4618)


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(SandboxError, match=r"nowhere\.yaml does not exist"),
        Sandbox(template=tmp_path / "nowhere.yaml"),
    ):
        pass


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    (folder / "code").mkdir()
    (folder / "code" / "greet.py").write_text(HANDLER)
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "target.yaml").write_text(TARGET_TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def sandbox(toy: Path, free_ports: list[int]) -> Iterator[Sandbox]:
    with Sandbox(
        port=free_ports[0],
        drs_port=free_ports[1],
        speed=30,
        template=toy / "template.yaml",
        tables_template=None,
        target_template=toy / "target.yaml",
        parameters={"Greeting": "good day"},
        emulator=False,
    ) as running:
        yield running


@pytest.mark.e2e
def test_the_deployed_api_answers_a_signed_request(sandbox: Sandbox) -> None:
    reply = sandbox.request("POST", "/plans/web shop?dry=yes", {"mode": "DRILL"})
    assert reply.status == 201
    assert reply.body["path"] == "/plans/web shop"
    assert reply.body["sent"] == '{"mode": "DRILL"}'


@pytest.mark.e2e
def test_functions_learn_of_the_sandbox_only_from_their_surroundings(sandbox: Sandbox) -> None:
    environment = sandbox.request("GET", "/").body
    # The root of a `{proxy+}` API is no route, as on AWS.
    assert environment == {"message": "Missing Authentication Token"}
    environment = sandbox.request("GET", "/plans").body["env"]
    assert environment["GREETING"] == "good day"
    for service in ("DRS", "SSM", "EC2", "ELASTIC_LOAD_BALANCING_V2", "IAM", "SERVICE_QUOTAS"):
        assert environment[f"AWS_ENDPOINT_URL_{service}"] == sandbox.drs_url
    assert environment["AWS_ENDPOINT_URL"] == sandbox.engine_url
    assert environment["DRS_WAVES_CLOCK"] == f"30@{sandbox.origin:.3f}"


@pytest.mark.e2e
def test_the_role_of_the_target_account_needs_the_right_external_id(sandbox: Sandbox) -> None:
    sts = sandbox.client("sts")
    role = sandbox.target_roles[TARGET_ACCOUNT]
    assert role.split(":")[4] == TARGET_ACCOUNT
    key = sts.assume_role(RoleArn=role, RoleSessionName="toy", ExternalId=EXTERNAL_ID)["Credentials"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == TARGET_ACCOUNT
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        sts.assume_role(RoleArn=role, RoleSessionName="toy", ExternalId="wrong")


@pytest.mark.e2e
def test_an_account_that_is_added_has_the_role_to_assume(sandbox: Sandbox) -> None:
    for _ in range(2):
        sandbox.add_target_account("777788889999")
    role = sandbox.target_roles["777788889999"]
    assert role.split(":")[4] == "777788889999"
    given = sandbox.client("sts").assume_role(RoleArn=role, RoleSessionName="toy", ExternalId=EXTERNAL_ID)
    key = given["Credentials"]["AccessKeyId"]
    assert sandbox.client("sts").get_access_key_info(AccessKeyId=key)["Account"] == "777788889999"


@pytest.mark.e2e
def test_clients_are_of_the_account_and_region_they_are_asked_for(sandbox: Sandbox) -> None:
    assert sandbox.client("sts").get_caller_identity()["Account"] == HUB_ACCOUNT
    assert sandbox.client("sts", account=TARGET_ACCOUNT).get_caller_identity()["Account"] == TARGET_ACCOUNT
    assert sandbox.client("ec2", region="eu-west-1").meta.region_name == "eu-west-1"


@pytest.mark.e2e
def test_a_deploy_that_fails_says_why_and_leaves_nothing_running(toy: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sandbox = Sandbox(
        port=port,
        drs_port=port + 1,
        template=toy / "template.yaml",
        tables_template=None,
        target_template=None,
        emulator=False,
    )
    seen: list[int] = []
    run = sandbox._run

    def run_and_note(*args: object) -> object:
        process = run(*args)  # type: ignore[arg-type]
        if process is not None:
            seen.append(process._supervisor.pid)
        return process

    sandbox._run = run_and_note  # type: ignore[method-assign,assignment]
    with pytest.raises(SandboxError, match="Greeting"), sandbox:
        pass
    assert len(seen) == 2
    assert gone_within(60, seen)
