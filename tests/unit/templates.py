"""The templates of cfn/, read as CloudFormation and SAM read them."""

import copy
import functools
from pathlib import Path
from typing import Any

import yaml
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

CFN = Path(__file__).resolve().parents[2] / "cfn"
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


class _NoManagedPolicies:
    """Their list would be asked of IAM; the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


@functools.cache
def translated() -> dict[str, Any]:
    """The resources that CloudFormation would be given."""
    template = copy.deepcopy(load("template.yaml"))
    validator = SamTemplateValidator(template, _NoManagedPolicies(), region="us-west-2")
    found: dict[str, Any] = yaml.safe_load(validator.get_translated_template_if_valid())["Resources"]
    return found
