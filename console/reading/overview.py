"""The overview: what waits for people, what runs, and each plan with its readiness and its last drill."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cli.api_client import ApiClient
from cli.run_client import list_waiting_of
from console.reading.decisions.causes import read_causes
from report.collect import collect_measures
from report.document import build_document
from report.run_record import UNFINISHED

# Open runs whose record is read, for their progress and the words of their waits: those that wait come first. The
# others are shown as the list has them.
MAX_RECORDS, READERS = 12, 4
# Runs of all plans in which last drills are looked for; the drills of other plans are looked for one by one.
RUNS_LOOKED_AT = "200"
# Runs that have ended lately: what became of the last ones must be seen at once.
MAX_ENDED = 5
# Runs of one plan in which its last drill is looked for. Readiness checks by a schedule come between.
RUNS_OF_PLAN = 200


def read(api: ApiClient) -> dict[str, Any]:
    """`waiting` and `running` runs, each with its record if it was read, `plans`, and `drills`: the last one by plan.

    `ended` has the runs of every kind that ended last, as the list of runs has them, the latest first.
    `drills` has only those that are among the newest runs; `drillsAreAll` says that there are no others.
    Raise ApiRefused, ApiUnreachable.
    """
    with ThreadPoolExecutor(READERS) as pool:
        plans = pool.submit(lambda: list(api.list_items("/recovery-plans", "recoveryPlans")))
        listed = pool.submit(lambda: api.get("/executions", limit=RUNS_LOOKED_AT))
        by_status = pool.map(
            lambda status: list(api.list_items("/executions", "executions", status=status)), UNFINISHED
        )
        found = {run["executionId"]: run for runs in by_status for run in runs}
        waiting = list_waiting_of(found.values())
        ids = dict.fromkeys([*(run["executionId"] for run in waiting), *sorted(found, reverse=True)])
        records = dict(zip(ids, pool.map(lambda run: _read_record(api, run), list(ids)[:MAX_RECORDS]), strict=False))
        open_runs = {run: records.get(run, found[run]) for run in ids}
        newest = listed.result()
        return {
            "waiting": [open_runs[run["executionId"]] for run in waiting],
            "running": list(open_runs.values()),
            "plans": sorted(plans.result(), key=lambda plan: (plan["name"].casefold(), plan["planId"])),
            "ended": find_last_ended(newest["executions"]),
            "drills": find_last_drills(newest["executions"]),
            "drillsAreAll": newest["nextToken"] is None,
        }


def _read_record(api: ApiClient, run_id: str) -> dict[str, Any]:
    """The record without what the overview does not show, which can be large."""
    record = api.get(f"/executions/{run_id}")
    shown = {name: value for name, value in record.items() if name not in ("batches", "decisions", "notes", "actions")}
    return {**shown, "failures": read_causes(api, record)}


def find_last_ended(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The few runs that ended last, whatever became of them, the latest first."""
    ended = sorted((run for run in runs if run["endedAt"]), key=lambda run: run["endedAt"], reverse=True)
    return ended[:MAX_ENDED]


def count_left(drills: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many `instances` of how many `drills` still run, and `by_hour`, what they cost in USD an hour."""
    return {
        "instances": sum(each["instances"] for each in drills),
        "drills": len({each["executionId"] for each in drills}),
        "by_hour": sum(each["usdPerHour"] for each in drills),
    }


def find_last_drills(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The last drill of each plan that has ended, by the id of the plan; `runs` are newest first."""
    drills = dict[str, str]()
    for run in runs:
        if run["mode"] == "DRILL" and run["endedAt"]:
            drills.setdefault(run["planId"], run["executionId"])
    return drills


def find_last_drill(api: ApiClient, plan_id: str) -> str | None:
    """The id of the last drill of the plan that has ended. Raise ApiRefused, ApiUnreachable."""
    runs = api.list_items("/executions", "executions", planId=plan_id, limit="50")
    looked_at = (run for _, run in zip(range(RUNS_OF_PLAN), runs, strict=False))
    return next((run["executionId"] for run in looked_at if run["mode"] == "DRILL" and run["endedAt"]), None)


def measure(api: ApiClient, run_id: str) -> dict[str, Any]:
    """How a run ended: `verdict`, and `rto` and `rpo` against their targets, of its chain if it has one.

    They are those of its report. Raise ApiRefused, ApiUnreachable.
    """
    report = build_document(collect_measures(api, api.get(f"/executions/{run_id}")))
    rto, rpo = report["rto"], report["rpo"]
    names = ("executionId", "planId", "requestedAt", "endedAt", "verdict")
    return {
        **{name: report[name] for name in names},
        "rto": rto["chain"] or rto["whole"],
        "rpo": rpo["chain"] or {name: value for name, value in rpo.items() if name != "chain"},
    }
