"""The templates of cfn/, read as CloudFormation and SAM read them."""

import functools
from typing import Any

import yaml
from samcli.yamlhelper import yaml_parse

from scripts import translate
from scripts.translate import CFN

FUNCTION = "AWS::Serverless::Function"
MACHINE = "AWS::Serverless::StateMachine"
MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
TABLE_ARN = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${AWS::StackName}-"
"""What the ARN of a table begins with in template.yaml; its name in tables.yaml, without the stack, follows."""


@functools.cache
def load(name: str) -> dict[str, Any]:
    """A template with CloudFormation's short forms written out."""
    template: dict[str, Any] = yaml_parse((CFN / name).read_text())
    return template


def resources(kind: str, name: str = "template.yaml") -> dict[str, dict[str, Any]]:
    """Properties by logical id of every resource of the type."""
    found = load(name)["Resources"].items()
    return {key: resource["Properties"] for key, resource in found if resource["Type"] == kind}


def statements(policies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the policies of a role allow: those in it, and those that it refers to."""
    found = []
    for policy in policies:
        document = policy.get("PolicyDocument", policy)
        if "Ref" in policy:
            document = resources(MANAGED_POLICY)[policy["Ref"]]["PolicyDocument"]
        # Older versions of the language know no variables.
        assert document["Version"] == "2012-10-17", policy
        found += document["Statement"]
    assert {statement["Effect"] for statement in found} == {"Allow"}
    assert all(set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"} for statement in found)
    return found


@functools.cache
def translated(name: str = "template.yaml") -> dict[str, Any]:
    """The resources that CloudFormation receives from SAM."""
    found: dict[str, Any] = yaml.safe_load(translate.translate_template(name))["Resources"]
    return found
