"""Deploys the templates to the engine: with sam if they need it, otherwise as plain stacks."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox import networks, shop
from sandbox.settings import EXTERNAL_ID, HUB_ACCOUNT, PARAMETERS, REGION, STACK_NAME, TARGET_STACK_NAME

BUCKET = "drs-waves-sandbox-artifacts"


def create_bucket(s3: Any) -> None:
    """Create the bucket that sam uploads to."""
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


def build_sam_command(template: Path, parameters: Mapping[str, str]) -> list[str]:
    """Build the `sam deploy` command of the root stack. sam passes on those parameters that the template has."""
    command = [sys.executable, "-m", "samcli", "deploy", "--template-file", str(template)]
    command += ["--stack-name", STACK_NAME, "--region", REGION, "--s3-bucket", BUCKET, "--no-progressbar"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--capabilities", "CAPABILITY_IAM"]
    command += ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    # Quoted because sam splits each of these words at blanks again.
    overrides = (f"{name}={json.dumps(value)}" for name, value in {**PARAMETERS, **parameters}.items())
    return [*command, "--parameter-overrides", *overrides]


def create_stack(cloudformation: Any, name: str, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create a stack whose template needs no sam, wait for it, and return its outputs.

    Of the parameters, it gets those that the template has: a template may be of another version.
    """
    described = cloudformation.validate_template(TemplateBody=template.read_text())
    names = {each["ParameterKey"] for each in described["Parameters"]}
    chosen = {key: value for key, value in parameters.items() if key in names}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=template.read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in chosen.items()],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    return read_outputs(cloudformation, name)


def create_target_stack(cloudformation: Any, account_id: str, template: Path) -> dict[str, str]:
    """Create the stack of a target account, and return its outputs.

    Its role may use the shop of the account and change how servers are launched: as far as the template has parameters
    for it.
    """
    wanted = {"HubAccountId": HUB_ACCOUNT, "ExternalId": EXTERNAL_ID, "PostLaunchActions": "true"}
    wanted |= shop.list_rights(account_id) | networks.list_rights()
    return create_stack(cloudformation, TARGET_STACK_NAME, template, wanted)


def read_outputs(cloudformation: Any, name: str) -> dict[str, str]:
    """The outputs of a stack by name."""
    described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def await_functions(functions: Any) -> None:
    """Wait until each function has an execution environment, so that a measured run does not wait for its start.

    Return after 30 seconds in any case: a function that is called without one starts it then.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pages = functions.get_paginator("list_functions").paginate()
        if all(each.get("State") != "Pending" for page in pages for each in page["Functions"]):
            return
        time.sleep(0.2)


def list_resources(cloudformation: Any, name: str) -> Iterator[tuple[str, str]]:
    """The logical and the physical id of each resource of a stack."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name):
        for resource in page["StackResourceSummaries"]:
            yield resource["LogicalResourceId"], resource["PhysicalResourceId"]
