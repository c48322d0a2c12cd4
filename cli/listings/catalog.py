"""Each listing of the command: where its items come from, what they are, and the columns that show them.

Table, CSV and JSON Schema (`docs/schemas`) follow from the same description.
"""

from cli.listings import compliance
from cli.listings.cells import (
    show_age,
    show_awaited,
    show_count,
    show_kind,
    show_minute,
    show_minutes,
    show_mode,
    show_number,
    show_place,
    show_state,
    show_time,
    show_usage,
    show_words,
)
from cli.listings.columns import Column, Listing
from cli.listings.drill_findings import DRILL_FINDINGS
from cli.listings.evidence import EVIDENCE
from cli.listings.launches import APPLIED_SETTINGS, CHANGED_SETTINGS, PROFILED_SETTINGS
from cli.listings.schedules import SCHEDULES
from cli.text import summarize_waits

# --- the listings ---------------------------------------------------------------------------------------------------
RUNS = Listing(
    path="/executions",
    items="executions",
    schema="ListedExecution",
    columns=(
        Column("executionId", "execution"),
        Column("planName", "plan", folds=True),
        Column("state", "state", show_state, of_item=True),
        Column("status", "status", in_table=False),
        Column("waitingFor", "waits for", summarize_waits, folds=True),
        Column("requestedAt", "requested", show_minute, optional=True),
        Column("mode", "mode", show_mode, optional=True),
        Column("requestedBy", "by", folds=True, optional=True),
        Column("endedAt", "ended", in_table=False),
        Column("reason", "reason", in_table=False),
    ),
    empty="There are no runs.",
)
PLANS = Listing(
    path="/recovery-plans",
    items="recoveryPlans",
    schema="RecoveryPlan",
    columns=(
        Column("planId", "plan"),
        Column("name", "name", folds=True),
        Column("waves", "waves", show_count),
        Column("activeExecutionId", "runs now", optional=True),
        Column("lastReadiness.status", "readiness", if_any=True, optional=True),
        Column("readinessAgeSeconds", "checked ago", show_age, if_any=True, optional=True),
        Column("rtoTargetMinutes", "RTO target", show_minutes, optional=True),
        Column("rpoTargetMinutes", "RPO target", show_minutes, optional=True),
        Column("description", "description", folds=True, optional=True),
        Column("readinessEveryHours", "checked every", in_table=False),
        Column("lastReadiness.executionId", "readiness run", in_table=False),
        Column("version", "version", in_table=False),
    ),
    empty="There are no plans: `drs-waves plan apply FILE` makes one from a file.",
    added={
        "readinessAgeSeconds": {
            "description": "How old the last answer of its readiness is now; null if there is none.",
            "type": ["integer", "null"],
        },
    },
)
GROUPS = Listing(
    path="/protection-groups",
    items="protectionGroups",
    schema="ProtectionGroup",
    columns=(
        Column("groupId", "group"),
        Column("name", "name", folds=True),
        Column("accountId", "account"),
        Column("region", "Region"),
        Column("sourceServerIds", "servers", show_count),
        Column("tags", "or tags", show_words, folds=True),
        Column("usedBy", "used by", show_words, folds=True, optional=True),
        Column("description", "description", folds=True, optional=True),
        Column("version", "version", in_table=False),
    ),
    empty="There are no protection groups: `drs-waves plan apply FILE` makes those of a file.",
)
ACCOUNTS = Listing(
    path="/target-accounts",
    items="targetAccounts",
    schema="TargetAccount",
    columns=(
        Column("accountId", "account"),
        Column("name", "name", folds=True),
        Column("regions", "Regions", show_words, folds=True),
        Column("roleArn", "role", folds=True),
        Column("version", "version", in_table=False),
    ),
    empty="No accounts are registered: `drs-waves plan apply FILE` registers those of a file.",
)
INSTANCES = Listing(
    path="/recovery-instances",
    items="recoveryInstances",
    schema="RecoveryInstance",
    columns=(
        Column("recoveryInstanceId", "instance"),
        Column("name", "name", folds=True),
        Column("accountId", "account"),
        Column("region", "Region"),
        Column("ageSeconds", "age", show_age),
        Column("isDrill", "kind", show_kind, folds=True),
        Column("ec2InstanceState", "state", optional=True),
        Column("sourceExecutionId", "launched by", optional=True),
        Column("sourceServerId", "source server", in_table=False),
        Column("launchTime", "launched", in_table=False),
        Column("lastSyncAt", "read at", in_table=False),
        Column("sourcePlanId", "plan", in_table=False),
        Column("cleanUpCommand", "clean up", in_table=False),
    ),
    empty="There are no recovery instances.",
    added={
        "ageSeconds": {
            "description": "How old the instance is now; null if DRS does not say when it was launched.",
            "type": ["integer", "null"],
        },
        "cleanUpCommand": {
            "description": "The command that terminates it with its drill; null if it is not left by a drill.",
            "type": ["string", "null"],
        },
    },
)
SERVERS = Listing(
    path="/executions/{executionId}/servers",
    items="servers",
    schema="Server",
    columns=(
        Column("sourceServerId", "server"),
        Column("hostname", "host", folds=True),
        Column("wave", "wave", folds=True),
        Column("status", "status"),
        Column("recoveryInstanceId", "instance", optional=True),
        Column("accountId", "account", optional=True),
        Column("region", "Region", optional=True),
        Column("verification.status", "checks", if_any=True),
        Column("verification.check", "at check", folds=True, optional=True, if_any=True),
        Column("reason", "reason", below=True),  # last, because in a pipe it widens no other row there
        Column("readiness", "readiness", in_table=False),
        Column("dataAt", "data of", in_table=False),
        Column("endedAt", "ended", in_table=False),
        Column("jobId", "job", in_table=False),
        Column("cause", "cause", in_table=False),
        Column("advice", "advice", in_table=False),
        Column("warnings", "warnings", in_table=False),
        Column("verification.reason", "why unverified", in_table=False),
        Column("verification.output", "output of the check", in_table=False),
        Column("verification.passed", "checks passed", in_table=False),
        Column("verification.at", "checked", in_table=False),
    ),
    empty="The run has no servers.",
)
ACTIONS = Listing(
    path="/executions/{executionId}/actions",
    items="actions",
    schema="ListedAction",
    columns=(
        Column("name", "action"),
        Column("place", "place", show_place, of_item=True, folds=True),
        Column("status", "status"),
        Column("waitingFor", "waits for", show_awaited),
        Column("attempt", "attempt", optional=True),
        Column("startedAt", "began", show_time, optional=True),
        Column("endedAt", "ended", show_time, optional=True),
        Column("title", "does", folds=True, optional=True),
        Column("reason", "reason", below=True),
        Column("wave", "wave", in_table=False),
        Column("kind", "kind", in_table=False),
        Column("until", "until", in_table=False),
        Column("accountId", "account", in_table=False),
        Column("region", "Region", in_table=False),
        Column("output", "output", in_table=False),
    ),
    empty="The plan of the run has no actions.",
)
FINDINGS = Listing(
    path="/executions/{executionId}/findings",
    items="findings",
    schema="Finding",
    columns=(
        Column("severity", "severity"),
        Column("code", "code"),
        Column("servers", "servers", show_number),
        Column("title", "what is wrong", folds=True),
        Column("accountId", "account", optional=True),
        Column("region", "Region", optional=True),
        Column("evidence", "evidence", below=True),
        Column("remedy", "what to do", below=True),
        Column("modes", "in runs", show_words, in_table=False),
        Column("sourceServerIds", "first servers", show_words, in_table=False),
    ),
    empty="The run has no readiness findings; those of people are listed by drill-findings list.",
)
EVENTS = Listing(
    path="/executions/{executionId}/events",
    items="events",
    schema="Event",
    columns=(
        Column("at", "at", show_time),
        Column("event", "event"),
        Column("wave", "wave", folds=True),
        Column("text", "what happened", folds=True),
    ),
    empty="There are no events.",
)
LOGS = Listing(
    path="/executions/{executionId}/job-log",
    items="jobLog",
    schema="JobLogItem",
    columns=(
        Column("logDateTime", "at", show_time),
        Column("wave", "wave", folds=True),
        Column("event", "event"),
        Column("eventData.sourceServerID", "server"),
        Column("jobId", "job", optional=True),
        Column("eventData.targetInstanceID", "instance", optional=True),
        Column("eventData.rawError", "error", below=True),
    ),
    empty="DRS has logged nothing for this run.",
    added={
        "jobId": {"description": "The DRS job.", "type": "string"},
        "wave": {"description": "The wave of the job.", "type": "string"},
    },
)
CAPACITY = Listing(
    path="/capacity",
    items="targets",
    schema="TargetCapacity",
    columns=(
        Column("accountId", "account"),
        Column("region", "Region"),
        Column("status", "status", folds=True),
        Column("jobs", "jobs", show_usage),
        Column("serversInJobs", "in jobs", show_usage),
        Column("replicatingServers", "replicating", show_usage, folds=True),
        Column("largestJob", "largest job", folds=True),
        Column("circuit.state", "circuit", optional=True),
        Column("message", "message", below=True),
        Column("advice", "advice", in_table=False),
        Column("circuit.until", "circuit until", in_table=False),
        Column("circuit.reason", "circuit reason", in_table=False),
    ),
    empty="No account with Regions is registered.",
)
# Each command that lists something, by its words.
LISTINGS = {
    "list": RUNS,
    "plans": PLANS,
    "groups": GROUPS,
    "accounts": ACCOUNTS,
    "instances": INSTANCES,
    "servers": SERVERS,
    "events": EVENTS,
    "actions": ACTIONS,
    "findings": FINDINGS,
    "logs": LOGS,
    "capacity": CAPACITY,
    "compliance": compliance.PLANS,
    "compliance --servers": compliance.SERVERS,
    "compliance --groups": compliance.GROUPS,
    "compliance --unplanned": compliance.UNPLANNED,
    "evidence list": EVIDENCE,
    "drill-findings list": DRILL_FINDINGS,
    "profiles show": CHANGED_SETTINGS,
    "profiles diff": PROFILED_SETTINGS,
    "profiles applied": APPLIED_SETTINGS,
    "schedule list": SCHEDULES,
}
