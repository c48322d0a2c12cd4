"""Messages to operators about a run, with the commands that answer them; each follows a change of the record."""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import sns
from recovery.commands import format_command
from recovery.domain.batch import BatchRef
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run, ServerStatus, WaveStatus
from recovery.domain.plan import Wave
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.domain.verdicts import ExecutionVerdict, WaveVerdict
from recovery.domain.wave_steps.approvals import OnTimeout
from recovery.identities import list_people
from recovery.observability import wave_facts
from recovery.wording import describe_deadline, first_of, plural

_JOBS_LEFT = "drs-waves does not follow these jobs; the instances that they launch cost money until they are terminated"

# Verdicts on runs that are continued even if no server is missing: an action failed.
_WITH_REST = (ExecutionStatus.PARTIAL, ExecutionStatus.FAILED)

# Servers that a message names. A batch has at most a hundred.
MAX_REASONS = 20


def send_cleanup_not_scheduled(execution: Execution, why: str) -> None:
    """Report that nothing will clean up after this drill; send nothing if its plan asks for no clean-up."""
    if execution.run.mode is not Mode.DRILL or execution.plan.clean_up_after_hours is None:
        return
    publish(
        execution.run,
        "CLEANUP_NOT_SCHEDULED",
        "its clean-up is not scheduled",
        {
            "Why": why,
            "What happens": "the instances of the drill run, and cost money, until they are terminated",
            "What to do": [
                "when the drill is no longer needed:",
                format_command("cleanup", execution.execution_id),
            ],
        },
    )


def send_quota_held(target: Target, jobs: int, servers: int, old_jobs: Mapping[str, float]) -> None:
    """Report jobs that have held DRS's quotas for long while a batch waits; `old_jobs` has when each was created."""
    named = ", ".join(f"{job_id} since {clock.iso(created_at)}" for job_id, created_at in old_jobs.items())
    sns.publish(
        "QUOTA_HELD",
        "batches wait for DRS capacity in {target}",
        {"target": target.key},
        sns.format_facts(
            {
                "Target": target.key,
                "In use": f"{jobs} jobs, {servers} servers in jobs",
                "Jobs that take long": named,
                "What happens": "batches wait and take the next free slot; no server has failed because of this",
                "What to do": [
                    "See in the DRS console what these jobs do. A case with AWS Support can end a job.",
                    format_command("capacity"),
                ],
                "Runbook": name_section("Quota full"),
            }
        ),
        target=target.key,
    )


def send_run_started(execution: Execution) -> None:
    """Report that a run has started."""
    run = execution.run
    people = list_people(run.requesters) if run.four_eyes else []
    publish(
        run,
        "RUN_STARTED",
        "started",
        {
            "Started by": run.requested_by,
            "Approvals": f"need another person than {' and '.join(people)}" if people else None,
            "Point in time": run.point_in_time or "the latest",
            "Continues": run.continues,
            "Live instances": "launches may replace them, as the request says" if run.replace_existing else None,
            "Waves": ", ".join(wave.name for wave in execution.plan.waves),
            "Watch": format_command("watch", run.execution_id),
        },
    )


def send_approval_wanted(execution: Execution, wave: Wave, until: float) -> None:
    """Report that a wave waits for approval."""
    run, approval = execution.run, wave.approval
    then = "approved" if approval and approval.on_timeout is OnTimeout.APPROVE else "rejected"
    publish(
        run,
        "APPROVAL_WANTED",
        "wave {wave} waits for approval",
        {
            "Wave": wave.name,
            "Until": f"{describe_deadline(until, clock.now())}; without an answer the wave is {then} then",
            "Needs": wave_facts.name_other_person(run, "approve"),
            "Approve": [
                format_command("approve", run.execution_id, wave.name),
                "The wave starts. Check first that the applications of the waves before it work.",
            ],
            "Reject": [
                format_command("reject", run.execution_id, wave.name),
                f"The wave is skipped. {wave_facts.describe_skips(execution.plan, wave)}",
            ],
        },
        wave=wave.name,
    )


def send_wave_paused(execution: Execution, wave: Wave) -> None:
    """Report that a wave is paused until an operator resumes the run."""
    run = execution.run
    publish(
        run,
        "PAUSED",
        "paused before wave {wave}",
        {
            "Wave": wave.name,
            "Resume": [format_command("resume", run.execution_id), "The wave starts, and so do all that are paused."],
        },
        wave=wave.name,
    )


def send_wave_settled(
    execution: Execution,
    wave: Wave,
    verdict: WaveVerdict,
    tally: Tally,
    notable: Sequence[Mapping[str, Any]] = (),
    *,
    has_failed_actions: bool = False,
) -> None:
    """Report that a wave has ended, or that it has failed and waits for a decision.

    `notable` has its servers that failed, were launched with a warning, or have not passed their checks, as the record
    has them. The message shows causes, checks and warnings, each with a few servers.
    """
    run = execution.run
    awaits_decision = verdict.status is WaveStatus.AWAITING_DECISION
    kind = (
        "DECISION_WANTED" if awaits_decision else "WAVE_FAILED" if verdict.status is WaveStatus.FAILED else "WAVE_DONE"
    )
    publish(
        run,
        kind,
        "wave {wave} needs a decision" if awaits_decision else f"wave {{wave}} is {verdict.status.value}",
        {
            "Wave": wave.name,
            "Result": verdict.reason,
            "Servers": tally.describe(),
            **wave_facts.format_causes(row for row in notable if row["status"] == ServerStatus.FAILED),
            **wave_facts.format_unverified(notable),
            "Warnings": wave_facts.format_warnings(row for row in notable if row["status"] == ServerStatus.LAUNCHED),
            **(wave_facts.format_answers(execution, wave, tally, has_failed_actions) if awaits_decision else {}),
            "See all actions": format_command("actions", run.execution_id) if has_failed_actions else None,
            "Runbook": name_section(_choose_section(tally)) if tally.unverified or has_failed_actions else None,
        },
        wave=wave.name,
    )


def _choose_section(tally: Tally) -> str:
    return "Servers are unverified" if tally.unverified else "An action waits, failed or hangs"


def send_servers_withheld(run: Run, batch: BatchRef, withheld: Mapping[str, str]) -> None:
    """Report servers that a batch leaves out of its launch, with the reason for each."""
    reasons = [f"{server_id}: {reason}" for server_id, reason in sorted(withheld.items())]
    publish(
        run,
        "SERVERS_WITHHELD",
        f"{plural(len(withheld), 'server')} of wave {{wave}} not launched",
        {
            "Wave": f"{batch.wave}, batch {batch.number} in {batch.target.key}",
            "Servers": "; ".join(first_of(reasons, MAX_REASONS)),
            "What happens": "the other servers of the batch are launched; these count as failed",
        },
        wave=batch.wave,
    )


def send_wave_corrected(
    execution: Execution, wave: Wave, before: WaveStatus, verdict: WaveVerdict, tally: Tally
) -> None:
    """Report that the verdict that was sent about a wave is replaced, because results of its servers came late."""
    run = execution.run
    publish(
        run,
        "WAVE_CORRECTED",
        f"wave {{wave}} is {verdict.status.value}, not {before.value}"
        if verdict.status is not before
        else f"wave {{wave}} is {verdict.status.value}, with other counts",
        {
            "Wave": wave.name,
            "Result": verdict.reason,
            "Servers": tally.describe(),
            "What happened": "the results of its servers could not be read when the wave ended",
            "What happens": "the record and the report have these counts; waves that were skipped stay skipped",
        },
        wave=wave.name,
    )


def send_run_corrected(execution: Execution, before: ExecutionStatus, verdict: ExecutionVerdict, tally: Tally) -> None:
    """Report that the verdict that was sent about a run has been replaced, because results of its servers came late."""
    run = execution.run
    publish(
        run,
        "RUN_CORRECTED",
        f"{verdict.status.value}, before {before.value}",
        {
            "Result": verdict.reason,
            "Servers": tally.describe(),
            "What happened": "results of its servers came after the run had ended",
        },
        status=verdict.status.value,
    )


def send_decision(run: Run, decision: str, by: str, comment: str, wave: str | None = None) -> None:
    """Report a decision of an operator."""
    what = f"{decision} {wave}" if wave else decision
    facts = {"Decision": what, "By": by, "Comment": comment}
    subject = f"{decision} of wave {{wave}}" if wave else decision
    publish(run, "DECIDED", subject, facts, **({"wave": wave} if wave else {}))


def send_run_finished(
    execution: Execution,
    verdict: ExecutionVerdict,
    tally: Tally,
    left_running: Sequence[str] = (),
    readiness: Mapping[str, str | list[str] | None] | None = None,
) -> None:
    """Report that a run has ended; `left_running` has the jobs that go on without anything that follows them.

    `readiness` has what a readiness run found that the one before had not, and the other way round.
    """
    run = execution.run
    # A refused run is not continued, because that would use the plan as it was; nor does it end the chain.
    is_refused = verdict.status is ExecutionStatus.NOT_READY
    last = run.continues if is_refused else run.execution_id
    has_rest = is_refused or tally.missing or verdict.status in _WITH_REST
    rest = last if has_rest and run.mode is not Mode.READINESS else None
    purpose = "Recover the rest" if is_refused or tally.missing else "Run what failed again"
    publish(
        run,
        "RUN_FINISHED",
        verdict.status.value,
        {
            "Result": verdict.reason,
            **_describe_outcome(run, verdict, tally, readiness or {}),
            "Jobs that run on": "; ".join(first_of(left_running, MAX_REASONS)),
            "What happens": _JOBS_LEFT if left_running else None,
            purpose: format_command("continue", rest) if rest else None,
            "Terminate its instances": format_command("cleanup", run.execution_id)
            if left_running and run.mode is Mode.DRILL
            else None,
            "Report": format_command("report", run.execution_id, "--to", run.execution_id),
            "Runbook": name_section("A run has failed") if left_running else None,
        },
        status=verdict.status.value,
    )


def _describe_outcome(
    run: Run, verdict: ExecutionVerdict, tally: Tally, readiness: Mapping[str, str | list[str] | None]
) -> dict[str, str | list[str] | None]:
    """The servers by outcome. A readiness run launches none: it has those that are ready, and its news."""
    if run.mode is not Mode.READINESS or verdict.status not in (ExecutionStatus.READY, ExecutionStatus.NOT_READY):
        return {"Servers": tally.describe(), **readiness}
    is_refused = verdict.status is ExecutionStatus.NOT_READY
    findings = format_command("findings", run.execution_id) if is_refused else None
    return {"Servers": tally.describe_ready(), **readiness, "What to do": findings}


def publish(run: Run, kind: str, subject: str, facts: Mapping[str, str | list[str] | None], **attributes: str) -> None:
    """Send a message about a run. `subject` may contain `{wave}` and `{action}`, which are attributes."""
    mode = run.mode.value
    text = sns.format_facts({"Kind": mode, "Plan": run.plan_name, "Execution": run.execution_id, **facts})
    names = {"plan": run.plan_name, **{name: attributes.get(name, "") for name in ("wave", "action")}}
    sns.publish(
        kind,
        f"{mode} of {{plan}}: {subject}",
        names,
        text,
        planId=run.plan_id,
        executionId=run.execution_id,
        **attributes,
    )


def name_section(section: str) -> str:
    """The section of the runbook that a message leads to."""
    return f'docs/runbook.md, "{section}"'
