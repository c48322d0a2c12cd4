"""What `drs-waves compliance` lists: plans, their servers and groups, and servers that are in no plan."""

from typing import Any

from cli.listings.cells import show_minute
from cli.listings.columns import Column, Item, Listing
from report.compliance.words import describe_plan, describe_standing, describe_status

_NOTES: dict[str, Any] = {
    "notes": {"type": "string", "description": "What there is to know beside the dates, in sentences; may be empty."}
}


def _show_share(item: Any) -> str:
    """`57/60`: servers whose last drill holds, and all."""
    servers = item["servers"]
    return f"{servers['current']}/{servers['total']}"


PLANS = Listing(
    path="/compliance",
    items="plans",
    schema="PlanCompliance",
    columns=(
        Column("planName", "plan", folds=True),
        Column("status", "standing", describe_standing, of_item=True),
        Column("due", "deadline (UTC)", show_minute),
        Column("lastCounting.at", "last that counts", show_minute),
        Column("servers.current", "servers", _show_share, optional=True, of_item=True),
        Column("notes", "", below=True, folds=True),
        Column("planId", "id", in_table=False),
        Column("countsIf", "counts if", in_table=False),
        Column("next", "next drill", in_table=False),
        Column("paused", "paused", in_table=False),
        Column("pause.by", "paused by", in_table=False),
        Column("pause.comment", "why it is paused", in_table=False),
        Column("lastAppointment.at", "last appointment", in_table=False),
        Column("lastAppointment.status", "it was", in_table=False),
        Column("lastAppointment.reason", "because", in_table=False),
        Column("lastCounting.executionId", "drill", in_table=False),
        Column("lastCounting.verdict", "verdict", in_table=False),
        Column("lastDrill.executionId", "last drill", in_table=False),
        Column("lastDrill.status", "it ended", in_table=False),
        Column("servers.total", "servers", in_table=False),
        Column("servers.stale", "stale", in_table=False),
        Column("servers.never", "never", in_table=False),
    ),
    empty="There are no plans.",
    added=_NOTES,
)
SERVERS = Listing(
    path="/compliance/servers",
    items="servers",
    schema="ServerCompliance",
    columns=(
        Column("sourceServerId", "server"),
        Column("hostname", "name", folds=True),
        Column("status", "standing", describe_status),
        Column("due", "deadline (UTC)", show_minute),
        Column("lastCounting.at", "last that counts", show_minute),
        Column("planName", "plan", folds=True, optional=True),
        Column("groupName", "group", folds=True, optional=True),
        Column("why", "", below=True, folds=True),
        Column("accountId", "account", in_table=False),
        Column("region", "region", in_table=False),
        Column("planId", "plan id", in_table=False),
        Column("groupId", "group id", in_table=False),
        Column("lastCounting.executionId", "drill", in_table=False),
    ),
    empty="The plans have no servers that are known.",
)
GROUPS = Listing(
    path="/compliance/groups",
    items="groups",
    schema="GroupCompliance",
    columns=(
        Column("groupName", "group", folds=True),
        Column("planName", "plan", folds=True),
        Column("accountId", "account"),
        Column("region", "region"),
        Column("status", "standing", describe_status),
        Column("servers.current", "servers", _show_share, of_item=True),
        Column("known", "known", lambda known: "yes" if known else "no"),
        Column("listedAt", "listed (UTC)", show_minute, optional=True),
        Column("groupId", "group id", in_table=False),
        Column("planId", "plan id", in_table=False),
        Column("servers.total", "servers", in_table=False),
        Column("servers.stale", "stale", in_table=False),
        Column("servers.never", "never", in_table=False),
    ),
    empty="The plans have no groups.",
)
UNPLANNED = Listing(
    path="/compliance/unplanned-servers",
    items="servers",
    schema="UnplannedServer",
    columns=(
        Column("sourceServerId", "server"),
        Column("hostname", "name", folds=True),
        Column("accountId", "account"),
        Column("region", "region"),
        Column("replicationState", "replication"),
        Column("seenAt", "listed (UTC)", show_minute, optional=True),
    ),
    empty="Every server that replicates and was listed is in a plan.",
)


def add_notes(plan: Item) -> dict[str, Any]:
    """The plan with what there is to know of it, in sentences."""
    return {**plan, "notes": describe_plan(plan)}
