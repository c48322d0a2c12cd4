"""The overview: what waits for people, what runs, and each plan with its readiness."""

from typing import Any

from cli.api_client import ApiClient
from cli.run_client import list_waiting
from cli.run_record import UNFINISHED


def read(api: ApiClient) -> dict[str, Any]:
    """`waiting`, `running` and `plans`, as the API has them. Raise ApiRefused, ApiUnreachable."""
    running = [run for status in UNFINISHED for run in api.list_items("/executions", "executions", status=status)]
    return {
        "waiting": list(list_waiting(api)),
        "running": running,
        "plans": list(api.list_items("/recovery-plans", "recoveryPlans")),
    }
