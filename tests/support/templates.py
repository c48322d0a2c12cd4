"""The templates of cfn/, read as CloudFormation and SAM read them."""

import functools
from typing import Any

import yaml
from samcli.yamlhelper import yaml_parse

from scripts import translate
from scripts.translate import CFN

FUNCTION = "AWS::Serverless::Function"
MACHINE = "AWS::Serverless::StateMachine"


@functools.cache
def load(name: str) -> dict[str, Any]:
    """A template with CloudFormation's short forms written out."""
    template: dict[str, Any] = yaml_parse((CFN / name).read_text())
    return template


def resources(kind: str, name: str = "template.yaml") -> dict[str, dict[str, Any]]:
    """Properties by logical id of every resource of the type."""
    found = load(name)["Resources"].items()
    return {key: resource["Properties"] for key, resource in found if resource["Type"] == kind}


@functools.cache
def translated() -> dict[str, Any]:
    """The resources that CloudFormation would be given."""
    found: dict[str, Any] = yaml.safe_load(translate.translated())["Resources"]
    return found
