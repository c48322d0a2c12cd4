"""Moves the clock of a product, so that a test of days takes seconds."""

from tests.support.product import Product


def pass_hours(product: Product, hours: float) -> None:
    """Let hours pass for every function and for DRS. No machine waits meanwhile: their waits are not shortened."""
    product.emulator.control.advance(hours * 3_600)
    client = product.engine.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function["Environment"]["Variables"]
            speed, _, origin = variables["DRS_WAVES_CLOCK"].partition("@")
            # now = origin + (real - origin) * speed, so an earlier origin is a later now
            moved = float(origin) - hours * 3_600 / (float(speed) - 1)
            wanted = {"Variables": {**variables, "DRS_WAVES_CLOCK": f"{speed}@{moved:.3f}"}}
            client.update_function_configuration(FunctionName=function["FunctionName"], Environment=wanted)
