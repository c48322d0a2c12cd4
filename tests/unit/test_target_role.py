"""The target role, compared with AWS's own policies for people who use DRS.

DRS works in EC2 and Systems Manager with the permissions of its caller. If one is missing, DRS does not refuse the job:
it completes, and its servers have failed. AWS keeps two managed policies up to date with what DRS needs. Their text is
in moto. docs/iam.md has a reason for everything that the role grants and they do not, and the other way round.
"""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import cfnlint
import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from recovery.target_services import automation
from tests.support.call_graph import asked_by_room
from tests.support.templates import CFN, FOR_CHECKS_AND_ACTIONS, load, rendered

CONSOLE, LAUNCH_ACTIONS = (
    "AWSElasticDisasterRecoveryConsoleFullAccess_v2",
    "AWSElasticDisasterRecoveryLaunchActionsPolicy",
)
AWS_POLICIES: dict[str, Any] = {
    name: policy for name, policy in json.loads(aws_managed_policies_data).items() if name in (CONSOLE, LAUNCH_ACTIONS)
}
SECTION = (
    (CFN.parent / "docs" / "iam.md")
    .read_text()
    .partition("\n## The target role and AWS's policies\n")[2]
    .partition("\n## ")[0]
)
LEFT_OUT, BEYOND = "### Left out", "### Granted beyond AWS's policies"
# The Service Authorization Reference, as cfn-lint has it: by service and action, the kinds of its resources.
REFERENCE: dict[str, Any] = json.loads(
    (Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json").read_text()
)
KEYS = "arn:aws:kms:us-west-2:111122223333:key/1234abcd"


class Grant(NamedTuple):
    """An action on a resource, under conditions, each as `operator key values`."""

    action: str
    resource: str
    conditions: frozenset[str]

    @property
    def on(self) -> str:
        """The resource as the tables of docs/iam.md name it: without service, Region and account."""
        return self.resource.split(":", 5)[5] if self.resource.startswith("arn:") else self.resource

    @property
    def means_something(self) -> bool:
        """Whether IAM checks the action on resources of this kind: RunInstances on an image, but not on a fleet."""
        service, action = self.action.lower().split(":")
        kinds = REFERENCE[service]["Actions"].get(action, {}).get("Resources", [])
        return service != "ec2" or self.resource == "*" or re.split("[/:]", self.on)[0] in kinds

    def covers(self, other: "Grant") -> bool:
        """Whether whoever has this grant can do all that the other one allows."""
        return (
            fnmatchcase(other.action.lower(), self.action.lower())
            and fnmatchcase(other.resource, self.resource)
            and self.conditions <= other.conditions
        )


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def grants(document: dict[str, Any]) -> set[Grant]:
    found = set[Grant]()
    for statement in document["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Allow"
        # IAM takes any of several values, so each alone is a grant of its own.
        options: list[frozenset[str]] = [frozenset()]
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                options = [one | {f"{operator} {key} {value}"} for one in options for value in listed(values)]
        found |= {
            Grant(action, resource, option)
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            for option in options
        }
    return found


def stack(**parameters: str) -> dict[str, Any]:
    """The resources of the target account's stack."""
    return rendered("target_account.yaml", HubAccountId="111122223333", **parameters)


def role(**parameters: str) -> dict[str, Any]:
    properties: dict[str, Any] = stack(**parameters)["TargetRole"]["Properties"]
    return properties


def granted_by_role(**parameters: str) -> set[Grant]:
    policies = {f"<{key}>": each["Properties"] for key, each in stack(**parameters).items()}
    documents = [policy["PolicyDocument"] for policy in role(**parameters)["Policies"]]
    for arn in role(**parameters)["ManagedPolicyArns"]:
        document = (
            policies[arn]["PolicyDocument"] if arn in policies else AWS_POLICIES[arn.rpartition("/")[2]]["Document"]
        )
        documents.append(document)
    return {grant for grant in set[Grant]().union(*map(grants, documents)) if grant.means_something}


def everything() -> set[Grant]:
    return granted_by_role(KmsKeyArns=KEYS, PostLaunchActions="true", **FOR_CHECKS_AND_ACTIONS)


def granted_by_aws() -> set[Grant]:
    return set.union(*(grants(policy["Document"]) for policy in AWS_POLICIES.values()))


def difference(these: set[Grant], those: set[Grant]) -> set[Grant]:
    """What these allow and those do not."""
    return {grant for grant in these if not any(other.covers(grant) for other in those)}


def reasons(heading: str) -> list[tuple[list[str], list[str], str]]:
    """The rows of a table: patterns of actions, patterns of resources, and the reason."""
    text = SECTION.partition(f"{heading}\n")[2].partition("\n### ")[0]
    _, _, *rows = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    return [(re.findall(r"`([^`]+)`", actions), re.findall(r"`([^`]+)`", on), reason) for actions, on, reason in cells]


def rows_about(grant: Grant, table: list[tuple[list[str], list[str], str]]) -> list[int]:
    return [
        number
        for number, (actions, on, _) in enumerate(table)
        if grant.action in actions and any(fnmatchcase(grant.on, pattern) for pattern in on)
    ]


@pytest.mark.parametrize(
    ("heading", "differing"),
    [(LEFT_OUT, difference(granted_by_aws(), everything())), (BEYOND, difference(everything(), granted_by_aws()))],
    ids=["left out", "beyond"],
)
def test_every_difference_from_the_policies_of_aws_has_a_reason_and_every_reason_a_difference(
    heading: str, differing: set[Grant]
) -> None:
    table = reasons(heading)
    assert differing
    for grant in sorted(differing):
        why = next((table[row][2] for row in rows_about(grant, table)), "")
        parts = (heading, f"{grant.action} on {grant.on}", *sorted(grant.conditions), why)
        print(" | ".join(parts))  # noqa: T201 - pytest -rP shows it
    without = sorted(f"{each.action} on {each.on}" for each in differing if not rows_about(each, table))
    assert not without, f"docs/iam.md gives no reason for: {without}"
    for actions, on, reason in table:
        assert reason.endswith("."), actions
        for action in actions:
            about = [
                each for each in differing if each.action == action and any(fnmatchcase(each.on, one) for one in on)
            ]
            assert about, f"docs/iam.md gives a reason for {action} on {on}, which does not differ"
        for pattern in on:
            about = [each for each in differing if each.action in actions and fnmatchcase(each.on, pattern)]
            assert about, f"docs/iam.md gives a reason for {actions} on {pattern}, which does not differ"


def test_the_page_names_the_versions_of_the_policies_that_were_compared() -> None:
    """So that a new version of a policy is read before it is accepted."""
    for name, policy in AWS_POLICIES.items():
        assert f"`{name}` ({policy['DefaultVersionId']} of {policy['UpdateDate'][:10]})" in SECTION


def test_drs_is_allowed_in_its_own_service_what_aws_allows_it_without_a_condition() -> None:
    """Nobody has seen that DRS's calls of itself, in its caller's name, fulfil a condition."""
    mine = granted_by_role()
    for action in ("CreateRecoveryInstanceForDrs", "ListTagsForResource", "DescribeReplicationConfigurationTemplates"):
        assert Grant(f"drs:{action}", "*", frozenset()) in mine


def test_each_action_of_drs_exists() -> None:
    """IAM accepts any name, and cfn-lint knows only older ones."""
    operations = set(botocore.session.get_session().get_service_model("drs").operation_names)
    # The only one of them that is no operation of the API (Service Authorization Reference).
    for_drs = {"CreateRecoveryInstanceForDrs"}
    names = {grant.action.removeprefix("drs:") for grant in everything() if grant.action.startswith("drs:")}
    assert names - operations == for_drs


def test_keys_are_used_only_if_they_are_named_and_by_grants_only_for_aws() -> None:
    assert {grant.action for grant in granted_by_role() if grant.action.startswith("kms:")} == {"kms:DescribeKey"}
    two = f"{KEYS},{KEYS}2"
    on_keys = {
        grant for grant in granted_by_role(KmsKeyArns=two) if grant.action.startswith("kms:") and grant.resource != "*"
    }
    assert {grant.resource for grant in on_keys} == set(two.split(","))
    assert {grant.conditions for grant in on_keys if grant.action == "kms:CreateGrant"} == {
        frozenset({"Bool kms:GrantIsForAWSResource true"})
    }


def test_systems_manager_is_used_only_if_a_parameter_says_so() -> None:
    assert not [grant for grant in granted_by_role() if grant.action.startswith("ssm:")]
    assert role()["ManagedPolicyArns"] == []
    assert role(PostLaunchActions="true", partition="aws-us-gov")["ManagedPolicyArns"] == [
        f"arn:aws-us-gov:iam::aws:policy/{LAUNCH_ACTIONS}"
    ]


EVERYTHING = {**FOR_CHECKS_AND_ACTIONS, "AllowDeepReadiness": "true", "AllowCapacityReservations": "true"}


# --- checks and actions -------------------------------------------------------------------------------------------
def granted_for(**parameters: str) -> set[Grant]:
    """What these parameters add."""
    return granted_by_role(**parameters) - granted_by_role()


def actions_of(these: set[Grant]) -> set[str]:
    return {grant.action for grant in these}


def test_the_role_permits_what_checks_and_actions_call_if_parameters_say_so_and_nothing_by_default() -> None:
    asked = asked_by_room("recovery.target_services")
    assert len(asked) > 15
    # Automations are passed their roles by AWS. The launch configuration is DRS's own.
    assert actions_of(granted_for(**FOR_CHECKS_AND_ACTIONS)) - asked == {
        "iam:PassRole",
        "drs:UpdateLaunchConfiguration",
        "ec2:CreateTags",
    }
    assert asked <= actions_of(granted_by_role(**EVERYTHING))
    # DRS itself looks at status checks, templates and networks, so the role permits that always; and it writes versions
    # of templates, which the role permits to AWS services alone.
    by_default = {grant for grant in granted_by_role() if grant.action in asked}
    writes = {grant for grant in by_default if not grant.action.partition(":")[2].startswith(("Describe", "List"))}
    assert all("Bool aws:ViaAWSService true" in grant.conditions for grant in writes)
    assert actions_of(writes) == {
        *("ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplateVersions", "ec2:ModifyLaunchTemplate")
    }


@pytest.mark.parametrize(
    ("parameter", "actions"),
    [
        ("AllowChecks", {"elasticloadbalancing:DescribeTargetHealth", "ssm:DescribeInstanceInformation"}),
        ("AllowCapacityReservations", {"ec2:CancelCapacityReservation", "ec2:CreateCapacityReservation"}),
        (
            "AllowDeepReadiness",
            {
                "ec2:DescribeNetworkAcls",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeRouteTables",
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribeVpcPeeringConnections",
                "ec2:DescribeVpcs",
                "iam:GetInstanceProfile",
            },
        ),
        (
            "AllowCapacityReservations",
            {"ec2:CancelCapacityReservation", "ec2:CreateCapacityReservation", "ec2:CreateTags"},
        ),
        (
            "AllowLaunchProfiles",
            {"drs:UpdateLaunchConfiguration", "ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplateVersions"}
            | {"ec2:ModifyLaunchTemplate"},
        ),
        (
            "RunCommandDocuments",
            {"ssm:CancelCommand", "ssm:DescribeDocument", "ssm:SendCommand"}
            | {"ssm:ListCommandInvocations", "ssm:ListCommands"},
        ),
        (
            "AutomationDocuments",
            {"ssm:AddTagsToResource", "ssm:DescribeDocument", "ssm:StartAutomationExecution"}
            | {"ssm:DescribeAutomationExecutions", "ssm:GetAutomationExecution", "ssm:StopAutomationExecution"},
        ),
        ("PassRoleArns", set()),
        ("FunctionArns", {"lambda:GetFunctionConfiguration", "lambda:InvokeFunction"}),
        (
            "StateMachineArns",
            {
                "states:DescribeExecution",
                "states:DescribeStateMachine",
                "states:StartExecution",
                "states:StopExecution",
            },
        ),
        ("EventBusArns", {"events:DescribeEventBus", "events:PutEvents"}),
    ],
)
def test_a_parameter_alone_permits_the_calls_that_it_stands_for(parameter: str, actions: set[str]) -> None:
    alone = granted_for(**{parameter: EVERYTHING[parameter]})
    assert actions_of(alone) - {"ec2:DescribeInstanceStatus"} == actions


def test_what_is_started_is_what_a_parameter_names() -> None:
    found: dict[str, set[str]] = {}
    for grant in granted_for(**FOR_CHECKS_AND_ACTIONS):
        found.setdefault(grant.action, set()).add(grant.resource)
    own = "arn:aws:ssm:*:111122223333"
    assert found["ssm:SendCommand"] == {
        "arn:aws:ec2:*:111122223333:instance/*",
        *FOR_CHECKS_AND_ACTIONS["RunCommandDocuments"].split(","),
    }
    assert found["ssm:StartAutomationExecution"] == {
        f"{own}:document/Shop-Freeze",
        f"{own}:automation-definition/Shop-Freeze:*",
        f"{own}:automation-execution/*",
    }
    function = FOR_CHECKS_AND_ACTIONS["FunctionArns"]
    assert found["lambda:InvokeFunction"] == {function, f"{function}:*"}
    assert found["states:StartExecution"] == {FOR_CHECKS_AND_ACTIONS["StateMachineArns"]}
    assert found["states:StopExecution"] == {"arn:aws:states:us-west-2:111122223333:execution:Shop-Promote:*"}
    assert found["events:PutEvents"] == {FOR_CHECKS_AND_ACTIONS["EventBusArns"]}
    assert found["iam:PassRole"] == {FOR_CHECKS_AND_ACTIONS["PassRoleArns"]}


def test_several_names_in_a_parameter_are_each_written_out() -> None:
    machines = [f"arn:aws:states:us-west-2:111122223333:stateMachine:Shop-{number}" for number in (1, 2)]
    documents = [f"arn:aws:ssm:*:111122223333:document/Shop-{number}" for number in (1, 2)]
    found = granted_for(StateMachineArns=",".join(machines), AutomationDocuments=",".join(documents))
    on = {grant.resource for grant in found}
    assert {f"{each.replace(':stateMachine:', ':execution:')}:*" for each in machines} <= on
    assert {f"{each.replace('document/', 'automation-definition/')}:*" for each in documents} <= on


def test_commands_reach_only_instances_of_drs_and_only_own_automations_are_read_and_stopped() -> None:
    found = granted_for(**FOR_CHECKS_AND_ACTIONS)
    for action, on, condition in (
        ("ssm:SendCommand", "instance/*", "Null aws:ResourceTag/AWSElasticDisasterRecoveryManaged false"),
        ("ssm:GetAutomationExecution", "automation-execution/*", f"Null aws:ResourceTag/{automation.OWN_TAG} false"),
        ("ssm:StopAutomationExecution", "automation-execution/*", f"Null aws:ResourceTag/{automation.OWN_TAG} false"),
        ("iam:PassRole", "role/*", "StringEquals iam:PassedToService ssm.amazonaws.com"),
    ):
        these = [grant for grant in found if grant.action == action and fnmatchcase(grant.on, on)]
        assert these
        assert all(condition in grant.conditions for grant in these), action


@pytest.mark.parametrize("name", sorted(FOR_CHECKS_AND_ACTIONS))
def test_a_parameter_takes_what_the_page_shows_and_no_wildcard_for_a_name(name: str) -> None:
    parameter = load("target_account.yaml")["Parameters"][name]
    assert parameter["Default"] in ("", "false")
    if "AllowedPattern" not in parameter:
        return
    for arn in FOR_CHECKS_AND_ACTIONS[name].split(","):
        assert re.fullmatch(parameter["AllowedPattern"], arn)
        assert re.fullmatch(parameter["AllowedPattern"], "")
        assert not re.fullmatch(parameter["AllowedPattern"], re.split("[:/]", arn)[-1])
        assert not re.fullmatch(parameter["AllowedPattern"], arn[: -len(re.split("[:/]", arn)[-1])] + "*")


def test_the_policies_are_within_the_quotas_of_iam_with_twenty_keys_and_ten_names_in_each_parameter() -> None:
    """10,240 characters for all policies in a role, 6,144 for a managed policy. White space does not count."""
    keys = ",".join(f"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-{number:032}" for number in range(20))
    kinds = {
        "RunCommandDocuments": "document/",
        "AutomationDocuments": "document/",
        "PassRoleArns": "role/",
        "FunctionArns": "function:",
        "StateMachineArns": "stateMachine:",
        "EventBusArns": "event-bus/",
    }
    begin = "arn:aws-us-gov:states:us-gov-west-1:111122223333:"
    ten = {name: ",".join(f"{begin}{kind}{number:040}" for number in range(10)) for name, kind in kinds.items()}
    found = stack(KmsKeyArns=keys, partition="aws-us-gov", AllowChecks="true", **ten)
    policies = found["TargetRole"]["Properties"]["Policies"]

    def size(policy: dict[str, Any]) -> int:
        return len(re.sub(r"\s", "", json.dumps(policy["PolicyDocument"])))

    assert 5_000 < sum(map(size, policies)) <= 10_240
    managed = {name: size(each["Properties"]) for name, each in found.items() if name.endswith("Policy")}
    assert len(managed) == 7
    assert max(managed.values()) <= 6_144, managed
    # More than ten managed policies on a role need a higher quota of IAM.
    assert len(role(KmsKeyArns=keys, PostLaunchActions="true", **FOR_CHECKS_AND_ACTIONS)["ManagedPolicyArns"]) <= 10


def test_a_grant_covers_another_if_it_allows_all_of_it() -> None:
    """If the comparison found no difference, the tests above would pass without checking anything."""
    wide = Grant("ec2:RunInstances", "arn:aws:ec2:*:*:*", frozenset())
    narrow = Grant("ec2:RunInstances", "arn:aws:ec2:*:*:image/*", frozenset({"Bool aws:ViaAWSService true"}))
    assert wide.covers(narrow)
    assert not narrow.covers(wide)
    assert difference({wide, narrow}, {narrow}) == {wide}
    assert not Grant("ec2:StartInstances", "*", frozenset()).covers(narrow)
