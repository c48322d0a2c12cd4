"""The list of runs, newest first, by plan, kind and state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from report.run_record import UNFINISHED

ANY = "-"
MODES = {"drill": "drills", "recovery": "recoveries", "readiness": "readiness checks"}
OPEN = "open"
STATES = {
    OPEN: "not ended",
    "COMPLETED": "COMPLETED",
    "PARTIAL": "PARTIAL",
    "FAILED": "FAILED",
    "CANCELLED": "CANCELLED",
    "READY": "READY",
    "NOT_READY": "NOT_READY",
}
# Rows of a page, and pages of the API that are read for one: a rare kind of run may be far down the list.
ROWS, MAX_PAGES = 50, 10


@dataclass(frozen=True, slots=True)
class Filters:
    """Which runs are listed; `-` stands for any. `mode` is one of `MODES`, `state` one of `STATES`."""

    plan_id: str = ANY
    mode: str = ANY
    state: str = ANY

    def given(self) -> dict[str, str]:
        """The filters by their names in addresses, as `read` takes them."""
        return {"plan": self.plan_id, "mode": self.mode, "state": self.state}

    def topic(self) -> str:
        """The name of the first page of these runs, which is kept up to date."""
        return "/".join(("runs", *self.given().values()))

    def includes(self, run: Mapping[str, Any]) -> bool:
        """Whether this run is listed."""
        is_open = run["status"] in UNFINISHED
        return (
            self.plan_id in (ANY, run["planId"])
            and self.mode in (ANY, run["mode"].lower())
            and self.state in (ANY, OPEN if is_open else run["status"])
        )


def read(api: ApiClient, plan_id: str, mode: str, state: str, token: str | None = None) -> dict[str, Any]:
    """A page of `runs`, and the `nextToken` of what follows; None on the last one. Raise ApiRefused, ApiUnreachable."""
    filters = Filters(plan_id, mode, state)
    if state == OPEN and plan_id == ANY:  # there are few of them
        runs = [run for status in UNFINISHED for run in api.list_items("/executions", "executions", status=status)]
        found = {run["executionId"]: run for run in runs if filters.includes(run)}
        return {
            "runs": sorted(found.values(), key=lambda run: str(run["requestedAt"]), reverse=True),
            "nextToken": None,
        }
    rows = list[dict[str, Any]]()
    for page in _read_pages(api, filters, token):
        rows += [run for run in page["executions"] if filters.includes(run)]
        token = page["nextToken"]
        if len(rows) >= ROWS:
            break
    return {"runs": rows, "nextToken": token}


def _read_pages(api: ApiClient, filters: Filters, token: str | None) -> Iterator[dict[str, Any]]:
    query = {"limit": str(ROWS)}
    if filters.plan_id != ANY:
        query["planId"] = filters.plan_id
    elif filters.state != ANY:
        query["status"] = filters.state
    for _ in range(MAX_PAGES):
        page = api.get("/executions", **query, **({"nextToken": token} if token else {}))
        yield page
        token = page["nextToken"]
        if not token:
            return
