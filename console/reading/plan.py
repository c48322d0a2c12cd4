"""One plan: its waves, its groups, its readiness and its last runs."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cli.api_client import ApiClient
from console.reading.drills.findings import read_open
from console.reading.drills.parts import read_part
from console.reading.drills.schedule import read as read_schedule
from console.reading.overview import find_last_drills
from report.plan.table import PlanTable, describe_plan_table

# Runs of the plan that its page shows; `/runs` has all of them.
RUNS_SHOWN = "20"
# Evidence of its runs, newest first; the page of each run has all of its own.
EVIDENCE_SHOWN = "10"
# Plans with more groups than that have the list of all groups read instead of each group.
MAX_GROUPS_READ, READERS = 20, 4


def read(api: ApiClient, plan_id: str) -> dict[str, Any]:
    """`plan` as it is now, `readiness`, its newest `runs`, and the id of its last `drill` among them, or None.

    The parts `schedule`, `findings` and `evidence` are about its drills. Raise ApiRefused, ApiUnreachable.
    """
    plan, path = api.get(f"/recovery-plans/{plan_id}"), f"/recovery-plans/{plan_id}"
    with ThreadPoolExecutor(READERS) as pool:
        schedule = pool.submit(read_part, "The drill schedule", lambda: read_schedule(api, plan_id))
        findings = pool.submit(read_part, "Drill findings", lambda: read_open(api, plan_id))
        evidence = pool.submit(read_part, "Evidence", lambda: api.get(f"{path}/evidence", limit=EVIDENCE_SHOWN))
        readiness = pool.submit(api.get, f"{path}/readiness")
        runs = api.get("/executions", planId=plan_id, limit=RUNS_SHOWN)["executions"]
        return {
            "plan": plan,
            "readiness": _without_seconds(readiness.result()),
            "runs": runs,
            "drill": find_last_drills(runs).get(plan_id),
            "schedule": schedule.result(),
            "findings": findings.result(),
            "evidence": evidence.result(),
        }


def _without_seconds(readiness: dict[str, Any]) -> dict[str, Any]:
    """In minutes, so that a page does not change each second."""
    age = readiness["ageSeconds"]
    return {**readiness, "ageSeconds": None if age is None else age // 60 * 60}


def read_groups(api: ApiClient, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The protection groups of the plan as they are now, in the order of its waves.

    Raise ApiRefused, ApiUnreachable.
    """
    ids = list_group_ids(plan)
    if len(ids) > MAX_GROUPS_READ:
        found = {group["groupId"]: group for group in api.list_items("/protection-groups", "protectionGroups")}
        return [found[each] for each in ids if each in found]
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda each: api.get(f"/protection-groups/{each}"), ids))


def list_group_ids(plan: Mapping[str, Any]) -> list[str]:
    """The ids of the plan's groups, each once, in the order of its waves."""
    return list(dict.fromkeys(use["groupId"] for wave in plan["waves"] for use in wave["groups"]))


def read_as_run(api: ApiClient, run_id: str) -> dict[str, Any]:
    """`plan` and `groups` as a run used them. Raise ApiRefused, ApiUnreachable."""
    path = f"/executions/{run_id}"
    groups = list(api.list_items(f"{path}/protection-groups", "protectionGroups"))
    return {"plan": api.get(f"{path}/recovery-plan"), "groups": groups}


def describe(plan: Mapping[str, Any], groups: list[dict[str, Any]]) -> PlanTable:
    """The settings of the plan and its waves, in the words of the report."""
    return describe_plan_table(plan, {group["groupId"]: group["name"] for group in groups}, {})


def count_servers(group: Mapping[str, Any]) -> str:
    """`12 servers`, or `those with app=shop`."""
    if ids := group.get("sourceServerIds"):
        return f"{len(ids):,} server{'' if len(ids) == 1 else 's'}"
    return f"those with {' and '.join(f'{key}={value}' for key, value in (group.get('tags') or {}).items())}"
