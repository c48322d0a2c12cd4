"""Where plans and servers stand: whether a drill that counts is recent enough, and still holds.

All moments are epoch seconds, and those in texts ISO 8601.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple

from recovery import clock
from recovery.domain.drills import fingerprints
from recovery.domain.drills.appointments import find_deadline, list_appointments
from recovery.domain.drills.listed import Member, Members
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.policy import CountsIf, DrillPolicy, Invalidation
from recovery.domain.drills.schedules import Appointment, Pause
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.identities import shorten_caller
from recovery.wording import name_first, plural

# A plan is due soon in the last tenth of its period, and at most this long before its deadline.
MOST_SOON_SECONDS = 14 * 86_400
SOON_SHARE = 10
# How a target gets its list.
SYNC_LISTS_IT = "The hourly sync lists it; POST /drs/recovery-instance-sync starts one."
# Names in a sentence.
MAX_NAMES = 3

Counted = tuple[str, str]


class DrillStanding(StrEnum):
    """Where a plan, a group or a server stands, from the worst.

    OVERDUE: its deadline has passed without a drill that counts. NO_DRILL_COUNTS: drills were run, none counts, and the
    deadline is ahead. NEVER_DRILLED: there was no drill, and the deadline of the first is ahead. DUE_SOON: its deadline
    is near, or its last drill is stale. NO_POLICY: nothing is asked of it.
    """

    OVERDUE = "OVERDUE"
    NO_DRILL_COUNTS = "NO_DRILL_COUNTS"
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
    is the last moment of the schedule that was dealt with, None before the first, and `decided` what became of the last
    one that was to begin by itself. `pause` is the one that is on.
    """

    plan: RecoveryPlan
    groups: Mapping[str, ProtectionGroup]
    members: Members
    last: DrillOutcome | None = None
    last_counting: DrillOutcome | None = None
    counted: Mapping[str, Counted] = field(default_factory=dict)
    pause: Pause | None = None
    last_appointment: float | None = None
    decided: Appointment | None = None


class ServerStanding(NamedTuple):
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


class _Judged(NamedTuple):
    """Where the servers stand whose last drill that counts is the same."""

    status: DrillStanding
    due: float | None
    is_current: bool
    why: str


@dataclass(frozen=True)
class PlanStanding:
    """Where a plan stands. `due` is the end of the window of its next appointment; None if nothing is due.

    `next` is that appointment, None without a policy, while it is paused, or if its expression has no other. `stale`
    has why its last drill does not hold any more, and `unknown` what could not be judged, each a sentence. `judged` has
    where servers stand by their last drill that counts: those that were drilled together stand where each other stands.
    """

    facts: PlanFacts
    status: DrillStanding
    due: float | None
    next: float | None
    stale: tuple[str, ...]
    unknown: tuple[str, ...]
    judged: Mapping[Counted | None, _Judged]

    @cached_property
    def servers(self) -> tuple[ServerStanding, ...]:
        """Where each of its servers stands, by id. The answers about plans need none of them."""
        return tuple(self._list_servers())

    def _list_servers(self) -> Iterator[ServerStanding]:
        for server_id, member in sorted(self.facts.members.servers.items()):
            counted = self.facts.counted.get(server_id)
            found = self.judged[counted]
            yield ServerStanding(member, found.status, counted, found.due, found.is_current, found.why)

    def count_servers(self, group_id: str | None = None) -> Counts:
        """The counts of its servers, or of those of a group."""
        members = self.facts.members.servers.values()
        ids = (member.server_id for member in members if group_id in (None, member.group.group_id))
        drilled = Counter(map(self.facts.counted.get, ids))
        total, never = drilled.total(), drilled[None]
        current = sum(count for counted, count in drilled.items() if self.judged[counted].is_current)
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
        status=_judge(policy, due, now, drilled=_is_drilled(facts), holds=not stale, began=began),
        due=due,
        next=_find_next(facts, began, now),
        stale=stale,
        unknown=tuple(_describe_unknown(facts)),
        judged=_judge_servers(facts, due, changes, now),
    )


# --- deadlines ------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=8_192)
def _find_due(policy: DrillPolicy, began: float | None) -> float | None:
    """The deadline after a drill that began then.

    A policy asks for none before its own first appointment. One that has replaced another postpones none that was owed,
    unless its own rules leave more time after the last drill.
    """
    first = find_deadline(policy, None)
    after = find_deadline(policy, began) if began is not None else first
    if first is None or after is None:
        return None
    if not policy.owed or (began is not None and began > clock.parse_iso(policy.since)):
        return max(first, after)
    owed = min(first, clock.parse_iso(policy.owed))
    by_rules = find_deadline(replace(policy, first_on=None), began) if began is not None else None
    return owed if by_rules is None else max(owed, by_rules)


def find_owed(policy: DrillPolicy | None, last_counting: DrillOutcome | None, now: float) -> float | None:
    """The deadline that stays when other rules replace these; None if there is none.

    Before the first drill it stays only once it has passed: until then, the plan is shown as never drilled.
    """
    due = _find_due(policy, clock.parse_iso(last_counting.requested_at) if last_counting else None) if policy else None
    return None if due is None or (last_counting is None and due > now) else due


@lru_cache(maxsize=8_192)
def _find_period(policy: DrillPolicy, began: float | None) -> float:
    """Seconds between the next appointment and the one after it."""
    if policy.every_days:
        return policy.every_days * 86_400.0
    moments = list_appointments(policy, began or 0.0, 2, began)
    return moments[1] - moments[0] if len(moments) > 1 else 0.0


def _find_next(facts: PlanFacts, began: float | None, now: float) -> float | None:
    policy = facts.plan.drill_policy
    if policy is None or facts.pause:
        return None
    bases = [moment for moment in (began, facts.last_appointment) if moment is not None]
    return next(iter(list_appointments(policy, now, 1, max(bases, default=None))), None)


def _is_drilled(facts: PlanFacts) -> bool:
    return facts.last is not None or facts.last_counting is not None


def _judge(
    policy: DrillPolicy | None, due: float | None, now: float, *, drilled: bool, holds: bool, began: float | None
) -> DrillStanding:
    """`began` is when the last drill that counts did, None if none counts, though one may have been run (`drilled`)."""
    if policy is None:
        return DrillStanding.NO_POLICY
    if due is not None and now > due:
        return DrillStanding.OVERDUE
    if began is None:
        return DrillStanding.NO_DRILL_COUNTS if drilled else DrillStanding.NEVER_DRILLED
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
    """Required servers that the last drill that counts has not had: new ones, and those that were away at that time."""
    policy, last = facts.plan.drill_policy, facts.last_counting
    if policy is None or last is None or Invalidation.SERVER_ADDED not in policy.invalidated_by:
        return
    required = [each for each in facts.members.servers.values() if not each.optional]
    added = [each for each in required if each.server_id not in facts.counted]
    back = [each for each in required if (counted := facts.counted.get(each.server_id)) and _is_older(counted, last)]
    yield from _describe_added(added, "no drill that counts has had")
    yield from _describe_added(back, "the last drill that counts did not have")


def _describe_added(servers: Sequence[Member], what: str) -> Iterator[str]:
    if names := sorted(each.hostname or each.server_id for each in servers):
        was, them = ("was", "it") if len(names) == 1 else ("were", "them")
        yield f"{plural(len(names), 'server')} {was} added, and {what} {them}: {name_first(names, MAX_NAMES)}."


def _is_older(counted: Counted, last: DrillOutcome) -> bool:
    """Whether a server was in another drill that counts, and not in the last one."""
    return counted[1] != last.execution_id and counted[0] < last.requested_at


def _describe_unknown(facts: PlanFacts) -> Iterator[str]:
    for group in facts.members.unknown:
        yield f"The servers of {group.name} are not known: DRS in {group.target.key} was never listed. {SYNC_LISTS_IT}"


# --- servers --------------------------------------------------------------------------------------------------------
def _judge_servers(
    facts: PlanFacts, due: float | None, changes: tuple[str, ...], now: float
) -> dict[Counted | None, _Judged]:
    """Where servers stand by their last drill that counts: each drill is judged once."""
    drilled = set(map(facts.counted.get, facts.members.servers))
    return {counted: _judge_drill(facts, counted, due, changes, now) for counted in drilled}


def _judge_drill(
    facts: PlanFacts, counted: Counted | None, due: float | None, changes: tuple[str, ...], now: float
) -> _Judged:
    policy, last = facts.plan.drill_policy, facts.last_counting
    if counted is None:
        none_counts = last is None and facts.last is not None
        status = _judge(policy, due, now, drilled=none_counts, holds=False, began=None)
        return _Judged(status, due, False, "No drill that counts has had this server.")
    began = clock.parse_iso(counted[0])
    own_due = _find_due(policy, began) if policy else None
    status = _judge(policy, own_due, now, drilled=True, holds=not changes, began=began)
    why = ""
    if changes:
        why = f"The drill is stale. {changes[0]}"
    elif last is not None and _is_older(counted, last):
        why = "The last drill that counts did not have this server."
    return _Judged(status, own_due, not changes and status is not DrillStanding.OVERDUE, why)
