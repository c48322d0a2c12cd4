"""The tables of a stack, when their Region or their stack is lost: fill a new stack from copies, or take them over.

Exit status: 0 done or nothing to do, 1 failed, 2 the command is not valid.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import boto3
import botocore.exceptions
import typer
from rich.console import Console
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.connection import FAILED, INVALID, Profile, RegionOption, end  # noqa: E402  # the root is needed first

TEMPLATE = ROOT / "cfn" / "tables.yaml"
COPIED = {"target-accounts": "accountId", "protection-groups": "groupId", "recovery-plans": "planId"}
"""What people have entered, and the key of each table: what can have a copy in another Region."""
LOCK = "activeExecutionId"  # says that a plan runs, in a Region that is lost

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, rich_markup_mode=None)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def copy(
    source: Annotated[str, typer.Option("--from", help="The stack whose tables, or copies of them, are there.")],
    target: Annotated[str, typer.Option("--to", help="The stack that is filled; it has to be deployed already.")],
    region: RegionOption = None,
    profile: Profile = None,
) -> None:
    """Copy accounts, groups and plans of one stack into another. What is there already is left as it is."""
    if source == target:
        end(INVALID, "--from and --to are the same stack")
    try:
        dynamodb = boto3.Session(profile_name=profile, region_name=region).client("dynamodb")
        for table, key in COPIED.items():
            copied = kept = 0
            for row in _rows(dynamodb, f"{source}-{table}"):
                if _put(dynamodb, f"{target}-{table}", key, {name: row[name] for name in row if name != LOCK}):
                    copied += 1
                else:
                    kept += 1
            console.print(f"{table}: {copied} copied, {kept} were there")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        end(FAILED, f"{error}; what was copied stays, and the command can be given again")


def _rows(dynamodb: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _put(dynamodb: Any, table: str, key: str, row: dict[str, Any]) -> bool:
    """Was it new?"""
    new = {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": key}}
    try:
        dynamodb.put_item(TableName=table, Item=row, **new)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


@app.command()
def adopt(
    stack: Annotated[str, typer.Option("--stack", help="The control plane whose tables are imported.")],
) -> None:
    """Print what CloudFormation needs to import tables that no stack owns any more. Changes nothing at AWS."""
    console.print_json(data=importing(stack))


def importing(stack: str) -> list[dict[str, Any]]:
    """Each table of cfn/tables.yaml, and the name that it has for the stack."""
    return [
        {
            "ResourceType": table["Type"],
            "LogicalResourceId": logical_id,
            "ResourceIdentifier": {
                "TableName": table["Properties"]["TableName"]["Fn::Sub"].replace("${ControlPlane}", stack)
            },
        }
        for logical_id, table in yaml_parse(TEMPLATE.read_text())["Resources"].items()
    ]


if __name__ == "__main__":
    app()
