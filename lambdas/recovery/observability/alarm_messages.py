"""Messages to operators about CloudWatch's alarms, in the form of all other messages.

`ALARMS` has the texts by the name of the alarm, without the stack. The alarms themselves are in cfn/monitoring.yaml. A
test compares the two, and both with the sections of docs/runbook.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recovery.aws import sns
from recovery.commands import format_command
from recovery.observability.operator_messages import name_section
from recovery.settings import stack_name


class AlarmState(StrEnum):
    """The states of an alarm, as CloudWatch names them."""

    ALARM = "ALARM"
    OK = "OK"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm's change of state. `description` is the template's, `reason` CloudWatch's."""

    name: str
    state: AlarmState
    previous: AlarmState
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlarmText:
    """What operators read of an alarm. `command` has the words of the command that shows more.

    `ended` says what the end of the alarm means. It is None for an alarm about an event, such as a run that failed:
    that the next minute has no such event means nothing.
    """

    title: str
    meaning: str
    advice: str
    section: str
    command: tuple[str, ...]
    ended: str | None = None


_CAPACITY = ("capacity",)
_SYNC = ("get", "/drs/recovery-instance-sync/status")
_RUNS = ("list",)
_INSTANCES = ("instances",)
_HEALTH = ("get", "/health")
_NORMAL = "Calls to DRS are normal again; batches that waited go on by themselves."

ALARMS: Mapping[str, AlarmText] = {
    "rate-limit-errors": AlarmText(
        "DRS refuses calls",
        "DRS, or drs-waves' own budget of calls, refused ten calls within five minutes. Runs continue more slowly; no "
        "server fails because of it.",
        "Find out in CloudTrail who else calls DRS in that account and Region. Change CallsPerSecond only if it lasts.",
        "DRS throttles",
        _CAPACITY,
        _NORMAL,
    ),
    "retries-exhausted": AlarmText(
        "batches wait for DRS",
        "Three batches used up all retries within five minutes. They wait and try again by themselves; no server fails "
        "because of it.",
        "Read the message RETRIES_EXHAUSTED of each batch: it names the run, the error and what to do about it. "
        "`status` of a run shows the wait too; the command below lists the runs. See AWS Health for DRS.",
        "DRS does not answer",
        _RUNS,
        "No further batch used up its retries. Those that wait try again at the time that their message names.",
    ),
    "circuit-open": AlarmText(
        "an account and Region does not answer",
        "Five calls in a row were not answered, so drs-waves calls this account and Region once a minute only. Its "
        "batches wait; other targets continue.",
        "The command shows which account and Region did not answer the last sync, with the error. See AWS Health for "
        "DRS there. If the business decides to recover elsewhere, cancel the run, and run the plan of another Region.",
        "A Region is down",
        _SYNC,
        "No further circuit has opened. The command shows what answered the last sync.",
    ),
    "retry-share": AlarmText(
        "many calls to DRS are retries",
        "More than a tenth of the calls to DRS are retries. Runs continue more slowly.",
        "Find out in CloudTrail who else calls DRS in that account and Region.",
        "DRS throttles",
        _CAPACITY,
        _NORMAL,
    ),
    "call-error-rate": AlarmText(
        "calls to DRS fail",
        "More than one in twenty calls to DRS failed. Tasks repeat them, and batches wait.",
        "See AWS Health for DRS, and the errors of the functions. For AccessDenied, check the role of the target.",
        "DRS does not answer",
        _CAPACITY,
        _NORMAL,
    ),
    "runs-failed": AlarmText(
        "a drill or recovery failed",
        "The state machine of a run failed, timed out or was aborted. Its record is closed; its message RUN_FINISHED "
        "has the reason.",
        "Find the run, read its reason, correct the cause, and continue the run.",
        "A run has failed",
        _RUNS,
    ),
    "targets-missed": AlarmText(
        "a run or a wave is past its RTO",
        "A run, or a wave of one, has taken longer than its RTO target. It goes on; nothing is cancelled.",
        "The message RUN_OVERDUE or WAVE_OVERDUE lists what the run waits for. Answer what it waits for.",
        "A run is past its RTO",
        _RUNS,
    ),
    "jobs-overdue": AlarmText(
        "a DRS job takes far longer than usual",
        "A job has run for more than twice its usual time, and for more than 45 minutes. drs-waves polls it until DRS "
        "ends it.",
        "Read the message JOB_OVERDUE: it names the run, the job and its stage, and has the command that shows its "
        "log. `status` of the run lists such jobs too; the command below lists the runs.",
        "A job is stuck",
        _RUNS,
    ),
    "drills-overdue": AlarmText(
        "plans are overdue for a drill",
        "The deadline of at least one plan has passed without a drill that counts. Nothing is started because of it.",
        "The command shows which plans, why their last drill did not count, and when they were due. Drill them, or "
        "change their drill policy.",
        "A plan is overdue for a drill",
        ("compliance",),
        "No plan is overdue for a drill any more.",
    ),
    "cleanups-failed": AlarmText(
        "instances of a drill still run",
        "The clean-up of a drill failed, timed out or was aborted. The instances that it left cost money.",
        "The command lists the instances that drills have left, and the commands that terminate them.",
        "A drill was left running",
        _INSTANCES,
    ),
    "restores-failed": AlarmText(
        "launch settings may be left as a run has changed them",
        "The machine restore-target failed, timed out or was aborted. The next sync of the cache, within five minutes, "
        "starts it again.",
        "If the alarm comes back, read the last error of restore-target in Step Functions. The command shows which "
        "launch settings are not as before.",
        "Launch settings are not put back",
        ("profiles", "show"),
    ),
    "evidence-failed": AlarmText(
        "the evidence of a run is not written",
        "The machine keep-evidence failed, timed out or was aborted. The run itself is not touched, and its evidence "
        "is still due: it is begun again within four hours.",
        "If the alarm comes back, read the last error of keep-evidence in Step Functions. The command shows what "
        "evidence there is.",
        "Evidence is missing",
        ("evidence", "list"),
    ),
    "sync-errors": AlarmText(
        "an account and Region cannot be read",
        "Two syncs in a row could not read an account and Region. The cache shows older data; no run depends on it.",
        "The command shows which target is FAILED, with the error. For TargetAccessDenied, deploy "
        "cfn/target_account.yaml there again.",
        "The cache is not fresh",
        _SYNC,
        "The last sync read all targets.",
    ),
    "sync-slow": AlarmText(
        "the sync of the cache is slow",
        "A sync of all targets took more than a minute, twice. The cache shows older data; no run depends on it.",
        "The command shows how long each target took.",
        "The cache is not fresh",
        _SYNC,
        "Syncs take less than a minute again.",
    ),
    "sync-missing": AlarmText(
        "the cache is not synced",
        "No sync has finished for fifteen minutes. The cache shows older data, and nothing finds runs that are late.",
        "Check that the schedule of sync-cache exists and is enabled, and why its executions fail.",
        "The cache is not fresh",
        _SYNC,
        "Syncs finish again.",
    ),
    "cache-misses": AlarmText(
        "servers are missing in the cache",
        "More than a tenth of the servers that were requested by id are not in the cache. No run depends on it.",
        "The command shows when each target was synced last.",
        "The cache is not fresh",
        _SYNC,
        "The cache has nine in ten servers, or more, again.",
    ),
    "function-errors": AlarmText(
        "functions fail",
        "Functions logged five errors within five minutes: defects, timeouts, or errors that retries do not solve. A "
        "run may wait or fail.",
        "Search the log of the functions for ERROR and CRITICAL. After a deployment, go back to the previous version.",
        "A function breaks",
        _HEALTH,
        "Functions log fewer errors than the alarm counts. Read those that there were.",
    ),
    "api-errors": AlarmText(
        "the API fails",
        "The API answered 5xx three times within five minutes. Runs go on; commands may fail.",
        "Search the log of the functions for the request ids. The command shows whether the API answers.",
        "A function breaks",
        _HEALTH,
        "The API answers normally again.",
    ),
    "tables-throttled": AlarmText(
        "DynamoDB throttles",
        "DynamoDB refused reads or writes of tables that runs use. Tasks wait and try again; tables double their "
        "throughput within half an hour.",
        "If it lasts, check the account's quota for table throughput.",
        "Tables throttle",
        _RUNS,
        "DynamoDB refuses nothing any more.",
    ),
}


def send_alarm(change: AlarmChange) -> None:
    """Report that an alarm went off or ended, or that CloudWatch cannot judge it. Raise ClientError, BotoCoreError."""
    alarm = change.name.removeprefix(f"{stack_name()}-")
    text = ALARMS.get(alarm) or AlarmText(
        change.description or alarm, change.description, "", "", _RUNS, "It has ended."
    )
    word, happens, advice = _describe(change, text)
    sns.publish_or_raise(
        "ALARM",
        f"{word} {alarm}: {{title}}",
        {"title": text.title},
        sns.format_facts(
            {
                "Alarm": alarm,
                "State": f"{change.state}, before {change.previous}",
                "What happens": happens,
                "What to do": advice,
                "See it": format_command(*text.command),
                "Why": change.reason,
                "Runbook": name_section(text.section) if text.section else None,
            }
        ),
        alarm=alarm,
        state=change.state.value,
    )


def _describe(change: AlarmChange, text: AlarmText) -> tuple[str, str, str]:
    """The word for the subject, what happens, and what to do."""
    if change.state is AlarmState.ALARM:
        return "ALARM", text.meaning, text.advice
    if change.state is AlarmState.OK:
        return "alarm ended,", text.ended or "The alarm has ended.", "Nothing, if the runs are as they should be."
    happens = f"CloudWatch has no data to judge this alarm by. It watches for this: {text.meaning}"
    return "no data for", happens, "Check in CloudWatch why its metrics cannot be read. Until then it warns of nothing."
