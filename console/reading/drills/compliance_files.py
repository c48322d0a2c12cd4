"""Compliance as files, by the code of `drs-waves compliance`."""

from typing import Any

from cli.api_client import ApiClient
from cli.listings import compliance as listings
from cli.listings.columns import Listing
from cli.listings.output import format_csv
from report.compliance.page import ComplianceFacts, render_page


def write_csv(api: ApiClient) -> str:
    """The plans, as `--csv` has them. Raise ApiRefused, ApiUnreachable."""
    return format_csv(listings.PLANS, _read_plans(api))


def write_page(api: ApiClient, is_sandbox: bool) -> str:
    """The page of `--html`. Raise ApiRefused, ApiUnreachable."""
    head = api.get("/compliance", limit="1")
    facts = ComplianceFacts(
        as_of=head["asOf"],
        counts=head["counts"],
        plans=_read_plans(api),
        servers=_read(api, listings.SERVERS),
        unplanned=_read(api, listings.UNPLANNED),
        is_sandbox=is_sandbox,
    )
    return render_page(facts)


def _read_plans(api: ApiClient) -> list[dict[str, Any]]:
    return [listings.add_notes(each) for each in api.list_items(listings.PLANS.path, listings.PLANS.items)]


def _read(api: ApiClient, listing: Listing) -> list[dict[str, Any]]:
    return list(api.list_items(listing.path, listing.items, limit="1000"))
