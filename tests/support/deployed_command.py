"""The command in a shell of its own, against the deployed product, and a plan for it."""

import os

from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox
from tests.support.deployed import Operator


def environment(sandbox: Sandbox) -> dict[str, str]:
    """The environment of a shell with credentials of the hub account."""
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    ours = {name: sandbox.build_caller_environment()[name] for name in keys} | {"COLUMNS": "120", "TERM": "xterm"}
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DRS_WAVES_"))} | ours


def plan(operator: Operator, name: str) -> str:
    ids = operator.seed(f"{name}-1", f"{name}-2", account=HUB_ACCOUNT, region=REGION, tags={"Name": name})
    return operator.plan(web=operator.group(ids, account=HUB_ACCOUNT, region=REGION))
