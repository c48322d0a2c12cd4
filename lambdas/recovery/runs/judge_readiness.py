"""Judges by the inspection whether a run may start, and ends a run that launches nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recovery.domain import readiness
from recovery.domain.execution import Mode
from recovery.domain.inspection import WaveTargetSummary, describe_selection, is_listed_by_id
from recovery.domain.plan import ProtectionGroup, RecoveryPlan, Wave
from recovery.domain.readiness import WaveReadiness
from recovery.domain.target import Target
from recovery.domain.wave_steps import needs
from recovery.runs import finish
from recovery.runs.inspection import uninspected
from recovery.runs.inspection.refusals import list_refusals, record_refused_steps
from recovery.store import batches, executions, inspections, run_requests
from recovery.target_services import prerequisites


@dataclass(frozen=True, slots=True)
class RunReadiness:
    """Why a run must not start; nothing when it may. `waves` has the names of its waves in plan order.

    `has_actions_before` and `has_actions_after`: the plan has actions before its first and after its last wave.
    `reserves_in` has the targets in which the run reserves capacity for its waves.
    """

    refusals: Sequence[str]
    is_readiness_run: bool
    waves: Sequence[str]
    has_actions_before: bool = False
    has_actions_after: bool = False
    reserves_in: Sequence[Target] = ()


def judge_run(execution_id: str, errors: Mapping[Target, str]) -> RunReadiness:
    """Judge the run by its inspection. End the run if it is refused, or if it is a readiness run.

    `errors` has the error of each target that did not answer. It refuses no drill and no recovery: the parts of their
    waves in that target wait for it. A readiness run does not wait, so it is refused unless its waves can do without.
    """
    execution = executions.get_execution(execution_id)
    groups = run_requests.get_groups(execution_id)
    if not execution.run.is_halted:
        uninspected.record_uninspected(execution, groups, errors)
    summaries = inspections.list_summaries(execution_id)
    waves = [
        _judge_wave(wave, groups, [summary for summary in summaries if summary.wave == wave.name])
        for wave in execution.plan.waves
    ]
    refusals = readiness.collect_refusals(waves)
    is_readiness_run = execution.run.mode is Mode.READINESS
    if is_readiness_run:
        refusals = [
            *refusals,
            *list_refusals(execution_id),
            *_find_refused_steps(execution_id, execution.plan, groups),
        ]
    if refusals:
        finish.end_without_launch(execution, readiness.judge_refusal(refusals), "the run was refused")
    elif is_readiness_run:
        verdict = readiness.judge_readiness_run(waves, sum(summary.warned for summary in summaries))
        finish.end_without_launch(execution, verdict, "nothing was to be launched")
    plan = execution.plan
    names = [wave.name for wave in plan.waves]
    reserves = execution.run.reserves_capacity and not (refusals or is_readiness_run)
    targets = sorted({batch.ref.target for batch in batches.list_batches(execution_id)}) if reserves else []
    return RunReadiness(refusals, is_readiness_run, names, bool(plan.before), bool(plan.after), targets)


def _find_refused_steps(execution_id: str, plan: RecoveryPlan, groups: Mapping[str, ProtectionGroup]) -> list[str]:
    """Why checks and actions of the plan would not work as things are. A drill or a recovery does not wait for this."""
    problems = [each for each in prerequisites.find_problems(needs.list_needs(plan, groups)) if each.is_certain]
    record_refused_steps(execution_id, problems)
    return [problem.describe() for problem in problems]


def _judge_wave(
    wave: Wave, groups: Mapping[str, ProtectionGroup], summaries: Sequence[WaveTargetSummary]
) -> WaveReadiness:
    inspected = [summary for summary in summaries if not summary.pending]
    return WaveReadiness(
        wave=wave,
        total=sum(summary.servers for summary in summaries),
        blocked=sum(summary.blocked for summary in inspected),
        example_reason=next((summary.example_reason for summary in inspected if summary.example_reason), ""),
        selections="; ".join(describe_selection(groups[use.group_id]) for use in wave.groups),
        blocked_optional=sum(summary.blocked_optional for summary in inspected),
        already_launched=sum(summary.already_launched for summary in inspected),
        unlistable_groups=_collect(inspected, "unlistable_groups"),
        empty_groups=_collect(inspected, "empty_groups"),
        is_complete=_are_all_servers_known(wave, groups, summaries),
        refusals=_collect(inspected, "refusals"),
    )


def _collect(summaries: Iterable[WaveTargetSummary], name: str) -> list[str]:
    """The reasons of this field of all summaries."""
    return [reason for summary in summaries for reason in getattr(summary, name)]


def _are_all_servers_known(
    wave: Wave, groups: Mapping[str, ProtectionGroup], summaries: Sequence[WaveTargetSummary]
) -> bool:
    pending = {summary.target for summary in summaries if summary.pending}
    uses = [(use, groups[use.group_id]) for use in wave.groups]
    return all(group.target not in pending or is_listed_by_id(use, group) for use, group in uses)
