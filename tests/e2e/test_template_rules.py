"""The rules of cfn/tables.yaml, as CloudFormation applies them before it creates anything."""

import itertools
import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from samcli.yamlhelper import yaml_parse

from sandbox.settings import REGION
from sandbox.stack import Sandbox

pytestmark = pytest.mark.e2e
TEMPLATE = yaml_parse((Path(__file__).resolve().parents[2] / "cfn" / "tables.yaml").read_text())
# The rules with something that costs no time to make.
RULES = json.dumps(
    {
        "Parameters": TEMPLATE["Parameters"],
        "Rules": TEMPLATE["Rules"],
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
)
KEY = "arn:aws:kms:us-west-2:111122223333:key/1234abcd"
ELSEWHERE = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"
NUMBERS = itertools.count()


def try_with(sandbox: Sandbox, parameters: dict[str, str]) -> None:
    name = f"rules-{next(NUMBERS)}"
    parameters = {"ControlPlane": "drs-waves", **parameters}
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    sandbox.client("cloudformation").create_stack(StackName=name, TemplateBody=RULES, Parameters=given)
    sandbox.client("cloudformation").delete_stack(StackName=name)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"ReplicaRegion": "eu-central-1"},
        {"KmsKeyArn": KEY},
        {"KmsKeyArn": KEY, "ReplicaRegion": "eu-central-1", "ReplicaKmsKeyArn": ELSEWHERE},
    ],
    ids=lambda parameters: "+".join(parameters) or "none",
)
def test_copies_and_keys_go_together(sandbox: Sandbox, parameters: dict[str, str]) -> None:
    try_with(sandbox, parameters)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"ReplicaRegion": REGION}, "another Region than the stack's own"),
        ({"KmsKeyArn": KEY, "ReplicaRegion": "eu-central-1"}, "a key in that Region is needed"),
        ({"ReplicaKmsKeyArn": ELSEWHERE}, "give all three"),
        ({"ReplicaKmsKeyArn": ELSEWHERE, "ReplicaRegion": "eu-central-1"}, "give all three"),
        ({"ReplicaRegion": "Frankfurt"}, "a Region, such as eu-central-1"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_made(
    sandbox: Sandbox, parameters: dict[str, str], why: str
) -> None:
    with pytest.raises(ClientError) as refused:
        try_with(sandbox, parameters)
    assert why in " ".join(str(refused.value).split())
