"""Where all plans and servers stand now. No run is read: a few tables of the catalog, and rows by their keys."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from recovery import clock
from recovery.catalog import plans
from recovery.catalog.targets import list_account_targets
from recovery.domain.drills.compliance import DrillStanding, PlanFacts, PlanStanding, find_owed, judge_plan
from recovery.domain.drills.listed import ListedServer, MemberFinder, TargetServers, list_unplanned
from recovery.domain.drills.policy import DrillPolicy
from recovery.domain.target import Target
from recovery.store.drills import outcomes, plan_drills, source_servers
from recovery.store.drills.plan_drills import PlanDrills


@dataclass(frozen=True, slots=True)
class Fleet:
    """Every plan, the worst first, and the servers that replicate and are in none, each with its target.

    `targets` are the lists of source servers by target, `at` is when this was read, in epoch seconds.
    """

    at: float
    plans: tuple[PlanStanding, ...]
    unplanned: tuple[tuple[TargetServers, ListedServer], ...]
    targets: Mapping[Target, TargetServers]

    def count_plans(self, *statuses: DrillStanding) -> int:
        """How many plans have one of these statuses."""
        return sum(plan.status in statuses for plan in self.plans)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Let the collector rest. All that is read is kept until the end, and to search it again and again takes a third
    of the time of an answer.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_without_garbage_collection()
def read_fleet() -> Fleet:
    """Judge every plan.

    The reads are scans of plans, groups and accounts, a Query of the lists of source servers, and BatchGetItems of what
    is on record of each plan's drills. A target that is no longer in the catalog is left out, with its last list.
    """
    now = clock.now()
    found = list(plans.list_with_groups())
    known = list_account_targets() | {group.target for _, groups in found for group in groups.values()}
    listed = {target: servers for target, servers in source_servers.read_all().items() if target in known}
    drills = plan_drills.read_plans([plan.plan_id for plan, _ in found])
    finder = MemberFinder(listed)
    standings = []
    planned = set[str]()
    for plan, groups in found:
        members = finder.find_members(plan, groups)
        planned.update(members.servers)
        standings.append(judge_plan(_combine(PlanFacts(plan, groups, members), drills[plan.plan_id]), now))
    standings.sort(key=lambda each: (each.status.rank, each.facts.plan.name, each.facts.plan.plan_id))
    return Fleet(now, tuple(standings), tuple(list_unplanned(listed, frozenset(planned))), listed)


def read_owed(plan_id: str) -> float | None:
    """The deadline that the policy of this plan has set, in epoch seconds, which another policy does not postpone."""
    row = plans.find_plan_row(plan_id) or {}
    policy = DrillPolicy.from_item(row.get("drillPolicy"))
    return find_owed(policy, outcomes.get_summary(plan_id).last_counting, clock.now()) if policy else None


def _combine(facts: PlanFacts, drills: PlanDrills) -> PlanFacts:
    return PlanFacts(
        facts.plan,
        facts.groups,
        facts.members,
        last=drills.summary.last,
        last_counting=drills.summary.last_counting,
        counted=drills.servers,
        is_paused=drills.schedule.paused is not None,
        last_appointment=clock.parse_iso(drills.schedule.last) if drills.schedule.last else None,
    )
