"""Where plans, groups and servers stand, as the API shows it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time
from api.schemas.responses.drills.schedules import PastAppointment, SchedulePause, build_past, build_pause
from recovery import clock
from recovery.domain.drills.compliance import Counts, DrillStanding, PlanStanding, ServerStanding
from recovery.domain.drills.listed import ListedServer, TargetServers
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.policy import CountsIf
from recovery.domain.plan import ProtectionGroup
from recovery.domain.target import Target
from recovery.drills.compliance import Fleet

AsOf = Annotated[Time, Field(description="When it was judged.")]
Status = Annotated[
    DrillStanding,
    Field(
        description="OVERDUE: the deadline has passed without a drill that counts. NO_DRILL_COUNTS: drills were run, "
        "none counts, and the deadline is ahead. NEVER_DRILLED: there was no drill, and the deadline of the first is "
        "ahead. DUE_SOON: the deadline is near, or the last drill is stale. NO_POLICY: no drills are asked for."
    ),
]
Due = Annotated[
    Time | None,
    Field(description="The deadline: the latest begin of the next drill that counts; null if there is none."),
]


class ServersByDrill(TypedDict):
    """Servers by their last drill that counts."""

    total: Annotated[int, Field(description="All that are known.")]
    current: Annotated[int, Field(description="Those whose last drill holds.")]
    stale: Annotated[int, Field(description="Those whose last drill does not hold any more: stale or too old.")]
    never: Annotated[int, Field(description="Those that no drill that counts has had.")]


class LastDrill(TypedDict):
    """The last drill of a plan."""

    executionId: str
    at: Annotated[Time, Field(description="When it was requested.")]
    status: Annotated[str, Field(description="How it ended.")]
    counts: Annotated[bool, Field(description="Whether it counts for the plan.")]
    whyNot: Annotated[list[str], Field(description="Why it does not count, each reason a sentence; empty if it does.")]


class CountingDrill(TypedDict):
    """A drill that counts."""

    executionId: str
    at: Annotated[Time, Field(description="When it was requested.")]


class LastCountingDrill(CountingDrill):
    """The last drill of a plan that counts."""

    verdict: Annotated[str | None, Field(description="ACCEPTED if a person accepted it; null without a verdict.")]


class PlanCompliance(TypedDict):
    """Where a plan stands."""

    planId: str
    planName: Annotated[str, Field(description="The name of the plan.")]
    status: Status
    countsIf: Annotated[
        CountsIf | None, Field(description="What each required server must be for a drill to count; null if no policy.")
    ]
    due: Due
    next: Annotated[Time | None, Field(description="The next appointment; null while paused, or if there is none.")]
    paused: Annotated[bool, Field(description="Whether the schedule of its drills is paused.")]
    pause: Annotated[SchedulePause | None, Field(description="Its pause; null if none is on.")]
    lastAppointment: Annotated[
        PastAppointment | None, Field(description="The last appointment that was decided; null before the first.")
    ]
    lastDrill: Annotated[LastDrill | None, Field(description="The last drill that ended; null without one.")]
    lastCounting: Annotated[LastCountingDrill | None, Field(description="The last that counts; null without one.")]
    stale: Annotated[list[str], Field(description="Why the last drill that counts does not hold any more.")]
    unknown: Annotated[list[str], Field(description="What could not be judged, each a sentence.")]
    servers: Annotated[ServersByDrill, Field(description="Its servers by their last drill that counts.")]


class ComplianceCounts(TypedDict):
    """Plans by status, and servers without a plan. `overdue` and `dueSoon` have no plan in common."""

    plans: Annotated[int, Field(description="All plans.")]
    compliant: Annotated[int, Field(description="Plans with a recent drill that counts.")]
    dueSoon: Annotated[int, Field(description="Plans whose deadline is near, or whose last drill is stale.")]
    overdue: Annotated[int, Field(description="Plans whose deadline has passed.")]
    noDrillCounts: Annotated[int, Field(description="Plans whose drills do not count, with the deadline ahead.")]
    neverDrilled: Annotated[int, Field(description="Plans without any drill, with the deadline ahead.")]
    withoutPolicy: Annotated[int, Field(description="Plans without a drill policy.")]
    unplannedServers: Annotated[int, Field(description="Servers that replicate and are in no plan.")]


class Compliance(Paged):
    """Where plans stand, the worst first."""

    asOf: AsOf
    counts: Annotated[ComplianceCounts, Field(description="The counts of all plans, whatever is on this page.")]
    plans: Annotated[list[PlanCompliance], Field(description="The plans of this page.")]


class InPlan(TypedDict):
    """A group of a plan."""

    accountId: str
    region: str
    planId: str
    planName: Annotated[str, Field(description="The name of the plan.")]
    groupId: str
    groupName: Annotated[str, Field(description="The name of the group.")]


class ServerCompliance(InPlan):
    """Where a server stands in a plan. One of two plans is listed once for each."""

    sourceServerId: str
    hostname: Annotated[str | None, Field(description="Its host name; null if DRS did not list it.")]
    status: Status
    lastCounting: Annotated[CountingDrill | None, Field(description="The last drill that counts for it.")]
    due: Due
    why: Annotated[
        str | None, Field(description="Why its last drill does not hold, or what it lacks; null if nothing.")
    ]


class ComplianceOfServers(Paged):
    """Where servers stand."""

    asOf: AsOf
    servers: Annotated[list[ServerCompliance], Field(description="The servers of this page.")]


class GroupCompliance(InPlan):
    """Where a group stands in a plan."""

    status: Annotated[Status, Field(description="The worst status of its servers, or that of the plan if it has none.")]
    known: Annotated[
        bool, Field(description="Whether its servers are known: false for tags in a target that was never listed.")
    ]
    listedAt: Annotated[
        Time | None, Field(description="When DRS listed the servers of its target; null if it never did.")
    ]
    servers: Annotated[ServersByDrill, Field(description="Its servers by their last drill that counts.")]


class ComplianceOfGroups(Paged):
    """Where the groups of plans stand."""

    asOf: AsOf
    groups: Annotated[list[GroupCompliance], Field(description="The groups of this page.")]


class UnplannedServer(TypedDict):
    """A server that replicates and is in no plan."""

    sourceServerId: str
    hostname: Annotated[str, Field(description="Its host name.")]
    accountId: str
    region: str
    replicationState: Annotated[str, Field(description="The state of its data replication, as DRS gave it.")]
    seenAt: Annotated[Time, Field(description="When DRS listed it.")]


class ListedTarget(TypedDict):
    """A target whose servers were listed."""

    accountId: str
    region: str
    seenAt: Annotated[Time, Field(description="When DRS listed its servers.")]


class UnplannedServers(Paged):
    """Servers that replicate and are in no plan."""

    asOf: AsOf
    servers: Annotated[list[UnplannedServer], Field(description="The servers of this page.")]
    targets: Annotated[list[ListedTarget], Field(description="The targets that were listed; no other is known.")]


def _iso(moment: float | None) -> str | None:
    return None if moment is None else clock.iso(moment)


def count_fleet(fleet: Fleet) -> ComplianceCounts:
    """The counts of all plans."""
    return {
        "plans": len(fleet.plans),
        "compliant": fleet.count_plans(DrillStanding.COMPLIANT),
        "dueSoon": fleet.count_plans(DrillStanding.DUE_SOON),
        "overdue": fleet.count_plans(DrillStanding.OVERDUE),
        "noDrillCounts": fleet.count_plans(DrillStanding.NO_DRILL_COUNTS),
        "neverDrilled": fleet.count_plans(DrillStanding.NEVER_DRILLED),
        "withoutPolicy": fleet.count_plans(DrillStanding.NO_POLICY),
        "unplannedServers": len(fleet.unplanned),
    }


def build_plan(standing: PlanStanding) -> PlanCompliance:
    """A plan."""
    facts = standing.facts
    policy, counting = facts.plan.drill_policy, facts.last_counting
    last: LastCountingDrill | None = None
    if counting:
        last = {"executionId": counting.execution_id, "at": counting.requested_at, "verdict": counting.verdict}
    return {
        "planId": facts.plan.plan_id,
        "planName": facts.plan.name,
        "status": standing.status,
        "countsIf": policy.counts_if if policy else None,
        "due": _iso(standing.due),
        "next": _iso(standing.next),
        "paused": facts.pause is not None,
        "pause": build_pause(facts.pause),
        "lastAppointment": build_past(facts.decided) if facts.decided else None,
        "lastDrill": _build_drill(facts.last),
        "lastCounting": last,
        "stale": list(standing.stale),
        "unknown": list(standing.unknown),
        "servers": _build_counts(standing.count_servers()),
    }


def _build_drill(outcome: DrillOutcome | None) -> LastDrill | None:
    if outcome is None:
        return None
    return {
        "executionId": outcome.execution_id,
        "at": outcome.requested_at,
        "status": outcome.status,
        "counts": outcome.counts,
        "whyNot": list(outcome.why_not),
    }


def _build_counts(counts: Counts) -> ServersByDrill:
    return {"total": counts.total, "current": counts.current, "stale": counts.stale, "never": counts.never}


def _place(standing: PlanStanding, group: ProtectionGroup) -> InPlan:
    return {
        "accountId": group.target.account_id,
        "region": group.target.region,
        "planId": standing.facts.plan.plan_id,
        "planName": standing.facts.plan.name,
        "groupId": group.group_id,
        "groupName": group.name,
    }


def build_server(standing: PlanStanding, server: ServerStanding) -> ServerCompliance:
    """A server in a plan."""
    counted: CountingDrill | None = None
    if server.counted:
        counted = {"executionId": server.counted[1], "at": server.counted[0]}
    return {
        **_place(standing, server.member.group),
        "sourceServerId": server.member.server_id,
        "hostname": server.member.hostname,
        "status": server.status,
        "lastCounting": counted,
        "due": _iso(server.due),
        "why": server.why or None,
    }


def build_groups(standing: PlanStanding, targets: Mapping[Target, TargetServers]) -> list[GroupCompliance]:
    """The groups of a plan, in the order of its waves."""
    found: list[GroupCompliance] = []
    for group_id in standing.facts.plan.group_ids:
        group = standing.facts.groups.get(group_id)
        if group is None:
            continue
        statuses = [each.status for each in standing.servers if each.member.group.group_id == group_id]
        listed = targets.get(group.target)
        found.append(
            {
                **_place(standing, group),
                "status": min(statuses, key=lambda status: status.rank, default=standing.status),
                "known": group not in standing.facts.members.unknown,
                "listedAt": listed.at if listed else None,
                "servers": _build_counts(standing.count_servers(group_id)),
            }
        )
    return found


def build_unplanned(listed: TargetServers, server: ListedServer) -> UnplannedServer:
    """A server without a plan."""
    return {
        "sourceServerId": server.server_id,
        "hostname": server.hostname,
        "accountId": listed.target.account_id,
        "region": listed.target.region,
        "replicationState": server.state,
        "seenAt": listed.at,
    }


def build_targets(fleet: Fleet) -> list[ListedTarget]:
    """The targets whose servers were listed, in order."""
    return [
        {"accountId": target.account_id, "region": target.region, "seenAt": listed.at}
        for target, listed in sorted(fleet.targets.items())
    ]
