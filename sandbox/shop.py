"""What checks and actions of a plan can use in the target accounts of the sandbox; all are named Shop-.

Documents and target groups are the DRS emulator's, which rules of its control API break. The function, the state
machine and the event bus are the engine's.
"""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

FUNCTION, MACHINE, BUS, ROLE = "Shop-SmokeTest", "Shop-SwitchTraffic", "Shop-Events", "Shop-Runner"
TARGET_GROUP = "shop-web"
WEB_TAG = ("tier", "web")

DOCUMENTS: tuple[Mapping[str, Any], ...] = (
    {
        "name": "Shop-FreezeWrites",
        "type": "Automation",
        "description": "Stops the writers of the shop and waits for its queues to drain.",
        "parameters": [{"name": "Mode", "default": "drill", "description": "drill or recovery"}],
        "steps": [
            {"name": "stopWriters", "seconds": 20},
            {"name": "drainQueues", "seconds": 40, "timeoutSeconds": 600, "outputs": {"Drained": ["17"]}},
        ],
    },
    {
        "name": "Shop-PromoteDatabase",
        "type": "Automation",
        "description": "Makes the recovered database the one that takes writes.",
        "parameters": [{"name": "Database", "description": "the name of the database"}],
        "steps": [
            {"name": "checkReplica", "seconds": 10},
            {"name": "promote", "seconds": 60, "timeoutSeconds": 900, "outputs": {"Role": ["primary"]}},
        ],
    },
    {
        "name": "Shop-CheckService",
        "type": "Command",
        "description": "Exits with 0 if the service of the shop runs.",
        "parameters": [{"name": "Service", "default": "shop", "description": "the name of the service"}],
        "seconds": 3,
    },
    {
        "name": "Shop-WarmCaches",
        "type": "Command",
        "description": "Reads the catalogue once, so that the first customers need not wait.",
        "seconds": 30,
    },
)
"""Documents of Systems Manager, as the control API of the emulator takes them, without their account and Region."""

HANDLER = """
import os

def handler(event, context):
    if os.environ.get("FAILS"):
        raise RuntimeError(os.environ["FAILS"])
    return {"ordersPlaced": 3, "seconds": 0.4}
"""
"""The smoke test of the shop. It fails while the variable FAILS of the function says why."""

MACHINE_DEFINITION: Mapping[str, Any] = {
    "Comment": 'Sends the customers to the recovered shop, or, with {"refuse": true} in its input, fails.',
    "StartAt": "IsRefused",
    "States": {
        "IsRefused": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.refuse", "IsPresent": True, "Next": "Refused"}],
            "Default": "WaitForDns",
        },
        "WaitForDns": {"Type": "Wait", "Seconds": 120, "Next": "Switched"},
        "Switched": {"Type": "Pass", "Result": {"share": 100}, "End": True},
        "Refused": {"Type": "Fail", "Error": "Shop.Refused", "Cause": "The input says refuse."},
    },
}

Client = Callable[[str], Any]
"""Makes a boto3 client of the service in the account and Region of a shop."""
Control = Callable[[str, str, Any], Any]
"""Calls the control API of the emulator: method, path, body."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What one account and Region has."""

    function_arn: str
    machine_arn: str
    bus_arn: str
    target_group_arn: str


def list_rights(account_id: str) -> dict[str, str]:
    """The parameters of the target role that let a plan use the shop in every Region, and run any script."""
    scripts = [f"arn:aws:ssm:*::document/{name}" for name in ("AWS-RunShellScript", "AWS-RunPowerShellScript")]
    own = {
        kind: [f"arn:aws:ssm:*:{account_id}:document/{each['name']}" for each in DOCUMENTS if each["type"] == kind]
        for kind in ("Command", "Automation")
    }
    return {
        "AllowChecks": "true",
        "RunCommandDocuments": ",".join((*scripts, *own["Command"])),
        "AutomationDocuments": ",".join(own["Automation"]),
        "FunctionArns": f"arn:aws:lambda:*:{account_id}:function:{FUNCTION}",
        "StateMachineArns": f"arn:aws:states:*:{account_id}:stateMachine:{MACHINE}",
        "EventBusArns": f"arn:aws:events:*:{account_id}:event-bus/{BUS}",
    }


def open_shop(
    client: Client, control: Control, account_id: str, region: str, web_server_ids: Collection[str] = ()
) -> Shop:
    """Create the shop of an account and Region. `web_server_ids` are the source servers behind its target group."""
    target = {"accountId": account_id, "region": region}
    for document in DOCUMENTS:
        control("POST", "/ssm-documents", {**target, **document})
    group = {**target, "name": TARGET_GROUP, "port": 8080, "sourceServerIds": list(web_server_ids)}
    target_group = control("POST", "/target-groups", group)
    role = _find_or_create_role(client("iam"), account_id)
    function = client("lambda").create_function(
        FunctionName=FUNCTION,
        Runtime="python3.12",
        Role=role,
        Handler="shop.handler",
        Timeout=60,
        Code={"ZipFile": _zip({"shop.py": HANDLER})},
    )
    machine = client("stepfunctions").create_state_machine(
        name=MACHINE, roleArn=role, definition=json.dumps(MACHINE_DEFINITION)
    )
    bus = client("events").create_event_bus(Name=BUS)
    return Shop(function["FunctionArn"], machine["stateMachineArn"], bus["EventBusArn"], target_group["targetGroupArn"])


def _find_or_create_role(iam: Any, account_id: str) -> str:
    """The ARN of the role of the function and the machine. An account has it once for all its Regions."""
    services = ["lambda.amazonaws.com", "states.amazonaws.com"]
    trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
    return f"arn:aws:iam::{account_id}:role/{ROLE}"


def _zip(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
