"""Messages to operators about what takes longer than it should. Each is sent once, behind a mark in the record."""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import sns
from recovery.commands import format_command
from recovery.domain.batch import BatchRef
from recovery.domain.execution import Run, WaveStatus
from recovery.domain.wave_steps.action_record import AwaitedAnswer, find_awaited
from recovery.domain.wave_steps.approvals import OnTimeout
from recovery.observability import wave_facts
from recovery.observability.operator_messages import name_section
from recovery.wording import describe_deadline, first_of

# Lines about what a run waits for; a run of a thousand servers can have ten jobs in each of many targets.
MAX_BLOCKERS = 20

_ANSWERS: Mapping[WaveStatus, tuple[str, tuple[str, ...]]] = {
    WaveStatus.AWAITING_APPROVAL: ("an approval", ("approve", "reject")),
    WaveStatus.AWAITING_DECISION: ("a decision", ("retry", "accept", "abort")),
}


def send_target_missed(run: Run, wave: str | None, minutes: int, blockers: Sequence[str]) -> None:
    """Report that a run, or a wave of it, has not ended within its RTO target, and what it waits for."""
    mode = run.mode.value
    late = "wave {wave} is" if wave else "it is"
    sns.publish(
        "WAVE_OVERDUE" if wave else "RUN_OVERDUE",
        f"{mode} of {{plan}}: {late} past its RTO target",
        {"plan": run.plan_name, "wave": wave or ""},
        sns.format_facts(
            {
                "Kind": mode,
                "Plan": run.plan_name,
                "Execution": run.execution_id,
                "Wave": wave,
                "Target": f"{minutes} min; missed by {clock.iso()[11:16]} UTC at the latest",
                "Waits for": first_of(blockers, MAX_BLOCKERS) or "nothing: it is about to end",
                "What happens": "the run goes on; nothing is cancelled because of the target",
                "What to do": [
                    "Answer what it waits for. See its progress:",
                    format_command("status", run.execution_id),
                ],
                "Runbook": name_section("A run is past its RTO"),
            }
        ),
        planId=run.plan_id,
        executionId=run.execution_id,
        **({"wave": wave} if wave else {}),
    )


def send_job_overdue(run: Run, ref: BatchRef, job_id: str, progress: str) -> None:
    """Report that a DRS job takes far longer than usual; `progress` has its stage and age."""
    mode = run.mode.value
    sns.publish(
        "JOB_OVERDUE",
        f"{mode} of {{plan}}: a DRS job in {{target}} takes very long",
        {"plan": run.plan_name, "target": ref.target.key},
        sns.format_facts(
            {
                "Kind": mode,
                "Plan": run.plan_name,
                "Execution": ref.execution_id,
                "Wave": f"{ref.wave}, batch {ref.number}",
                "Target": ref.target.key,
                "Job": job_id,
                "Stage and age": progress,
                "What happens": "drs-waves polls the job until DRS ends it; no server has failed because of this",
                "What to do": [
                    "Read DRS's log of the job, here or in the DRS console:",
                    format_command("logs", ref.execution_id, "--job", job_id),
                    "See AWS Health for DRS and EC2 in the Region. In the stage conversion, look at the conversion "
                    "servers in the staging subnet.",
                ],
                "Runbook": name_section("A job is stuck"),
            }
        ),
        target=ref.target.key,
        planId=run.plan_id,
        executionId=ref.execution_id,
        wave=ref.wave,
    )


def send_approval_due(run: Run, wave: str, until: float, on_timeout: str | None) -> None:
    """Remind operators of an approval whose deadline is near; `on_timeout` is what the plan makes of no answer."""
    mode, left = run.mode.value, describe_deadline(until, clock.now())
    silence = {
        OnTimeout.APPROVE.value: "without an answer the wave is approved then, and starts",
        OnTimeout.REJECT.value: "without an answer the wave is rejected then: it and the waves after it are skipped",
    }
    sns.publish(
        "APPROVAL_DUE",
        f"{mode} of {{plan}}: wave {{wave}} still waits for approval",
        {"plan": run.plan_name, "wave": wave},
        sns.format_facts(
            {
                "Kind": mode,
                "Plan": run.plan_name,
                "Execution": run.execution_id,
                "Wave": wave,
                "Until": "; ".join(filter(None, [left, silence.get(on_timeout or "")])),
                "Needs": wave_facts.name_other_person(run, "approve"),
                "Approve": [format_command("approve", run.execution_id, wave)],
                "Reject": [format_command("reject", run.execution_id, wave)],
                "Runbook": name_section("A run is waiting for me: what do I do?"),
            }
        ),
        planId=run.plan_id,
        executionId=run.execution_id,
        wave=wave,
    )


def describe_wait_of_run(run: Run) -> str:
    """That the run is paused, and the command that resumes it."""
    return f"an operator to resume the run: {format_command('resume', run.execution_id)}"


_AWAITED_OF_ACTIONS = {
    AwaitedAnswer.CONFIRM: "a person to confirm it",
    AwaitedAnswer.DECISION: "a decision, because it failed",
}


def describe_action(run: Run, row: Mapping[str, Any]) -> list[str]:
    """What an action waits for, by its ACTION# row, and each command on a line; nothing when it has ended."""
    name = row["name"]
    if awaited := find_awaited(row):
        commands = [format_command("answer", run.execution_id, name, answer) for answer in awaited.answers]
        return [f"action {name}: {_AWAITED_OF_ACTIONS[awaited]}:", *commands]
    if row["status"] not in ("RUNNING", "WAITING"):
        return []
    until = f"; deadline {describe_deadline(float(row['until']), clock.now())}" if row.get("until") else ""
    return [f"action {name}: {row['title']}{until}"]


def describe_checks(row: Mapping[str, Any]) -> list[str]:
    """How many servers of a batch have checks to pass, by its CHECKS# row; nothing when all have an answer."""
    checked, verified, unverified = (int(row.get(name, 0)) for name in ("checked", "verified", "unverified"))
    left = checked - verified - unverified
    if row.get("endedAt") or left <= 0:
        return []
    until = f"; deadline {describe_deadline(float(row['until']), clock.now())}" if row.get("until") else ""
    place = f"batch {row['batch']} in {row['accountId']}/{row['region']}"
    return [f"wave {row['wave']}: {left} of {checked} servers of {place} to pass their checks{until}"]


def describe_wait_of_wave(run: Run, row: Mapping[str, Any]) -> list[str]:
    """What a wave waits for an operator to do, and each command on a line; nothing when it waits for none."""
    status, name = WaveStatus(row["status"]), row["wave"]
    if status is WaveStatus.PAUSED:
        return [f"wave {name}: {describe_wait_of_run(run)}"]
    if status not in _ANSWERS or row.get("failureDecision"):
        return []
    awaited, answers = _ANSWERS[status]
    if status is WaveStatus.AWAITING_DECISION and (row.get("servers") or {}).get("unverified"):
        answers = ("verify", *answers)
    since = row.get("waitingSince")
    began = f", asked for {describe_deadline(clock.parse_iso(since), clock.now())}" if since else ""
    return [f"wave {name}: {awaited}{began}:", *(format_command(answer, run.execution_id, name) for answer in answers)]
