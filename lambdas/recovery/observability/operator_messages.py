"""What operators are told of a run, and how they answer. Each message goes out when the record has just changed."""

from collections.abc import Mapping

from recovery import clock
from recovery.aws import sns
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run, Tally, WaveStatus
from recovery.domain.plan import Wave
from recovery.domain.verdicts import ExecutionVerdict, WaveVerdict


def send_cleanup_not_scheduled(execution: Execution, why: str) -> None:
    """Say that nothing will clean up after this drill; nothing for a run that was not to be cleaned up."""
    if execution.run.mode is not Mode.DRILL or execution.plan.clean_up_after_hours is None:
        return
    sns.publish(
        "CLEANUP_NOT_SCHEDULED",
        f"drs-waves: the clean-up of {execution.execution_id} is not scheduled",
        sns.format_facts(
            {
                "Execution": execution.execution_id,
                "Why": why,
                "What to do": f"{COMMAND} cleanup {execution.execution_id}, when the drill is done with.",
            }
        ),
        executionId=execution.execution_id,
    )


# How people answer; the same decisions can be sent to the API.
COMMAND = "drs-waves"


def send_run_started(execution: Execution) -> None:
    """A run has begun."""
    run = execution.run
    _send(
        run,
        "RUN_STARTED",
        f"{run.mode.value.lower()} of {run.plan_name} started",
        {
            "Started by": run.requested_by,
            "Point in time": run.point_in_time or "the latest",
            "Continues": run.continues,
            "Waves": ", ".join(wave.name for wave in execution.plan.waves),
            "Watch": f"{COMMAND} watch {run.execution_id}",
        },
    )


def send_approval_wanted(execution: Execution, wave: Wave, until: float) -> None:
    """A wave waits for somebody to let it go."""
    run, approval = execution.run, wave.approval
    after = f"{approval.on_timeout.value} if nobody answers" if approval else ""
    _send(
        run,
        "APPROVAL_WANTED",
        f"wave {wave.name} of {run.plan_name} waits for approval",
        {
            "Wave": wave.name,
            "Until": f"{clock.iso(until)}, then {after}",
            "Approve": f"{COMMAND} approve {run.execution_id} {wave.name}",
            "Reject": f"{COMMAND} reject {run.execution_id} {wave.name}",
        },
        wave=wave.name,
    )


def send_wave_paused(execution: Execution, wave: Wave) -> None:
    """A wave is held until somebody resumes the run."""
    run = execution.run
    _send(
        run,
        "PAUSED",
        f"{run.plan_name} is held before wave {wave.name}",
        {"Wave": wave.name, "Go on": f"{COMMAND} resume {run.execution_id}"},
        wave=wave.name,
    )


def send_wave_settled(execution: Execution, wave: Wave, verdict: WaveVerdict, tally: Tally) -> None:
    """A wave has ended, or has failed and asks what is to become of it."""
    run = execution.run
    asks = verdict.status is WaveStatus.AWAITING_DECISION
    kind = "DECISION_WANTED" if asks else "WAVE_FAILED" if verdict.status is WaveStatus.FAILED else "WAVE_DONE"
    answers = {
        f"{word.capitalize()}": f"{COMMAND} {word} {run.execution_id} {wave.name}"
        for word in ("retry", "accept", "abort")
    }
    _send(
        run,
        kind,
        f"wave {wave.name} of {run.plan_name}: {verdict.status.value}",
        {"Wave": wave.name, "Result": verdict.reason, "Servers": _format_tally(tally), **(answers if asks else {})},
        wave=wave.name,
    )


def send_decision(run: Run, decision: str, by: str, comment: str, wave: str | None = None) -> None:
    """Somebody decided something."""
    what = f"{decision} {wave}" if wave else decision
    facts = {"Decision": what, "By": by, "Comment": comment}
    _send(run, "DECIDED", f"{run.plan_name}: {what}", facts, **({"wave": wave} if wave else {}))


def send_run_finished(execution: Execution, verdict: ExecutionVerdict, tally: Tally) -> None:
    """A run has ended."""
    run = execution.run
    # One that was refused is not continued: it would be with the plan as it was.
    rest = run.mode is not Mode.READINESS and verdict.status is not ExecutionStatus.NOT_READY and tally.missing
    _send(
        run,
        "RUN_FINISHED",
        f"{run.mode.value.lower()} of {run.plan_name}: {verdict.status.value}",
        {
            "Result": verdict.reason,
            "Servers": _format_tally(tally),
            "Recover the rest": f"{COMMAND} continue {run.execution_id}" if rest else None,
        },
        status=verdict.status.value,
    )


def _format_tally(tally: Tally) -> str:
    return f"{tally.launched} of {tally.total} launched, {tally.failed} failed, {tally.excluded} excluded"


def _send(run: Run, kind: str, subject: str, facts: Mapping[str, str | None], **attributes: str) -> None:
    text = sns.format_facts({"Plan": run.plan_name, "Execution": run.execution_id, **facts})
    sns.publish(kind, f"drs-waves: {subject}", text, planId=run.plan_id, executionId=run.execution_id, **attributes)
