"""Compliance as lists and as a page, for the command and the console."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.api_client import ApiClient
from cli.listings import compliance as listings
from cli.listings.columns import Item, Listing
from report.compliance.page import ComplianceFacts, render_page


def read_list(api: ApiClient, listing: Listing, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The items of the listing, plans with their notes. Raise ApiRefused, ApiUnreachable."""
    # Each page is judged anew from all plans, so pages are as long as the API makes them.
    if listing is listings.PLANS:
        found = api.list_items(listing.path, listing.items, limit="200", **(query or {}))
        return [listings.add_notes(each) for each in found]
    return list(api.list_items(listing.path, listing.items, limit="1000", **(query or {})))


def write_page(
    api: ApiClient, plans: Sequence[Item], query: Mapping[str, str] | None = None, *, is_sandbox: bool
) -> str:
    """The page with these plans: all of them, or the one that the query names. Raise ApiRefused, ApiUnreachable."""
    head = api.get("/compliance", limit="1")
    facts = ComplianceFacts(
        as_of=head["asOf"],
        counts=head["counts"],
        plans=plans,
        servers=read_list(api, listings.SERVERS, query),
        unplanned=None if query else read_list(api, listings.UNPLANNED),
        is_sandbox=is_sandbox,
        plan=plans[0]["planName"] if query and plans else None,
    )
    return render_page(facts)
