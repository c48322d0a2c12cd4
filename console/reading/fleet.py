"""Accounts and Regions: their capacity, and how fresh the cache of recovery instances is."""

from typing import Any

from cli.api_client import ApiClient


def read(api: ApiClient) -> dict[str, Any]:
    """`accounts` as the API has them. Raise ApiRefused, ApiUnreachable."""
    return {"accounts": list(api.list_items("/target-accounts", "targetAccounts"))}
