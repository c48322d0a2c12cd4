"""What the instances that drills have left running cost, estimated from their types."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from recovery import clock
from recovery.domain.costs import prices
from recovery.domain.recovery_instance import RecoveryInstance

# An instance in another state, such as STOPPED, has no charge by the hour; its volumes have.
_CHARGED = ("PENDING", "RUNNING")

_SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class RunningDrill:
    """The instances of a drill that still exist in a target, and what they cost without their volumes, in USD.

    `execution_id` and `plan_id` are None for those that drs-waves did not launch. `since` is the oldest launch.
    `by_type` counts them by instance type; `unpriced` are those whose type has no price here, counted as
    `prices.DEFAULT_TYPE`. `usd_so_far` takes those that are charged now to have run since they were launched.
    """

    execution_id: str | None
    plan_id: str | None
    instances: int
    since: str | None
    by_type: dict[str, int]
    unpriced: int
    usd_per_hour: float
    usd_so_far: float


def sum_drills(instances: Iterable[RecoveryInstance], now: float) -> list[RunningDrill]:
    """The drills whose instances are among these, the oldest first; `now` is in epoch seconds."""
    by_run = defaultdict[tuple[str | None, str | None], list[RecoveryInstance]](list)
    for instance in instances:
        if instance.is_drill and instance.exists:
            by_run[instance.execution_id, instance.plan_id].append(instance)
    drills = [_sum(run, plan, found, now) for (run, plan), found in by_run.items()]
    return sorted(drills, key=lambda drill: (drill.since or "", drill.execution_id or ""))


def _sum(run: str | None, plan: str | None, found: list[RecoveryInstance], now: float) -> RunningDrill:
    charged = [(each, _price(each)) for each in found if each.ec2_state in _CHARGED]
    return RunningDrill(
        execution_id=run,
        plan_id=plan,
        instances=len(found),
        since=min((each.launch_time for each in found if each.launch_time), default=None),
        by_type=dict(Counter(each.instance_type or "unknown" for each in found).most_common()),
        unpriced=sum(_find_price(each) is None for each, _ in charged),
        usd_per_hour=round(sum(price for _, price in charged), 4),
        usd_so_far=round(sum(price * _hours(each, now) for each, price in charged), 2),
    )


def _find_price(instance: RecoveryInstance) -> float | None:
    return prices.find_price(instance.instance_type) if instance.instance_type else None


def _price(instance: RecoveryInstance) -> float:
    return _find_price(instance) or prices.find_price(prices.DEFAULT_TYPE) or 0.0


def _hours(instance: RecoveryInstance, now: float) -> float:
    if instance.launch_time is None:
        return 0.0
    return max(now - clock.parse_iso(instance.launch_time), 0) / _SECONDS_PER_HOUR
