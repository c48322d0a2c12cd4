"""What checks and actions of a plan meet in a target of the product on moto: the shop of the sandbox."""

from typing import Any

import boto3

from sandbox import shop
from sandbox.environments import SERVICES_OF_EMULATOR
from sandbox.shop import Shop
from tests.support.product import HUB, WEST, Product


def open_shop(
    product: Product, *web_server_ids: str, account: str = HUB, region: str = WEST, smoke_test: Any = None
) -> Shop:
    """Create documents, a target group, a function, a machine and a bus in the target.

    `smoke_test` is the handler of the function in every target: as it is called last, if it is called again.
    """
    product.engine.runtime.register(shop.FUNCTION, smoke_test or _pass)

    def client(service: str) -> Any:
        return target_client(product, service, account, region)

    return shop.open_shop(
        client, lambda method, path, body: control(product, path, body), account, region, web_server_ids
    )


def _pass(event: Any, context: Any) -> Any:
    return {"ordersPlaced": 3}


def target_client(product: Product, service: str, account: str = HUB, region: str = WEST) -> Any:
    """A client as a function of the product has it in a target, with the role of the target."""
    role = f"arn:aws:iam::{account}:role/drs-waves-target"
    given = product.engine.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=region)
    # The emulator has no roles, which belong to the engine, and here moto stands for that.
    endpoint = product.emulator.url if service in SERVICES_OF_EMULATOR and service != "iam" else None
    return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def control(product: Product, path: str, body: Any) -> dict[str, Any]:
    """POST to the control API of the emulator."""
    emulator = product.emulator.control
    if path == "/ssm-documents":
        return emulator.add_document(body)
    assert path == "/target-groups", path
    return emulator.add_target_group(body)


def rule(product: Product, kind: str, **more: Any) -> str:
    """Let instances, commands or automations behave so from now on, and return the rule's id.

    `rule(product, "INSTANCE", hostname="db-001", checks="initializing")`; docs/control-api.md of the emulator has all.
    """
    return product.emulator.control.add_rule({"kind": kind, **more})
