"""Which plans are drilled on time: rows of the page of compliance, in the order of what has to be done."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.api_client import ApiClient
from console.reading.drills.parts import read_part
from recovery.clock import parse_iso
from recovery.wording import describe_span

# Compliance of a large organisation costs reads of every plan, and changes by hours. In real seconds.
SECONDS_BETWEEN_READS, SANDBOX_SECONDS_BETWEEN_READS = 30.0, 3.0
# Servers in no plan that the page names; the command lists all of them.
MAX_UNPLANNED_READ = "1000"
# What the filter `state` may be, in the order of the page: first what needs a person.
KINDS = {
    "overdue": ("Overdue", "No drill that counts began in time."),
    "none-counts": ("No drill counts", "Drills of these plans were run, and none counts. Their deadlines are ahead."),
    "due-soon": ("Due soon", "A drill that counts has to begin soon: the deadline is near, or the last one is stale."),
    "never": ("Never drilled", "No drill of these plans was run yet. Their deadlines are ahead."),
    "no-policy": ("Without a policy", "These plans do not say how often they have to be drilled."),
    "compliant": ("Compliant", "A drill counted, and the deadline of the next is not near."),
}
_KINDS_OF_STATUS = {
    "OVERDUE": "overdue",
    "NO_DRILL_COUNTS": "none-counts",
    "DUE_SOON": "due-soon",
    "NEVER_DRILLED": "never",
    "NO_POLICY": "no-policy",
}


def max_age(is_sandbox: bool) -> float:
    """How old what the page shows may be, in real seconds."""
    return SANDBOX_SECONDS_BETWEEN_READS if is_sandbox else SECONDS_BETWEEN_READS


def read(api: ApiClient) -> dict[str, Any]:
    """`asOf`, `counts` and all `plans` as the API judges them, and the part `unplanned`: servers in no plan.

    Raise ApiRefused, ApiUnreachable.
    """
    answer, plans = api.get("/compliance", limit="200"), list[dict[str, Any]]()
    page = answer
    while True:
        plans += page["plans"]
        if not page["nextToken"]:
            break
        page = api.get("/compliance", limit="200", nextToken=page["nextToken"])
    unplanned = read_part("What is in no plan", lambda: _read_unplanned(api))
    return {"asOf": answer["asOf"], "counts": answer["counts"], "plans": plans, "unplanned": unplanned}


def _read_unplanned(api: ApiClient) -> dict[str, Any]:
    page = api.get("/compliance/unplanned-servers", limit=MAX_UNPLANNED_READ)
    return {"servers": page["servers"], "targets": page["targets"], "isAll": page["nextToken"] is None}


def read_servers(api: ApiClient, plan_id: str, status: str, token: str | None) -> dict[str, Any]:
    """A page of `servers` with what the API says of each; empty texts stand for any.

    Raise ApiRefused, ApiUnreachable.
    """
    asked = {"planId": plan_id, "status": status, "nextToken": token or ""}
    answer: dict[str, Any] = api.get(
        "/compliance/servers", limit="200", **{name: value for name, value in asked.items() if value}
    )
    return answer


# --- rows -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Standing:
    """A plan with its `kind`, a key of KINDS. `due` says in words how far away that is, or how long ago it was."""

    plan: Mapping[str, Any]
    kind: str
    due: str


@dataclass(frozen=True, slots=True)
class Section:
    """The plans of one kind."""

    kind: str
    title: str
    text: str
    rows: Sequence[Standing]


@dataclass(frozen=True, slots=True)
class Unplanned:
    """The servers of one account and Region that replicate and are in no plan, as DRS listed them at `seen_at`."""

    account_id: str
    region: str
    seen_at: str
    servers: list[Mapping[str, Any]] = field(default_factory=list)


def find_kind(plan: Mapping[str, Any]) -> str:
    """The kind of the plan: that of its status. That its last drill is stale is a mark beside it."""
    return _KINDS_OF_STATUS.get(plan["status"], "compliant")


def list_sections(
    plans: Iterable[Mapping[str, Any]], as_of: str, state: str | None = None, name: str = ""
) -> list[Section]:
    """The plans by kind, in the order of KINDS, those with the earliest deadline first. Kinds without plans are absent.

    `state` is a key of KINDS, `name` a part of the plan's name.
    """
    rows = [Standing(plan, find_kind(plan), describe_due(plan["due"], as_of)) for plan in plans]
    rows = [row for row in rows if state in (None, row.kind) and name.casefold() in row.plan["planName"].casefold()]
    rows.sort(key=lambda row: (row.plan["due"] or "9", row.plan["planName"].casefold()))
    by_kind = {kind: [row for row in rows if row.kind == kind] for kind in KINDS}
    return [Section(kind, *KINDS[kind], of_kind) for kind, of_kind in by_kind.items() if of_kind]


def count_kinds(plans: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many plans each kind has, of all plans."""
    kinds = [find_kind(plan) for plan in plans]
    return {kind: kinds.count(kind) for kind in KINDS}


def describe_due(due: str | None, as_of: str) -> str:
    """`in 3 d 4 h`, `2 d ago`; nothing without a deadline."""
    if not due:
        return ""
    seconds = parse_iso(due) - parse_iso(as_of)
    return f"in {describe_span(seconds)}" if seconds >= 0 else f"{describe_span(seconds)} ago"


def list_unplanned(found: Mapping[str, Any]) -> list[Unplanned]:
    """Each account and Region that was looked at, in order, with its servers that are in no plan."""
    places = {
        (each["accountId"], each["region"]): Unplanned(each["accountId"], each["region"], each["seenAt"])
        for each in found["targets"]
    }
    for server in found["servers"]:
        place = server["accountId"], server["region"]
        places.setdefault(place, Unplanned(*place, server["seenAt"])).servers.append(server)
    return [place for _, place in sorted(places.items())]


def index_plans(found: Mapping[str, Any]) -> dict[str, Standing]:
    """The standing of each plan, by its id."""
    return {
        plan["planId"]: Standing(plan, find_kind(plan), describe_due(plan["due"], found["asOf"]))
        for plan in found["plans"]
    }


def list_drilled(plans: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The plans that have been drilled, those whose last drill is the newest first."""
    drilled = [plan for plan in plans if plan["lastDrill"]]
    return iter(sorted(drilled, key=lambda plan: str(plan["lastDrill"]["at"]), reverse=True))
