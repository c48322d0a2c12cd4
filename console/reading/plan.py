"""One plan: its waves, its groups and its last runs."""

from typing import Any

from cli.api_client import ApiClient


def read(api: ApiClient, plan_id: str) -> dict[str, Any]:
    """`plan` as it is now. Raise ApiRefused, ApiUnreachable."""
    return {"plan": api.get(f"/recovery-plans/{plan_id}")}
