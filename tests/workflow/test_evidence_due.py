"""Evidence is due from the creation of a run on, and the look of the schedules begins what is due."""

from recovery.store.drills import evidence_rows
from tests.support.product import Product


def due(product: Product) -> list[str]:
    return [row["item"] for row in product.items("Drills") if row["planId"] == evidence_rows.DUE]


def test_the_evidence_of_each_run_is_due_from_its_creation_on(product: Product) -> None:
    plan_id = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    execution_id = product.drill(plan_id)["executionId"]
    assert due(product) == [execution_id]
