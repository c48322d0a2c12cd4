"""A drill policy in words, on one line."""

from collections.abc import Iterator, Mapping
from typing import Any

from recovery.domain.drills.policy import DrillPolicy, Invalidation

_STALE_BY = {
    Invalidation.PLAN_CHANGE: "plan",
    Invalidation.SERVER_ADDED: "servers",
    Invalidation.PROFILE_CHANGE: "profiles",
}


def summarize_policy(item: Mapping[str, Any]) -> str:
    """`every 90 days at 02:00 UTC, by itself within 240 min, …`, of a policy as rows and the API have it."""
    return ", ".join(_list_rules(DrillPolicy.from_item(item) or DrillPolicy()))


def _list_rules(policy: DrillPolicy) -> Iterator[str]:
    if policy.every_days:
        days = "every day" if policy.every_days == 1 else f"every {policy.every_days} days"
        yield f"{days} at {policy.at} {policy.timezone}"
        if policy.first_on:
            yield f"from {policy.first_on}"
    else:
        yield f"{policy.schedule} {policy.timezone}"
    window = f"within {policy.window_minutes} min"
    if policy.automatic:
        yield f"by itself {window}"
        yield "skipped if not ready" if policy.skip_if_not_ready else "readiness not checked first"
    else:
        yield f"by a person {window}"
    if policy.clean_up_after_hours:
        yield f"cleaned up after {policy.clean_up_after_hours} h"
    yield f"counts if {policy.counts_if.value}"
    changed = [_STALE_BY[each] for each in Invalidation if each in policy.invalidated_by]
    yield f"stale by changes of {', '.join(changed)}" if changed else "never stale"
