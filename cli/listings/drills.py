"""What the instances that drills have left running cost: `GET /recovery-instances/drills`."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.api_client import ApiClient
from recovery.wording import plural

PATH = "/recovery-instances/drills"


def read_running_drills(api: ApiClient) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The drills of every page, each in each account and Region, and what goes with them.

    That is `at`, until when costs count, `pricesOf`, `pricesIn`, and `unread`, the accounts and Regions that are
    missing. Raise ApiRefused, ApiUnreachable.
    """
    drills, unread, token = list[dict[str, Any]](), list[dict[str, Any]](), dict[str, str]()
    while True:
        page: dict[str, Any] = api.get(PATH, **token)
        drills += page["drills"]
        unread += page["unread"]
        if page["nextToken"] is None:
            return drills, {**{name: page[name] for name in ("at", "pricesOf", "pricesIn")}, "unread": unread}
        token = {"nextToken": page["nextToken"]}


def describe_cost(drills: Sequence[Mapping[str, Any]], prices: Mapping[str, Any]) -> str | None:
    """What they cost, in one sentence; None if none runs."""
    if not drills:
        return None
    by_hour, so_far = sum(each["usdPerHour"] for each in drills), sum(each["usdSoFar"] for each in drills)
    return (
        f"They cost about {by_hour:,.2f} USD an hour and {so_far:,.2f} USD so far ({describe_prices(drills, prices)})."
    )


def describe_prices(drills: Sequence[Mapping[str, Any]], prices: Mapping[str, Any]) -> str:
    """What the figures rest on."""
    unpriced = sum(each["unpriced"] for each in drills)
    return "; ".join(
        [
            f"On-Demand prices of Linux in {prices['pricesIn']} on {prices['pricesOf']}, without volumes",
            *([f"{plural(unpriced, 'instance')} counted as m5.large"] if unpriced else []),
        ]
    )
