"""Where plans and servers stand: whether a drill that counts is recent enough, and still holds.

All moments are epoch seconds, and those in texts ISO 8601.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from recovery import clock
from recovery.domain.drills import fingerprints
from recovery.domain.drills.appointments import find_deadline, list_appointments
from recovery.domain.drills.listed import Member, Members
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.policy import CountsIf, DrillPolicy, Invalidation
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.identities import shorten_caller
from recovery.wording import name_first, plural

# A plan is due soon in the last tenth of its period, and at most this long before its deadline.
MOST_SOON_SECONDS = 14 * 86_400
SOON_SHARE = 10
# Names in a sentence.
MAX_NAMES = 3

Counted = tuple[str, str]


class DrillStanding(StrEnum):
    """Where a plan, a group or a server stands, from the worst.

    OVERDUE: its deadline has passed without a drill that counts. NEVER_DRILLED: there was none, and the first is not
    overdue. DUE_SOON: its deadline is near, or its last drill is stale. NO_POLICY: nothing is asked of it.
    """

    OVERDUE = "OVERDUE"
    NEVER_DRILLED = "NEVER_DRILLED"
    DUE_SOON = "DUE_SOON"
    COMPLIANT = "COMPLIANT"
    NO_POLICY = "NO_POLICY"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(DrillStanding).index(self)


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A plan as it is now, and what is on record of its drills.

    `groups` are those of its waves by id, `counted` has for each server the last drill that counts. `last_appointment`
    is the last moment of the schedule that was dealt with, None before the first.
    """

    plan: RecoveryPlan
    groups: Mapping[str, ProtectionGroup]
    members: Members
    last: DrillOutcome | None = None
    last_counting: DrillOutcome | None = None
    counted: Mapping[str, Counted] = field(default_factory=dict)
    is_paused: bool = False
    last_appointment: float | None = None


@dataclass(frozen=True, slots=True)
class ServerStanding:
    """Where a server stands in a plan. `is_current` is True if its last drill holds. `why` is a sentence, or empty."""

    member: Member
    status: DrillStanding
    counted: Counted | None
    due: float | None
    is_current: bool
    why: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Servers: those whose last drill holds, those whose last drill does not hold any more, and those without one."""

    total: int = 0
    current: int = 0
    stale: int = 0
    never: int = 0


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """Where a plan stands. `due` is the end of the window of its next appointment; None if nothing is due.

    `next` is that appointment, None without a policy, while it is paused, or if its expression has no other. `stale`
    has why its last drill does not hold any more, and `unknown` what could not be judged, each a sentence.
    """

    facts: PlanFacts
    status: DrillStanding
    due: float | None
    next: float | None
    stale: tuple[str, ...]
    unknown: tuple[str, ...]
    servers: tuple[ServerStanding, ...]

    def count_servers(self, group_id: str | None = None) -> Counts:
        """The counts of its servers, or of those of a group."""
        return count(server for server in self.servers if group_id in (None, server.member.group.group_id))


def count(servers: Iterator[ServerStanding]) -> Counts:
    """The counts of these servers."""
    total = current = never = 0
    for server in servers:
        total += 1
        current += server.is_current
        never += server.counted is None
    return Counts(total, current, total - current - never, never)


def judge_plan(facts: PlanFacts, now: float) -> PlanStanding:
    """Where a plan and its servers stand."""
    policy, last = facts.plan.drill_policy, facts.last_counting
    changes = tuple(_find_changes(facts))
    stale = (*changes, *_find_added(facts))
    began = clock.parse_iso(last.requested_at) if last else None
    due = _find_due(policy, began) if policy else None
    return PlanStanding(
        facts=facts,
        status=_judge(policy, due, now, drilled=last is not None, holds=not stale, began=began),
        due=due,
        next=_find_next(facts, began, now),
        stale=stale,
        unknown=tuple(_describe_unknown(facts)),
        servers=tuple(_judge_servers(facts, due, changes, now)),
    )


# --- deadlines ------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=8_192)
def _find_due(policy: DrillPolicy, began: float | None) -> float | None:
    """The deadline after a drill that began then. A policy asks for none before its own first appointment."""
    first = find_deadline(policy, None)
    after = find_deadline(policy, began) if began is not None else first
    return None if first is None or after is None else max(first, after)


@lru_cache(maxsize=8_192)
def _find_period(policy: DrillPolicy, began: float | None) -> float:
    """Seconds between the next appointment and the one after it."""
    if policy.every_days:
        return policy.every_days * 86_400.0
    moments = list_appointments(policy, began or 0.0, 2, began)
    return moments[1] - moments[0] if len(moments) > 1 else 0.0


def _find_next(facts: PlanFacts, began: float | None, now: float) -> float | None:
    policy = facts.plan.drill_policy
    if policy is None or facts.is_paused:
        return None
    bases = [moment for moment in (began, facts.last_appointment) if moment is not None]
    return next(iter(list_appointments(policy, now, 1, max(bases, default=None))), None)


def _judge(
    policy: DrillPolicy | None, due: float | None, now: float, *, drilled: bool, holds: bool, began: float | None
) -> DrillStanding:
    if policy is None:
        return DrillStanding.NO_POLICY
    if due is not None and now > due:
        return DrillStanding.OVERDUE
    if not drilled:
        return DrillStanding.NEVER_DRILLED
    if not holds or (due is not None and due - now <= _soon(policy, began)):
        return DrillStanding.DUE_SOON
    return DrillStanding.COMPLIANT


def _soon(policy: DrillPolicy, began: float | None) -> float:
    return min(MOST_SOON_SECONDS, _find_period(policy, began) / SOON_SHARE)


# --- stale drills ---------------------------------------------------------------------------------------------------
def _find_changes(facts: PlanFacts) -> Iterator[str]:
    """Why the last drill that counts does not hold for any server: the plan, its profiles, what the policy asks."""
    policy, last = facts.plan.drill_policy, facts.last_counting
    if policy is None or last is None:
        return
    plan, is_changed = facts.plan, fingerprints.plan_hash(facts.plan) != last.plan_hash
    if is_changed and Invalidation.PLAN_CHANGE in policy.invalidated_by:
        versions = f"version {last.plan_version} was drilled, {plan.version} is there now"
        yield f"{_describe_change('the plan', plan.updated_by, plan.updated_at)} ({versions})."
    if Invalidation.PROFILE_CHANGE in policy.invalidated_by:
        yield from _find_profile_change(facts, last)
    if policy.counts_if is CountsIf.VERIFIED and last.level is CountsIf.LAUNCHED:
        yield "The policy asks for verified servers now, and the drill has shown launched ones only."


def _find_profile_change(facts: PlanFacts, last: DrillOutcome) -> Iterator[str]:
    if fingerprints.profiles_hash(facts.groups.values()) == last.profiles_hash:
        return
    drilled = last.group_versions
    changed = [group for group in facts.groups.values() if drilled.get(group.group_id, 0) != group.version]
    named = [group for group in changed if group.group_id in drilled] or changed
    if not named:  # a group that had profiles is no longer in the plan, which is a change of the plan
        return
    newest = max(named, key=lambda group: group.updated_at or "")
    names = name_first(sorted(group.name for group in named), MAX_NAMES)
    what = f"launch profiles of {names}"
    yield f"{_describe_change(f'the {what}', newest.updated_by, newest.updated_at)}."


def _describe_change(what: str, by: str | None, at: str | None) -> str:
    """`At 2026-11-28 08:00 UTC, user/ana changed the plan`."""
    changed = f"{shorten_caller(by)} changed {what}" if by else f"{what} changed"
    return f"At {at[:16].replace('T', ' ')} UTC, {changed}" if at else f"{changed[0].upper()}{changed[1:]}"


def _find_added(facts: PlanFacts) -> Iterator[str]:
    """Required servers that no drill that counts has had."""
    policy = facts.plan.drill_policy
    if policy is None or facts.last_counting is None or Invalidation.SERVER_ADDED not in policy.invalidated_by:
        return
    added = [each for each in facts.members.servers.values() if each.server_id not in facts.counted]
    if names := sorted(each.hostname or each.server_id for each in added if not each.optional):
        was, them = ("was", "it") if len(names) == 1 else ("were", "them")
        listed = name_first(names, MAX_NAMES)
        yield f"{plural(len(names), 'server')} {was} added, and no drill that counts has had {them}: {listed}."


def _describe_unknown(facts: PlanFacts) -> Iterator[str]:
    for group in facts.members.unknown:
        yield f"The servers of {group.name} are not known: DRS in {group.target.key} was never listed."


# --- servers --------------------------------------------------------------------------------------------------------
def _judge_servers(
    facts: PlanFacts, due: float | None, changes: tuple[str, ...], now: float
) -> Iterator[ServerStanding]:
    """Servers that were drilled together stand where each other stands, so each drill is judged once."""
    judged: dict[Counted | None, _Judged] = {}
    for server_id, member in sorted(facts.members.servers.items()):
        counted = facts.counted.get(server_id)
        if counted not in judged:
            judged[counted] = _judge_drill(facts, counted, due, changes, now)
        found = judged[counted]
        yield ServerStanding(member, found.status, counted, found.due, found.is_current, found.why)


class _Judged(NamedTuple):
    """Where the servers stand whose last drill that counts is the same."""

    status: DrillStanding
    due: float | None
    is_current: bool
    why: str


def _judge_drill(
    facts: PlanFacts, counted: Counted | None, due: float | None, changes: tuple[str, ...], now: float
) -> _Judged:
    policy, last = facts.plan.drill_policy, facts.last_counting
    if counted is None:
        status = _judge(policy, due, now, drilled=False, holds=False, began=None)
        return _Judged(status, due, False, "No drill that counts has had this server.")
    began = clock.parse_iso(counted[0])
    own_due = _find_due(policy, began) if policy else None
    status = _judge(policy, own_due, now, drilled=True, holds=not changes, began=began)
    why = ""
    if changes:
        why = f"The drill is stale. {changes[0]}"
    elif last is not None and counted[1] != last.execution_id and counted[0] < last.requested_at:
        why = "The last drill that counts did not have this server."
    return _Judged(status, own_due, not changes and status is not DrillStanding.OVERDUE, why)
