"""The templates of cfn/, read as CloudFormation and SAM read them."""

import functools
import re
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


FOR_CHECKS_AND_ACTIONS = {
    "AllowChecks": "true",
    "AllowDeepReadiness": "true",
    "AllowCapacityReservations": "true",
    "AllowLaunchProfiles": "true",
    "RunCommandDocuments": "arn:aws:ssm:*::document/AWS-RunShellScript,arn:aws:ssm:*:111122223333:document/Shop-Check",
    "AutomationDocuments": "arn:aws:ssm:*:111122223333:document/Shop-Freeze",
    "PassRoleArns": "arn:aws:iam::111122223333:role/shop-automation",
    "FunctionArns": "arn:aws:lambda:us-west-2:111122223333:function:shop-smoke",
    "StateMachineArns": "arn:aws:states:us-west-2:111122223333:stateMachine:Shop-Promote",
    "EventBusArns": "arn:aws:events:us-west-2:111122223333:event-bus/shop",
}
"""Values of the parameters of target_account.yaml that permit what checks and actions call."""


@functools.cache
def translated_template(name: str, region: str = "us-west-2") -> dict[str, Any]:
    """The template that CloudFormation receives from SAM in this Region."""
    found: dict[str, Any] = yaml.safe_load(translate.translate_template(name, region))
    return found


def translated(name: str = "template.yaml") -> dict[str, Any]:
    """The resources that CloudFormation receives from SAM."""
    found: dict[str, Any] = translated_template(name)["Resources"]
    return found


def rendered(name: str, partition: str = "aws", region: str = "us-west-2", **parameters: str) -> dict[str, Any]:
    """The template with its conditions, parameters and pseudo parameters filled in, as CloudFormation does.

    A reference to a resource stays as `<LogicalId>` or `<LogicalId.Attribute>`. A parameter without a value and a
    default becomes `<Name>`. What a condition leaves out is left out.
    """
    template = translated_template(name, region) if "Transform" in load(name) else load(name)
    values: dict[str, Any] = {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": "111122223333",
        "AWS::StackName": "drs-waves-test",
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }
    for key, parameter in template.get("Parameters", {}).items():
        value = str(parameters.get(key, parameter.get("Default", f"<{key}>")))
        values[key] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
    conditions = template.get("Conditions", {})
    return {
        key: _fill(resource, values, conditions)
        for key, resource in template["Resources"].items()
        if _holds(resource.get("Condition"), values, conditions)
    }


def _holds(condition: str | None, values: dict[str, Any], conditions: dict[str, Any]) -> bool:
    return condition is None or bool(_fill(conditions[condition], values, conditions))


_NOTHING = object()


def _fill(node: Any, values: dict[str, Any], conditions: dict[str, Any]) -> Any:
    def fill(part: Any) -> Any:
        return _fill(part, values, conditions)

    if isinstance(node, list):
        return [each for each in map(fill, node) if each is not _NOTHING]
    if not isinstance(node, dict):
        return node
    if len(node) != 1:
        return {key: value for key, part in node.items() if (value := fill(part)) is not _NOTHING}
    ((how, what),) = node.items()
    match how:
        case "Ref":
            return _NOTHING if what == "AWS::NoValue" else values.get(what, f"<{what}>")
        case "Fn::GetAtt":
            return f"<{'.'.join(what) if isinstance(what, list) else what}>"
        case "Fn::Sub":
            text, own = (
                (what, {}) if isinstance(what, str) else (what[0], {key: fill(each) for key, each in what[1].items()})
            )
            return re.sub(r"\$\{([^!}]+)\}", lambda name: str({**values, **own}.get(name[1], f"<{name[1]}>")), text)
        case "Fn::If":
            return fill(what[1] if _holds(what[0], values, conditions) else what[2])
        case "Fn::Equals":
            return fill(what[0]) == fill(what[1])
        case "Fn::Not":
            return not fill(what[0])
        case "Fn::And":
            return all(map(fill, what))
        case "Fn::Or":
            return any(map(fill, what))
        case "Fn::Split":
            return fill(what[1]).split(what[0])
        case "Fn::Join":
            return what[0].join(fill(what[1]))
        case "Condition" if isinstance(what, str) and what in conditions:
            return _holds(what, values, conditions)
        case "Fn::FindInMap":
            raise NotImplementedError(how)
    return {how: filled} if (filled := fill(what)) is not _NOTHING else {}
