"""The commands of the group `tables`, for a stack or a Region that is lost: copy and adopt."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import checkout
from cli.commands.arguments import CommandGroup
from cli.connection import Profile, Region
from cli.terminal import FAILED, INVALID, console, end, print_json
from recovery.free_text import flatten

app = CommandGroup(no_args_is_help=True, help="The tables of a lost stack: copy or adopt them.")

# The tables that can have a replica in another Region, and their keys. They hold what planners enter.
COPIED_TABLES = {"target-accounts": "accountId", "protection-groups": "groupId", "recovery-plans": "planId"}
LOCK = "activeExecutionId"  # marks a plan as running, in a Region that is lost
OF_RUNS = (LOCK, "lastReadiness", "standing")  # what runs of the lost stack have left in rows of plans


@app.command(epilog="Example: drs-waves tables copy --from drs-waves-prod --to drs-waves-new --region eu-central-1")
def copy(
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="STACK", help="The stack whose tables, or their replicas, exist in this Region."
        ),
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="STACK", help="The stack to fill. It must be deployed already.")
    ],
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Copy accounts, groups and plans from one stack to another. Rows that exist already stay as they are."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    if source == target:
        end(INVALID, "--from and --to are the same stack")
    try:
        dynamodb = boto3.Session(profile_name=profile, region_name=region).client("dynamodb")
        for table, key in COPIED_TABLES.items():
            copied = kept = 0
            for row in _list_rows(dynamodb, f"{source}-{table}"):
                if _put_if_new(
                    dynamodb, f"{target}-{table}", key, {name: row[name] for name in row if name not in OF_RUNS}
                ):
                    copied += 1
                else:
                    kept += 1
            console().print(f"{table}: {copied} copied, {kept} existed already")
    except (BotoCoreError, ClientError) as error:
        end(FAILED, f"{flatten(error)}; what was copied stays, and you can repeat the command")


def _list_rows(dynamodb: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _put_if_new(dynamodb: Any, table: str, key: str, row: dict[str, Any]) -> bool:
    """Write the row unless its key exists already, and return whether it was written."""
    new = {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": key}}
    try:
        dynamodb.put_item(TableName=table, Item=row, **new)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


@app.command(
    epilog="Example: drs-waves tables adopt --stack drs-waves --account 111122223333 --region eu-west-1 > adopt.json"
)
def adopt(
    stack: Annotated[
        str, typer.Option("--stack", metavar="STACK", help="The control plane whose tables are imported.")
    ],
    account: Annotated[
        str, typer.Option("--account", metavar="ACCOUNT", help="The account that it is in, for the bucket of evidence.")
    ],
    region: Annotated[str, typer.Option("--region", metavar="REGION", help="The Region that it is in.")],
    signing_key: Annotated[
        str | None,
        typer.Option(
            "--signing-key",
            metavar="KEY",
            help="The id of the key that signs evidence, if the stack had SignEvidence=true.",
        ),
    ] = None,
) -> None:
    """Print what CloudFormation needs to import the tables.

    The tables, the bucket of evidence and its key are those that no stack owns. This changes nothing on AWS.
    """
    checkout.require_checkout("`tables adopt`")
    print_json(list_importable(stack, account, region, signing_key))


def list_importable(stack: str, account: str, region: str, signing_key: str | None = None) -> list[dict[str, Any]]:
    """Each resource of cfn/tables.yaml, and what names it: its name in the stack, or the id of the key."""
    bucket = f"{stack}-{account}-{region}"
    named: dict[str, dict[str, str | None]] = {
        "AWS::S3::Bucket": {"BucketName": bucket},
        "AWS::S3::BucketPolicy": {"Bucket": bucket},
        "AWS::KMS::Key": {"KeyId": signing_key},
        "AWS::KMS::Alias": {"AliasName": f"alias/{stack}-evidence"},
    }
    found = []
    for logical_id, resource in read_template(checkout.ROOT / "cfn" / "tables.yaml")["Resources"].items():
        if "Condition" in resource and signing_key is None:
            continue
        identifier = named.get(resource["Type"])
        if identifier is None:
            name = resource["Properties"]["TableName"]["Fn::Sub"].replace("${ControlPlane}", stack)
            identifier = {"TableName": name}
        found.append(
            {
                "ResourceType": resource["Type"],
                "LogicalResourceId": logical_id,
                "ResourceIdentifier": identifier,
            }
        )
    return found


def read_template(path: Path) -> dict[str, Any]:
    """A CloudFormation template with its short forms spelt out: `!Ref X` is `{"Ref": "X"}`."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def construct(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            value: Any = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        elif isinstance(node, yaml.MappingNode):
            value = loader.construct_mapping(node, deep=True)
        if name == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}

    Loader.add_multi_constructor("!", construct)
    template: dict[str, Any] = yaml.load(path.read_text(), Loader)  # noqa: S506  # a SafeLoader of a file of ours
    return template
