"""Syncs of the cache of recovery instances, as callers ask for them."""

from pydantic import Field

from api.schemas.requests.base import AccountId, Region, RequestModel


class TargetRequest(RequestModel):
    """An account and Region."""

    account_id: AccountId
    region: Region


class SyncRequest(RequestModel):
    """Body of a sync; without `targets` the sync covers all of them."""

    targets: list[TargetRequest] | None = Field(default=None, min_length=1, max_length=100)
