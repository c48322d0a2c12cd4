"""Accounts and Regions: their capacity and circuits, the cache of recovery instances, and what drills left running."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.listings.drills import read_running_drills
from cli.profiles.reading import list_changed_settings, list_places
from cli.refusal import ApiRefused
from recovery.clock import parse_iso
from recovery.wording import plural

# Each read of the capacity asks DRS in every account and Region, whose rate limits runs need for themselves.
SECONDS_BETWEEN_READS, SANDBOX_SECONDS_BETWEEN_READS = 15.0, 3.0
# From this share of a quota on, a bar is marked.
HIGH = 0.8
# Accounts and Regions whose changed launch settings are read, a request for each.
MAX_PLACES_READ = 60

Place = tuple[str, str]
"""An account id and a Region."""


def max_age(is_sandbox: bool) -> float:
    """How old what the page shows may be, in real seconds."""
    return SANDBOX_SECONDS_BETWEEN_READS if is_sandbox else SECONDS_BETWEEN_READS


def read(api: ApiClient) -> dict[str, Any]:
    """`accounts`, and what the API says of `capacity`, `sync`, `drills` and `prices`; those are None if it refuses.

    `problems` says why. Raise ApiRefused, ApiUnreachable, CredentialsExpired.
    """
    problems = list[str]()
    accounts = list(api.list_items("/target-accounts", "targetAccounts"))
    running = _try("What drills left running", problems, lambda: read_running_drills(api))
    drills, prices = running or (None, None)
    return {
        "accounts": accounts,
        "capacity": _try("The capacity", problems, lambda: list(api.list_items("/capacity", "targets"))),
        "sync": _try("The sync status", problems, lambda: api.get("/drs/recovery-instance-sync/status")),
        "drills": drills,
        "prices": prices,
        "problems": problems,
    }


def read_changed_settings(api: ApiClient) -> dict[str, Any]:
    """How many launch `settings` runs have changed and not put back, by run, place and status, and places `unread`."""
    places = list_places(api)
    counted = dict[tuple[str, ...], dict[str, Any]]()
    for change in list_changed_settings(api, places[:MAX_PLACES_READ]):
        names = ("executionId", "accountId", "region", "status")
        row = counted.setdefault(
            tuple(change[name] for name in names),
            {**{name: change[name] for name in names}, "servers": 0, "since": change["changedAt"], "reason": None},
        )
        row["servers"] += 1
        row["reason"] = row["reason"] or change["reason"]
        row["since"] = min(filter(None, (row["since"], change["changedAt"])), default=None)
    return {
        "settings": sorted(counted.values(), key=lambda row: row["since"] or ""),
        "places": len(places),
        "unread": max(len(places) - MAX_PLACES_READ, 0),
    }


def _try(what: str, problems: list[str], ask: Callable[[], Any]) -> Any:
    """The answer, or None with a problem if the API refuses or fails: one part must not hide the others."""
    try:
        return ask()
    except (CredentialsExpired, ApiUnreachable):
        raise
    except ApiRefused as error:
        problems.append(f"{what} cannot be read: {error}")
        return None


# --- rows of the page -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bar:
    """How much of a quota is in use. `width` is in per cent, `level` is `good`, `partly` or `bad`."""

    name: str
    used: int
    free: int
    quota: int

    @property
    def width(self) -> float:
        """The length of the bar."""
        return round(min(self.used / self.quota, 1.0) * 100, 1) if self.quota else 100.0

    @property
    def level(self) -> str:
        """Whether anything is left."""
        return "bad" if not self.free else "partly" if self.used >= HIGH * self.quota else "good"


@dataclass(frozen=True, slots=True)
class TargetRow:
    """An account and Region. `circuit` and `sync` are as the API has them, None if it does not say."""

    account_id: str
    region: str
    name: str
    status: str = "NOT_LISTED"
    message: str | None = None
    advice: str | None = None
    bars: tuple[Bar, ...] = ()
    not_replicating: tuple[str, ...] = ()
    largest_job: int | None = None
    quotas_from: str | None = None
    circuit: Mapping[str, Any] | None = None
    sync: Mapping[str, Any] | None = None

    @property
    def needs_attention(self) -> bool:
        """Whether it is shown before the others."""
        is_open = self.circuit is not None and self.circuit["state"] != "closed"
        has_failed = self.sync is not None and self.sync["status"] == "FAILED"
        return is_open or has_failed or self.status not in ("OK", "NOT_LISTED")


def list_targets(value: Mapping[str, Any]) -> list[TargetRow]:
    """Every account and Region that has a capacity or a sync, those that need attention first."""
    names = {account["accountId"]: account["name"] for account in value["accounts"]}
    capacity = {_place(entry): entry for entry in value["capacity"] or ()}
    syncs = {_place(entry): entry for entry in (value["sync"] or {}).get("targets", ())}
    listed = {(account["accountId"], region) for account in value["accounts"] for region in account["regions"]}
    places = sorted(listed | capacity.keys() | syncs.keys())
    rows = [_build_row(place, names.get(place[0], ""), capacity.get(place), syncs.get(place)) for place in places]
    return sorted(rows, key=lambda row: not row.needs_attention)


def _build_row(
    place: Place, name: str, capacity: Mapping[str, Any] | None, sync: Mapping[str, Any] | None
) -> TargetRow:
    if capacity is None:
        return TargetRow(*place, name, sync=sync)
    usages = (("jobs", "jobs"), ("serversInJobs", "servers in jobs"), ("replicatingServers", "replicating servers"))
    bars = [Bar(words, use["used"], use["free"], use["quota"]) for key, words in usages if (use := capacity.get(key))]
    states = (capacity.get("replicatingServers") or {}).get("byState", {})
    return TargetRow(
        *place,
        name,
        capacity["status"],
        capacity["message"],
        capacity["advice"],
        tuple(bars),
        tuple(f"{count:,} {state or 'unknown'}" for state, count in states.items() if state != "CONTINUOUS"),
        capacity.get("largestJob"),
        capacity.get("quotasFrom"),
        capacity.get("circuit"),
        sync,
    )


@dataclass(slots=True)
class DrillRow:
    """The instances that a drill left running, in all accounts and Regions; `since` is the oldest launch.

    `run_id` and `plan_id` are None for instances of drills that drs-waves did not start.
    """

    run_id: str | None
    plan_id: str | None
    plan_name: str | None = None
    instances: int = 0
    since: str | None = None
    by_hour: float = 0.0
    so_far: float = 0.0
    unpriced: int = 0
    places: list[str] = field(default_factory=list)

    def age(self, now: str) -> float | None:
        """How long the oldest instance has run, in seconds of the deployment's clock."""
        return None if self.since is None else max(parse_iso(now) - parse_iso(self.since), 0.0)


def list_drills(drills: Sequence[Mapping[str, Any]], plan_names: Mapping[str, str]) -> list[DrillRow]:
    """A row for each drill, the oldest first."""
    rows = dict[str | None, DrillRow]()
    for each in drills:
        run_id, plan_id = each["executionId"], each["planId"]
        row = rows.setdefault(run_id, DrillRow(run_id, plan_id, plan_names.get(plan_id)))
        row.instances += each["instances"]
        row.by_hour += each["usdPerHour"]
        row.so_far += each["usdSoFar"]
        row.unpriced += each["unpriced"]
        row.since = min(filter(None, (row.since, each["since"])), default=None)
        row.places.append(f"{plural(each['instances'], 'instance')} in {each['accountId']}/{each['region']}")
    return sorted(rows.values(), key=lambda row: (row.since or "", row.run_id or ""))


def describe_circuit(circuit: Mapping[str, Any] | None) -> Iterator[str]:
    """What the circuit breaker of a target does, in sentences."""
    if circuit is None:
        yield "This deployment does not say; its version is older than this console."
    elif circuit["state"] == "closed" and circuit["failures"]:
        yield f"{plural(circuit['failures'], 'call')} in a row not answered"
    elif circuit["state"] == "open":
        yield "Calls to DRS fail at once, and runs wait."
    elif circuit["state"] == "half-open":
        yield "One call is trying whether DRS answers."
    if circuit and circuit["reason"]:
        yield f"Opened by: {circuit['reason']}"


def _place(entry: Mapping[str, Any]) -> Place:
    return entry["accountId"], entry["region"]
