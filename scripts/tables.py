"""The tables of a stack, when their Region or their stack is lost: fill a new stack from copies, or take them over.

Exit status: 0 done or nothing to do, 1 failed, 2 the command is not valid.
"""

import json
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

TEMPLATE = ROOT / "cfn" / "template.yaml"
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
    stack: Annotated[str, typer.Option("--stack", help="The name that the stack had, and is to have again.")],
    folder: Annotated[Path, typer.Option("--to", file_okay=False, help="Where template.json and resources.json go.")],
) -> None:
    """Write what CloudFormation needs to import the tables that a deleted stack has left. Changes nothing at AWS."""
    template, resources = importing(stack)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"template.json": template, "resources.json": resources}.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    console.print(f"wrote {folder}/template.json and {folder}/resources.json for {len(resources)} tables of {stack}")


def importing(stack: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The tables of cfn/template.yaml alone, as a template, and which table of the stack each of them is."""
    whole = yaml_parse(TEMPLATE.read_text())
    tables = {
        logical_id: resource
        for logical_id, resource in whole["Resources"].items()
        if resource["Type"] in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
    }
    kept = {name: whole[name] for name in ("AWSTemplateFormatVersion", "Rules", "Conditions")}
    used = json.dumps([kept, tables])
    parameters = {name: each for name, each in whole["Parameters"].items() if f'"{name}"' in used}
    resources = [
        {
            "ResourceType": table["Type"],
            "LogicalResourceId": logical_id,
            "ResourceIdentifier": {
                "TableName": table["Properties"]["TableName"]["Fn::Sub"].replace("${AWS::StackName}", stack)
            },
        }
        for logical_id, table in tables.items()
    ]
    return {**kept, "Parameters": parameters, "Resources": tables}, resources


if __name__ == "__main__":
    app()
