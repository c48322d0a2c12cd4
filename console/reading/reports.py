"""The list of runs that have ended, each with its report, and what happened lately in runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from console.reading.events import count_terminated
from console.reading.run_list import ANY, MAX_PAGES, ROWS
from report.run_record import UNFINISHED

# Things that happened that are shown, and runs whose decisions are looked for: each costs a request, once.
MAX_HAPPENINGS, RUNS_WITH_DECISIONS = 40, 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are listed; `-` stands for any. `first` and `last` are days of the request, such as 2026-11-22."""

    plan_id: str = ANY
    mode: str = ANY
    first: str = ANY
    last: str = ANY

    def given(self) -> dict[str, str]:
        """The filters by their names in addresses, as `read` takes them."""
        return {"plan": self.plan_id, "mode": self.mode, "from": self.first, "to": self.last}

    def topic(self) -> str:
        """The name of the first page of these runs, which is kept up to date."""
        return "/".join(("reports", *self.given().values()))

    def includes(self, run: Mapping[str, Any]) -> bool:
        """Whether this run is listed."""
        day = run["requestedAt"][:10]
        return (
            run["status"] not in UNFINISHED
            and self.plan_id in (ANY, run["planId"])
            and self.mode in (ANY, run["mode"].lower())
            and (self.first == ANY or day >= self.first)
            and (self.last == ANY or day <= self.last)
        )

    def is_past(self, run: Mapping[str, Any]) -> bool:
        """Whether this run, and those after it in the list, were requested too early."""
        return self.first != ANY and run["requestedAt"][:10] < self.first


def read(api: ApiClient, plan_id: str, mode: str, first: str, last: str, token: str | None = None) -> dict[str, Any]:
    """A page of `runs` that have ended, newest first, and the `nextToken` of what follows, None on the last one.

    Raise ApiRefused, ApiUnreachable.
    """
    wanted, rows = Wanted(plan_id, mode, first, last), list[dict[str, Any]]()
    query = {"limit": str(ROWS), **({} if plan_id == ANY else {"planId": plan_id})}
    for _ in range(MAX_PAGES):
        page = api.get("/executions", **query, **({"nextToken": token} if token else {}))
        token = page["nextToken"]
        rows += [run for run in page["executions"] if wanted.includes(run)]
        if any(wanted.is_past(run) for run in page["executions"]):
            token = None
        if not token or len(rows) >= ROWS:
            break
    return {"runs": rows, "nextToken": token}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened in a run; `by` is who did it, as the API has verified."""

    at: str
    run: Mapping[str, Any]
    what: str
    by: str | None = None
    comment: str | None = None
    status: str | None = None


def list_happenings(
    runs: Iterable[Mapping[str, Any]], read_record: Callable[[str], Mapping[str, Any]]
) -> list[Happening]:
    """What happened lately, newest first: starts and ends of these runs, and what people did with the newest of them.

    That needs what `read_record` reads of a run: its `decisions`, and its `cleanup`, which may be None.
    """
    found, cleanups = list[Happening](), set[tuple[str, str]]()
    for number, run in enumerate(runs):
        found.append(Happening(run["requestedAt"], run, f"{run['mode'].lower()} requested", run["requestedBy"]))
        if run["endedAt"]:
            found.append(Happening(run["endedAt"], run, "ended", status=run["status"], comment=run.get("reason")))
        if number < RUNS_WITH_DECISIONS:
            record = read_record(run["executionId"])
            found += [_describe(run, each) for each in record["decisions"]]
            cleanup = record["cleanup"]
            if cleanup and cleanup["askedAt"] and (key := (cleanup["executionId"], cleanup["askedAt"])) not in cleanups:
                cleanups.add(key)  # the runs of a chain have it in common
                found += _describe_cleanup(run, cleanup)
    return sorted(found, key=lambda each: each.at, reverse=True)[:MAX_HAPPENINGS]


def _describe_cleanup(run: Mapping[str, Any], cleanup: Mapping[str, Any]) -> Iterable[Happening]:
    yield Happening(cleanup["askedAt"], run, "clean-up begun", cleanup["askedBy"])
    if cleanup["endedAt"]:
        counts, status = count_terminated(cleanup), cleanup["status"]
        yield Happening(cleanup["endedAt"], run, "clean-up ended", status=status, comment=counts)


def _describe(run: Mapping[str, Any], decision: Mapping[str, Any]) -> Happening:
    subject = decision.get("action") or decision.get("wave")
    what = f"{decision['decision'].lower().replace('_', ' ')}{f' {subject}' if subject else ''}"
    return Happening(decision["at"], run, what, decision.get("by"), decision.get("comment"))
