"""Messages to operators about a run, with the commands that answer them; each follows a change of the record."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import sns
from recovery.domain.batch import BatchRef
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run, ServerStatus, WaveStatus
from recovery.domain.launch_failures import FailureKind
from recovery.domain.plan import Wave
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.domain.verdicts import ExecutionVerdict, WaveVerdict
from recovery.wording import first_of, name_first, plural

# Operators answer with this command, or through the API.
COMMAND = "drs-waves"

# Servers that a message names. A batch has at most a hundred.
MAX_REASONS = 20
# Kinds of causes, and of warnings, and servers of each, that the message about a wave names.
MAX_CAUSES, MAX_NAMES = 4, 3


def send_cleanup_not_scheduled(execution: Execution, why: str) -> None:
    """Report that nothing will clean up after this drill; send nothing if its plan asks for no clean-up."""
    if execution.run.mode is not Mode.DRILL or execution.plan.clean_up_after_hours is None:
        return
    sns.publish(
        "CLEANUP_NOT_SCHEDULED",
        "the clean-up of {execution} is not scheduled",
        {"execution": execution.execution_id},
        sns.format_facts(
            {
                "Kind": execution.run.mode.value.lower(),
                "Execution": execution.execution_id,
                "Why": why,
                "What to do": f"{COMMAND} cleanup {execution.execution_id}, when the drill is no longer needed.",
            }
        ),
        executionId=execution.execution_id,
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
                "What to do": "See in the DRS console what these jobs do. A case with AWS Support can end a job.",
            }
        ),
        target=target.key,
    )


def send_run_started(execution: Execution) -> None:
    """Report that a run has started."""
    run = execution.run
    _send(
        run,
        "RUN_STARTED",
        "started",
        {
            "Started by": run.requested_by,
            "Approvals": f"need another person than {' and '.join(run.requesters)}" if run.four_eyes else None,
            "Point in time": run.point_in_time or "the latest",
            "Continues": run.continues,
            "Live instances": "launches may replace them, as the request says" if run.replace_existing else None,
            "Waves": ", ".join(wave.name for wave in execution.plan.waves),
            "Watch": f"{COMMAND} watch {run.execution_id}",
        },
    )


def send_approval_wanted(execution: Execution, wave: Wave, until: float) -> None:
    """Report that a wave waits for approval."""
    run, approval = execution.run, wave.approval
    after = f"{approval.on_timeout.value} without an answer" if approval else ""
    _send(
        run,
        "APPROVAL_WANTED",
        "wave {wave} waits for approval",
        {
            "Wave": wave.name,
            "Until": f"{clock.iso(until)}, then {after}",
            "Needs": _name_other_person(run, "approve"),
            "Approve": f"{COMMAND} approve {run.execution_id} {wave.name}",
            "Reject": f"{COMMAND} reject {run.execution_id} {wave.name}",
        },
        wave=wave.name,
    )


def _name_other_person(run: Run, decision: str) -> str | None:
    """Who must not make the decision, if the plan has `fourEyes`."""
    return f"to {decision}, another person than {' and '.join(run.requesters)}" if run.four_eyes else None


def send_wave_paused(execution: Execution, wave: Wave) -> None:
    """Report that a wave is paused until an operator resumes the run."""
    run = execution.run
    _send(
        run,
        "PAUSED",
        "paused before wave {wave}",
        {"Wave": wave.name, "Go on": f"{COMMAND} resume {run.execution_id}"},
        wave=wave.name,
    )


def send_wave_settled(
    execution: Execution, wave: Wave, verdict: WaveVerdict, tally: Tally, notable: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Report that a wave has ended, or that it has failed and waits for a decision.

    `notable` has its servers that failed, or were launched with a warning, as the record has them. The message shows
    causes and warnings, each with a few servers.
    """
    run = execution.run
    awaits_decision = verdict.status is WaveStatus.AWAITING_DECISION
    kind = (
        "DECISION_WANTED" if awaits_decision else "WAVE_FAILED" if verdict.status is WaveStatus.FAILED else "WAVE_DONE"
    )
    commands = {
        decision.capitalize(): f"{COMMAND} {decision} {run.execution_id} {wave.name}"
        for decision in ("retry", "accept", "abort")
    }
    _send(
        run,
        kind,
        f"wave {{wave}} is {verdict.status.value}",
        {
            "Wave": wave.name,
            "Result": verdict.reason,
            "Servers": tally.describe(),
            **_format_causes(row for row in notable if row["status"] == ServerStatus.FAILED),
            "Warnings": _format_warnings(row for row in notable if row["status"] == ServerStatus.LAUNCHED),
            **({"Needs": _name_other_person(run, "accept"), **commands} if awaits_decision else {}),
        },
        wave=wave.name,
    )


def send_servers_withheld(run: Run, batch: BatchRef, withheld: Mapping[str, str]) -> None:
    """Report servers that a batch leaves out of its launch, with the reason for each."""
    reasons = [f"{server_id}: {reason}" for server_id, reason in sorted(withheld.items())]
    _send(
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


def _format_causes(failed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Two facts for each kind of cause, the most frequent first: a few servers with the reason of one, and the advice.

    A server may have no cause.
    """
    by_cause: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(failed, key=_name_server):
        by_cause.setdefault(row.get("cause", FailureKind.OTHER.value), []).append(row)
    facts = {}
    most_frequent = sorted(by_cause.items(), key=lambda entry: -len(entry[1]))
    for cause, rows in most_frequent[:MAX_CAUSES]:
        names = name_first([_name_server(row) for row in rows], MAX_NAMES)
        facts[f"Failed, {cause}"] = f"{names}. {rows[0].get('reason', '')}"
        facts[f"What to do about {cause}"] = rows[0].get("advice", "")
    if left := most_frequent[MAX_CAUSES:]:
        facts["Other causes"] = ", ".join(f"{cause} ({len(rows)})" for cause, rows in left)
    return facts


def _format_warnings(launched: Iterable[Mapping[str, Any]]) -> list[str]:
    """The warnings of launches, the most frequent first, each with a few servers."""
    names: dict[str, list[str]] = {}
    for row in sorted(launched, key=_name_server):
        for warning in row.get("launchWarnings", ()):
            names.setdefault(warning, []).append(_name_server(row))
    most_frequent = sorted(names.items(), key=lambda entry: -len(entry[1]))
    lines = [f"{name_first(servers, MAX_NAMES)}: {warning}" for warning, servers in most_frequent]
    return first_of(lines, MAX_CAUSES)


def _name_server(row: Mapping[str, Any]) -> str:
    return str(row.get("hostname") or row["sourceServerId"])


def send_wave_corrected(
    execution: Execution, wave: Wave, before: WaveStatus, verdict: WaveVerdict, tally: Tally
) -> None:
    """Report that the verdict that was sent about a wave is replaced, because results of its servers came late."""
    run = execution.run
    _send(
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
    _send(
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
    _send(run, "DECIDED", subject, facts, **({"wave": wave} if wave else {}))


def send_run_finished(execution: Execution, verdict: ExecutionVerdict, tally: Tally) -> None:
    """Report that a run has ended."""
    run = execution.run
    # A refused run is not continued, because that would use the plan as it was; nor does it end the chain.
    is_refused = verdict.status is ExecutionStatus.NOT_READY
    last = run.continues if is_refused else run.execution_id
    rest = run.mode is not Mode.READINESS and last and (is_refused or tally.missing)
    _send(
        run,
        "RUN_FINISHED",
        verdict.status.value,
        {
            "Result": verdict.reason,
            "Servers": tally.describe(),
            "Recover the rest": f"{COMMAND} continue {last}" if rest else None,
        },
        status=verdict.status.value,
    )


def _send(run: Run, kind: str, subject: str, facts: Mapping[str, str | list[str] | None], **attributes: str) -> None:
    """Send a message about a run. `subject` may contain `{wave}`, which is one of the attributes."""
    mode = run.mode.value.lower()
    text = sns.format_facts({"Plan": run.plan_name, "Kind": mode, "Execution": run.execution_id, **facts})
    names = {"plan": run.plan_name, "wave": attributes.get("wave", "")}
    sns.publish(
        kind,
        f"{mode} of {{plan}}: {subject}",
        names,
        text,
        planId=run.plan_id,
        executionId=run.execution_id,
        **attributes,
    )
