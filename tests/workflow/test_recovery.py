"""A run from its start through the API to its verdict, on the real machines and handlers."""

from tests.workflow.product import EUROPE, HUB, OTHER, WEST, Product


def test_waves_run_in_plan_order_in_two_accounts(product: Product) -> None:
    database = product.group(product.seed(3, prefix="db"))
    application = product.group(product.seed(2, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)

    record = product.drill(product.plan({"name": "database", "groups": [database]}, {"name": "app", "groups": [application]}))

    assert record["status"] == "COMPLETED", record
    assert record["servers"] == {"total": 5, "launched": 5, "failed": 0, "excluded": 0, "launching": 0}
    first, second = record["waves"]
    assert first["endedAt"] <= second["startedAt"]
    assert len(product.jobs(HUB, WEST)) == len(product.jobs(OTHER, EUROPE)) == 1
    assert all(server["recoveryInstanceId"] for server in record["sourceServers"])
