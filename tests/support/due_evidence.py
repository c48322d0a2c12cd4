"""What evidence is due, and what a look of the schedules begins."""

from recovery.store.drills import evidence_rows
from tests.support.product import Product


def due(product: Product) -> list[str]:
    return [row["item"] for row in product.items("Drills") if row["planId"] == evidence_rows.DUE]


def change_settings(product: Product, **variables: str) -> None:
    """Deploy all functions with these environment variables: in this process they share their settings."""
    client = product.engine.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            wanted = {"Variables": {**function["Environment"]["Variables"], **variables}}
            client.update_function_configuration(FunctionName=function["FunctionName"], Environment=wanted)
    product.engine.runtime.cold_start()


def look(product: Product) -> int:
    """How many executions of keep-evidence a look of the schedules has begun."""
    change_settings(product, KEEP_EVIDENCE_ARN=product.engine.machine_arn("keep-evidence"))
    return int(product.engine.invoke("StartDrills", {})["evidence"])


def begun(product: Product) -> list[str]:
    """The names of the executions of keep-evidence, when they have ended."""
    return [one.wait(60).name for one in product.engine.executions("keep-evidence")]
