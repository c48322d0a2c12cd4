"""Fill and read the cache of recovery instances."""

from typing import Any

from tests.harness.engine import Execution
from tests.support.product import Product

SYNC = "/drs/recovery-instance-sync"


def sync(product: Product, **body: Any) -> Execution:
    """Start a sync through the API and wait for its end."""
    reply = product.request("POST", SYNC, body or None)
    assert reply.status == 202, reply
    (execution,) = [one for one in product.engine.executions("sync-cache") if one.name == reply.body["sync"]]
    return execution.wait(60)


def cached(product: Product) -> dict[str, dict[str, Any]]:
    """The rows of the cache by server, without those of instances that no longer exist."""
    return {row["sourceServerId"]: row for row in product.items("RecoveryInstances") if "recoveryInstanceId" in row}
