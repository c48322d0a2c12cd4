"""Messages to operators about what takes longer than it should. Each is sent once, behind a mark in the record."""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import sns
from recovery.domain.batch import BatchRef
from recovery.domain.execution import Run, WaveStatus
from recovery.observability.operator_messages import COMMAND

# Lines about what a run waits for; a run of a thousand servers can have ten jobs in each of many targets.
MAX_BLOCKERS = 10

_ANSWERS: Mapping[WaveStatus, tuple[str, tuple[str, ...]]] = {
    WaveStatus.AWAITING_APPROVAL: ("an approval", ("approve", "reject")),
    WaveStatus.AWAITING_DECISION: ("a decision", ("retry", "accept", "abort")),
}


def send_target_missed(run: Run, wave: str | None, minutes: int, blockers: Sequence[str]) -> None:
    """Report that a run, or a wave of it, has not ended within its RTO target, and what it waits for."""
    mode = run.mode.value.lower()
    late = "wave {wave} is" if wave else "it is"
    more = [f"and {len(blockers) - MAX_BLOCKERS} more"] if len(blockers) > MAX_BLOCKERS else []
    sns.publish(
        "WAVE_OVERDUE" if wave else "RUN_OVERDUE",
        f"{mode} of {{plan}}: {late} past its RTO target",
        {"plan": run.plan_name, "wave": wave or ""},
        sns.format_facts(
            {
                "Plan": run.plan_name,
                "Kind": mode,
                "Execution": run.execution_id,
                "Wave": wave,
                "Target": f"{minutes} min; it was missed by {clock.iso()} at the latest",
                "Waits for": [*blockers[:MAX_BLOCKERS], *more] or "nothing: it is about to end",
                "What happens": "the run goes on; nothing is cancelled because of the target",
                "What to do": f"Answer what it waits for. {COMMAND} status {run.execution_id} shows its progress, "
                "docs/runbook.md, 'A run is late' what each wait means.",
            }
        ),
        planId=run.plan_id,
        executionId=run.execution_id,
        **({"wave": wave} if wave else {}),
    )


def send_job_overdue(ref: BatchRef, job_id: str, progress: str) -> None:
    """Report that a DRS job takes far longer than usual; `progress` has its stage and age."""
    sns.publish(
        "JOB_OVERDUE",
        "a DRS job in {target} takes far longer than usual",
        {"target": ref.target.key},
        sns.format_facts(
            {
                "Job": job_id,
                "Target": ref.target.key,
                "Execution": ref.execution_id,
                "Wave": f"{ref.wave}, batch {ref.number}",
                "Stage and age": progress,
                "What happens": "drs-waves polls the job until DRS ends it; no server has failed because of this",
                "What to do": "Read DRS's log of the job in the DRS console, or with "
                f"{COMMAND} get '/executions/{ref.execution_id}/job-log?jobId={job_id}'. See AWS Health for DRS and "
                "EC2 in the Region. In the stage conversion, look at the conversion servers in the staging subnet.",
            }
        ),
        target=ref.target.key,
        executionId=ref.execution_id,
        wave=ref.wave,
    )


def describe_wait_of_run(run: Run) -> str:
    """That the run is paused, and the command that resumes it."""
    return f"an operator to resume the run: {COMMAND} resume {run.execution_id}"


def describe_wait_of_wave(run: Run, row: Mapping[str, Any]) -> str | None:
    """What a wave waits for an operator to do, with the commands; None when it waits for none."""
    status, name = WaveStatus(row["status"]), row["wave"]
    if status is WaveStatus.PAUSED:
        return f"wave {name}: {describe_wait_of_run(run)}"
    if status not in _ANSWERS or row.get("failureDecision"):
        return None
    awaited, answers = _ANSWERS[status]
    commands = ", or ".join(f"{COMMAND} {answer} {run.execution_id} {name}" for answer in answers)
    return f"wave {name}: {awaited}, since {row.get('waitingSince', 'a while')}: {commands}"
