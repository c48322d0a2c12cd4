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

from tests.support.templates import CFN, rendered

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
    return granted_by_role(KmsKeyArns=KEYS, PostLaunchActions="true")


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


def test_the_policies_are_within_the_quotas_of_iam_with_twenty_keys() -> None:
    """10,240 characters for all policies in a role, 6,144 for a managed policy. White space does not count."""
    keys = ",".join(f"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-{number:032}" for number in range(20))
    found = stack(KmsKeyArns=keys, partition="aws-us-gov")
    policies = found["TargetRole"]["Properties"]["Policies"]

    def size(policy: dict[str, Any]) -> int:
        return len(re.sub(r"\s", "", json.dumps(policy["PolicyDocument"])))

    assert 5_000 < sum(map(size, policies)) <= 10_240
    assert size(found["KeyPolicy"]["Properties"]) <= 6_144


def test_a_grant_covers_another_if_it_allows_all_of_it() -> None:
    """If the comparison found no difference, the tests above would pass without checking anything."""
    wide = Grant("ec2:RunInstances", "arn:aws:ec2:*:*:*", frozenset())
    narrow = Grant("ec2:RunInstances", "arn:aws:ec2:*:*:image/*", frozenset({"Bool aws:ViaAWSService true"}))
    assert wide.covers(narrow)
    assert not narrow.covers(wide)
    assert difference({wide, narrow}, {narrow}) == {wide}
    assert not Grant("ec2:StartInstances", "*", frozenset()).covers(narrow)
