"""The health of the API."""

from api.router import Router
from api.schemas.responses.service import Health
from recovery import VERSION
from recovery.store.health import check_tables

router = Router("Service")


@router.operation("GET", "/health")
def read_health() -> Health:
    """Returns whether the API and its tables work. Always answers 200; `status` says `ok` or `degraded`."""
    tables = check_tables()
    is_well = all(state == "ok" for state in tables.values())
    return {"status": "ok" if is_well else "degraded", "version": VERSION, "tables": tables}
