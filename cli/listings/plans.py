"""What the listing of plans adds to what the API answers."""

from datetime import datetime
from typing import Any

from cli.listings.columns import Item


def add_age(plan: Item, now: float) -> dict[str, Any]:
    """The plan with how old the last answer of its readiness is at `now`, in epoch seconds."""
    last = plan.get("lastReadiness")
    age = max(0, int(now - datetime.fromisoformat(last["at"]).timestamp())) if last else None
    return {**plan, "readinessAgeSeconds": age}
