"""Judges by the inspection whether a run may start, and ends a run that launches nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recovery.domain import readiness
from recovery.domain.execution import Execution, Mode
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.plan import ProtectionGroup, Wave
from recovery.domain.readiness import WaveReadiness
from recovery.runs import finish
from recovery.store import executions, inspections


@dataclass(frozen=True, slots=True)
class RunReadiness:
    """Why a run must not start; nothing when it may. `waves` has the names of its waves in plan order."""

    refusals: Sequence[str]
    is_readiness_run: bool
    waves: Sequence[str]


def judge_run(execution_id: str) -> RunReadiness:
    """Judge the run by its inspection. End the run if it is refused, or if it is a readiness run."""
    execution = executions.get_execution(execution_id)
    summaries = inspections.list_summaries(execution_id)
    waves = _judge_waves(execution, summaries)
    refusals = readiness.collect_refusals(waves)
    is_readiness_run = execution.run.mode is Mode.READINESS
    if refusals:
        finish.end_without_launch(execution, readiness.judge_refusal(refusals), "the run was refused")
    elif is_readiness_run:
        verdict = readiness.judge_readiness_run(waves, sum(summary.warned for summary in summaries))
        finish.end_without_launch(execution, verdict, "nothing was to be launched")
    return RunReadiness(refusals, is_readiness_run, [wave.name for wave in execution.plan.waves])


def _judge_waves(execution: Execution, summaries: Sequence[WaveTargetSummary]) -> list[WaveReadiness]:
    groups = executions.get_groups(execution.execution_id)
    return [
        _judge_wave(wave, groups, [summary for summary in summaries if summary.wave == wave.name])
        for wave in execution.plan.waves
    ]


def _judge_wave(
    wave: Wave, groups: Mapping[str, ProtectionGroup], summaries: Sequence[WaveTargetSummary]
) -> WaveReadiness:
    used = [groups[use.group_id] for use in wave.groups]
    return WaveReadiness(
        wave=wave,
        total=sum(summary.servers for summary in summaries),
        blocked=sum(summary.blocked for summary in summaries),
        example_reason=next((summary.example_reason for summary in summaries if summary.example_reason), ""),
        selections="; ".join(f"{group.name}: {_describe_selection(group)} in {group.target.key}" for group in used),
        blocked_optional=sum(summary.blocked_optional for summary in summaries),
        already_launched=sum(summary.already_launched for summary in summaries),
        unlistable_groups=[reason for summary in summaries for reason in summary.unlistable_groups],
    )


def _describe_selection(group: ProtectionGroup) -> str:
    if group.server_ids:
        return f"{len(group.server_ids)} servers by id"
    return "tags " + ", ".join(f"{key}={value}" for key, value in sorted(group.tags.items()))
