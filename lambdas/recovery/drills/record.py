"""Records what drills have shown: the outcome of each, and what follows for its plan and its servers.

An outcome is computed anew from the record of the run each time, and so is what follows from outcomes. A call that is
repeated, comes late or before an earlier one, or was interrupted therefore ends with the same rows: each row is written
over the version that was read before its content was, and after another writer the work begins anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from recovery.domain.drills import fingerprints
from recovery.domain.drills.counting import DrilledServer, DrillFacts, find_why_not
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.policy import CountsIf
from recovery.domain.drills.verdicts import Judgement, Opinion
from recovery.domain.execution import ExecutionStatus, Mode, Run, ServerStatus
from recovery.domain.plan import RecoveryPlan
from recovery.domain.wave_steps.ladder import Verification
from recovery.domain.wave_steps.modes import RunMode
from recovery.errors import AwsUnavailable, ExecutionNotFound
from recovery.store import chains, execution_record, run_requests
from recovery.store.chains import Chain
from recovery.store.drills import outcomes, schedules, verdicts
from recovery.store.drills.outcomes import SERVERS_PER_PART, Counted, DrillSummary, ServerPart

# How often rows that another writer changes meanwhile are computed anew.
MAX_ATTEMPTS = 5
# Earlier drills that are read for the servers of one that has ceased to count.
MAX_EARLIER_DRILLS = 20


def record_drill(execution_id: str) -> DrillOutcome | None:
    """Record the outcome of an ended drill, and what follows; None for a run that is no drill, or has not ended.

    What changed a run may change those that continue it, so they are recorded as well. Raise ExecutionNotFound, and
    AwsUnavailable if other writers are first again and again.
    """
    if Mode.of_run(execution_id) is not Mode.DRILL:
        return None
    chain = chains.read_chain(execution_id)
    later = chain.runs[chain.execution_ids.index(execution_id) :]
    ended = [run for run in later if run.status.is_final and run.ended_at]
    recorded = [_record_outcome(chain, run) for run in ended]
    if recorded:
        _record_consequences(chain.first.plan_id, recorded)
    outcomes_by_id = {each.outcome.execution_id: each.outcome for each in recorded}
    return outcomes_by_id.get(execution_id)


@dataclass(frozen=True, slots=True)
class _Judged:
    """An outcome, and the servers that did what the policy asked."""

    outcome: DrillOutcome
    shown: frozenset[str]

    @property
    def counted(self) -> dict[str, Counted]:
        """The entries of its servers."""
        entry = (self.outcome.requested_at, self.outcome.execution_id)
        return dict.fromkeys(self.shown, entry)


def _record_outcome(chain: Chain, run: Run) -> _Judged:
    for _ in range(MAX_ATTEMPTS):
        on_record, version = outcomes.get_outcome(run.plan_id, run.execution_id)
        judged = _judge(chain.up_to(run.execution_id))
        if judged.outcome == on_record or outcomes.write_outcome(judged.outcome, version):
            return judged
        chain = chains.read_chain(run.execution_id)
    raise AwsUnavailable(f"the outcome of {run.execution_id} changes again and again")


# --- one drill ------------------------------------------------------------------------------------------------------
def _judge(chain: Chain) -> _Judged:
    """The outcome of the last run of the chain, with the servers of all its runs."""
    run = chain.last
    plan, groups = run_requests.get_plan(run.execution_id), run_requests.get_groups(run.execution_id)
    opinion = _find_opinion(chain)
    facts = DrillFacts(
        status=ExecutionStatus(run.status),
        servers=_merge(server for each in chain.execution_ids for server in _read_servers(each)),
        counts_if=plan.drill_policy.counts_if if plan.drill_policy else CountsIf.LAUNCHED,
        has_actions=_has_actions(plan),
        has_profiles=any(group.profiles.has_any(RunMode.DRILL) for group in groups.values()),
        actions={each.actions for each in chain.runs},
        profiles={each.profiles for each in chain.runs},
        continued_by=run.continued_by,
        verdict=opinion,
    )
    why_not, required = find_why_not(facts), facts.required
    outcome = DrillOutcome(
        execution_id=run.execution_id,
        plan_id=run.plan_id,
        requested_at=run.requested_at,
        ended_at=run.ended_at or "",
        status=run.status.value,
        counts=not why_not,
        why_not=tuple(why_not),
        level=facts.level,
        counts_if=facts.counts_if,
        verdict=facts.verdict.judgement.value if facts.verdict else None,
        appointment=schedules.find_appointment(run.plan_id, chain.first.execution_id),
        servers_total=len(facts.servers),
        servers_required=len(required),
        servers_launched=sum(server.launched for server in required),
        servers_verified=sum(server.verified for server in required),
        plan_hash=fingerprints.plan_hash(plan),
        profiles_hash=fingerprints.profiles_hash(groups.values()),
        plan_version=plan.version,
        group_versions={group_id: group.version for group_id, group in sorted(groups.items())},
    )
    return _Judged(outcome, frozenset(each.server_id for each in facts.servers.values() if facts.has_shown(each)))


def _find_opinion(chain: Chain) -> Opinion | None:
    """The verdict on the last run of the chain; without one, a rejection of an earlier run, whose servers it has."""
    said = [verdicts.get_verdict(run.plan_id, run.execution_id) for run in reversed(chain.runs)]
    opinions = [verdict.current if verdict else None for verdict in said]
    rejections = (each for each in opinions if each and each.judgement is Judgement.REJECTED)
    return opinions[0] or next(rejections, None)


def _has_actions(plan: RecoveryPlan) -> bool:
    of_waves = (action for wave in plan.waves for action in (*wave.before, *wave.after))
    return any(RunMode.DRILL in action.modes for action in (*plan.before, *plan.after, *of_waves))


def _merge(servers: Iterable[DrilledServer]) -> dict[str, DrilledServer]:
    merged: dict[str, DrilledServer] = {}
    for server in servers:
        known = merged.get(server.server_id)
        merged[server.server_id] = known + server if known else server
    return merged


def _read_servers(execution_id: str) -> Iterator[DrilledServer]:
    for each in execution_record.walk_servers(execution_id, None, None, None, None):
        yield _read_server(each.server, each.checked)


def _read_server(server: Mapping[str, Any], checked: Mapping[str, Any] | None) -> DrilledServer:
    return DrilledServer(
        server["sourceServerId"],
        server.get("hostname") or "",
        required=not server.get("optional"),
        launched=server["status"] == ServerStatus.LAUNCHED,
        checked=checked is not None,
        verified=checked is not None and checked["status"] == Verification.VERIFIED,
    )


# --- what follows for the plan and its servers ----------------------------------------------------------------------
def _record_consequences(plan_id: str, recorded: Sequence[_Judged]) -> None:
    """Bring SERVERS# and SUMMARY up to what the outcomes say.

    SUMMARY is written last, and always: its version tells a writer that overlaps that it has to begin anew.
    """
    for _ in range(MAX_ATTEMPTS):
        before = outcomes.get_summary(plan_id)
        found = _find_notable(plan_id, before)
        parts = outcomes.list_server_parts(plan_id)
        changed = _update_servers(plan_id, parts, recorded)
        is_written = all(outcomes.write_server_part(plan_id, part) for part in changed)
        wanted = replace(found, parts=len(parts))
        if is_written and outcomes.write_summary(plan_id, wanted, before.version):
            return
    raise AwsUnavailable(f"the summary of the drills of {plan_id} changes again and again")


def _find_notable(plan_id: str, known: DrillSummary) -> DrillSummary:
    """The newest drill, and the newest that counts. Beyond the drills that are read back, the known one stands."""
    last, seen = None, 0
    for outcome in outcomes.walk_outcomes(plan_id):
        last, seen = last or outcome, seen + 1
        if outcome.counts:
            return DrillSummary(last, outcome)
    before = known.last_counting
    if before is None or seen < outcomes.MAX_DRILLS:
        return DrillSummary(last, None)
    still, _ = outcomes.get_outcome(plan_id, before.execution_id)
    return DrillSummary(last, still if still and still.counts else None)


def _update_servers(plan_id: str, parts: list[ServerPart], recorded: Sequence[_Judged]) -> list[ServerPart]:
    """Change the parts to what the outcomes say; return those that have changed. A server stays in its part.

    Servers whose last drill has ceased to count are handed back to the one before it.
    """
    before = {server_id: counted for part in parts for server_id, counted in part.servers.items()}
    named = {execution_id for _, execution_id in before.values()}
    known = outcomes.get_outcomes(plan_id, named | {each.outcome.execution_id for each in recorded})
    counting = {execution_id for execution_id, outcome in known.items() if outcome.counts}
    after = {server_id: counted for server_id, counted in before.items() if counted[1] in counting}
    _hand_back(plan_id, before.keys() - after.keys(), after)
    for judged in recorded:
        if judged.outcome.execution_id in counting:
            _add_newer(after, judged.counted)
    return _change_parts(parts, before, after)


def _hand_back(plan_id: str, lost: Set[str], servers: dict[str, Counted]) -> None:
    """Add the newest drill that counts of each of these servers, if it is among the last ones of the plan."""
    for outcome in _list_counting(plan_id) if lost else ():
        _add_newer(servers, {each: counted for each, counted in _list_shown(outcome).items() if each in lost})
        if lost <= servers.keys():
            return


def _add_newer(servers: dict[str, Counted], found: Mapping[str, Counted]) -> None:
    for server_id, counted in found.items():
        servers[server_id] = max(servers.get(server_id, counted), counted)


def _list_counting(plan_id: str) -> Iterator[DrillOutcome]:
    """The newest drills of the plan that count, newest first."""
    left = MAX_EARLIER_DRILLS
    for outcome in outcomes.walk_outcomes(plan_id):
        if outcome.counts and left:
            left -= 1
            yield outcome


def _list_shown(outcome: DrillOutcome) -> dict[str, Counted]:
    """The servers that did in this drill what its policy asked; none if its record was deleted."""
    try:
        return _judge(chains.read_chain(outcome.execution_id).up_to(outcome.execution_id)).counted
    except ExecutionNotFound:
        return {}


def _change_parts(
    parts: list[ServerPart], before: Mapping[str, Counted], after: Mapping[str, Counted]
) -> list[ServerPart]:
    changed: dict[int, ServerPart] = {}
    for part in parts:
        kept = {server_id: after[server_id] for server_id in part.servers if server_id in after}
        if kept != part.servers:
            part.servers = kept
            changed[part.number] = part
    for server_id in sorted(after.keys() - before.keys()):
        part = next((each for each in parts if len(each.servers) < SERVERS_PER_PART), None) or ServerPart(len(parts))
        if part.number == len(parts):
            parts.append(part)
        part.servers[server_id] = after[server_id]
        changed[part.number] = part
    return [changed[number] for number in sorted(changed)]
