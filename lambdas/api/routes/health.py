"""Whether the API and its tables answer."""

from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from recovery import VERSION
from recovery.store.health import check_tables

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@router.get("/health")
def health() -> dict[str, Any]:
    """200 in any case: who asks wants to know, not to be told to go away. `status` is `ok` or `degraded`."""
    tables = check_tables()
    is_well = all(state == "ok" for state in tables.values())
    return {"status": "ok" if is_well else "degraded", "version": VERSION, "tables": tables}
