"""drs-waves runs in every partition that has DRS: no ARN, Region or principal is that of the partition aws alone."""

import ast
import json
import re
from pathlib import Path

import botocore.session
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recovery import regions
from tests.harness.asl import load as load_machine
from tests.harness.asl import placeholders
from tests.support.templates import CFN, rendered

ROOT = CFN.parent
OTHERS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
ON = {
    "ApiAccessLogs": "true",
    "AccessLogs": "true",
    "PostLaunchActions": "true",
    "KmsKeyArns": "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd",
    "AllowChecks": "true",
    "RunCommandDocuments": "arn:aws-us-gov:ssm:*::document/AWS-RunShellScript",
    "AutomationDocuments": "arn:aws-us-gov:ssm:*:111122223333:document/Shop-Freeze",
    "FunctionArns": "arn:aws-us-gov:lambda:*:111122223333:function:shop",
    "StateMachineArns": "arn:aws-us-gov:states:*:111122223333:stateMachine:shop",
    "EventBusArns": "arn:aws-us-gov:events:*:111122223333:event-bus/shop",
    "PassRoleArns": "arn:aws-us-gov:iam::111122223333:role/shop",
}
SESSION = botocore.session.Session()
DRS_REGIONS = [
    (partition, region)
    for partition in SESSION.get_available_partitions()
    for region in SESSION.get_available_regions("ec2", partition)
]


@pytest.mark.parametrize("partition", OTHERS)
@pytest.mark.parametrize("name", sorted(path.name for path in CFN.glob("*.yaml")))
def test_a_template_has_no_arn_of_another_partition(name: str, partition: str) -> None:
    text = json.dumps(rendered(name, partition, OTHERS[partition], **ON))
    assert not re.findall(r"arn:aws:[^\"]*", text)
    assert not re.findall(r"\b(?:us-west-2|amazonaws\.com/)[^\"]*", text)
    if (
        partition == "aws-cn"
    ):  # hosts, and the services that a key may be used through, have the suffix of the partition
        hosts = re.findall(r"[a-z]+\.cn-north-1\.amazonaws\.com[.a-z]*", text)
        assert all(host.endswith(".amazonaws.com.cn") for host in hosts), hosts


@pytest.mark.parametrize(
    "file", sorted((ROOT / "build" / "statemachines").glob("*.asl.json")), ids=lambda file: file.name
)
def test_a_machine_has_no_arn_of_another_partition(file: Path) -> None:
    text = json.dumps(load_machine(file, dict.fromkeys(placeholders(file), "aws-us-gov")))
    assert "arn:aws-us-gov:states:::" in text
    assert "arn:aws:" not in text


def test_the_code_of_the_functions_builds_no_arn_of_one_partition() -> None:
    """The ARNs that it uses come from the environment, from requests and from AWS. Examples of the API are no code."""
    for path in (ROOT / "lambdas").rglob("*.py"):
        if path.parent.name == "openapi" and "example" in path.name:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        forms = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "Form"]
        examples = {id(each) for form in forms for each in ast.walk(form)}
        texts = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in examples]
        assert not [text for text in texts if isinstance(text, str) and re.search(r"arn:aws[a-z-]*:", text)], path


def test_drs_is_in_no_partition_whose_ec2_has_another_principal() -> None:
    """In aws-cn a role for EC2 is passed to ec2.amazonaws.com.cn, which the target role does not name."""
    assert SESSION.get_available_regions("drs", "aws-cn") == []
    assert SESSION.get_available_regions("drs", "aws-us-gov")


# --- Regions ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("partition", "region"), DRS_REGIONS)
def test_every_region_that_botocore_knows_is_known_with_its_partition(partition: str, region: str) -> None:
    assert regions.find_partition(region) == partition


def test_opt_in_regions_are_those_of_aws_that_are_not_on_from_the_start() -> None:
    assert {region: regions.is_opt_in(region) for region in ("af-south-1", "eu-south-2", "mx-central-1")} == {
        "af-south-1": True,
        "eu-south-2": True,
        "mx-central-1": True,
    }
    for region in ("us-east-1", "sa-east-1", "ap-northeast-3", "us-gov-east-1", "cn-north-1", "Oregon"):
        assert not regions.is_opt_in(region)
    known = {region for partition, region in DRS_REGIONS if partition == "aws"}
    assert known >= regions._ENABLED_BY_DEFAULT
    assert len(regions._ENABLED_BY_DEFAULT) == 17


@given(st.sampled_from([region for _, region in DRS_REGIONS]), st.data())
def test_a_region_with_a_letter_too_few_is_unknown_and_has_a_suggestion(region: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(region) - 2))
    mistyped = region[:at] + region[at + 1 :]
    assume(mistyped not in {known for _, known in DRS_REGIONS} | {"us-iso-east-1"})  # us-isof-east-1 without its f
    assert regions.find_partition(mistyped) is None
    assert regions.suggest(mistyped) is not None
