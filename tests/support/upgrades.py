"""Replaces what a stack runs, as the deployment of another version does: every function, and each machine's version."""

import json
from typing import Any

from tests.support.product import Product, resources


def upgrade(product: Product) -> None:
    """Deploy all functions anew, with their settings, and give each machine another version. Runs go on meanwhile."""
    client = product.engine.client("lambda")
    for name, function in resources("AWS::Serverless::Function").items():
        short = name.removesuffix("Function")
        variables = client.get_function_configuration(FunctionName=short)["Environment"]["Variables"]
        client.delete_function(FunctionName=short)
        product.engine.create_function(short, function["Handler"], variables, timeout=120)
    machines: Any = product.engine.client("stepfunctions")
    for page in machines.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            arn = machine["stateMachineArn"]
            definition = json.loads(machines.describe_state_machine(stateMachineArn=arn)["definition"])
            changed = json.dumps({**definition, "Comment": "another version"})
            machines.update_state_machine(stateMachineArn=arn, definition=changed)
