"""Find a run by its id, by a prefix of it, or as the latest one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from cli.lookup.plans import find_plan
from cli.text import describe_state
from recovery.free_text import flatten
from recovery.wording import first_of

# `latest` is the newest drill or recovery of all, `latest:PLAN` that of a plan. A readiness check changes nothing, and
# people make one while a recovery is in trouble: it must not take the place of the run that they act on.
LATEST = "latest"
# Runs of a page while the latest is looked for: more checks than that seldom follow a drill or a recovery.
RUNS_AT_ONCE = "20"
# Runs that a message lists.
MAX_RUNS = 10
_COMPLETE_ID = re.compile(r"(drill|recovery|readiness)-[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


class RunUnknown(Exception):
    """No run is the latest, or several begin with a prefix. The message lists them."""


@dataclass(frozen=True, slots=True)
class FoundRun:
    """The id that a text stands for, and the summary of the run unless the text is the id itself.

    `is_latest` says that the same text can stand for another run a moment later.
    """

    execution_id: str
    summary: Mapping[str, Any] | None = None
    is_latest: bool = False

    def describe(self) -> str:
        """`drill-… : drill of shop, running, requested at … by …`."""
        return self.execution_id if self.summary is None else f"{self.execution_id}: {_describe(self.summary)}"


def find_run(api: ApiClient, text: str, *, plan_by_prefix: bool = False) -> FoundRun:
    """The run that `latest`, `latest:PLAN`, a unique prefix of an id or an id names. Raise RunUnknown, PlanUnknown.

    A complete id is not looked up. A text that no run begins with is returned as the id: the API then refuses it in
    its own words.
    """
    word, _, plan = text.partition(":")
    if word == LATEST:
        return _find_latest(api, plan, plan_by_prefix)
    if _COMPLETE_ID.fullmatch(text):
        return FoundRun(text)
    runs = [run for run in api.list_items("/executions", "executions") if run["executionId"].startswith(text)]
    if len(runs) > 1 and text not in {run["executionId"] for run in runs}:
        lines = first_of([f"{run['executionId']}  {_describe(run)}" for run in runs], MAX_RUNS)
        listed = "".join(f"\n  {line}" for line in lines)
        raise RunUnknown(f"{len(runs)} runs have ids that begin with {text!r}; give more of one:{listed}")
    return FoundRun(runs[0]["executionId"], runs[0]) if len(runs) == 1 else FoundRun(text)


def _find_latest(api: ApiClient, plan: str, by_prefix: bool) -> FoundRun:
    query, of_plan = dict[str, str](), ""
    if plan:
        found = find_plan(api, plan, by_prefix=by_prefix)
        query["planId"], of_plan = found["planId"], f" of {flatten(found['name'])}"
    check = None
    for run in api.list_items("/executions", "executions", **{"limit": RUNS_AT_ONCE, **query}):
        if run["mode"] != "READINESS":
            return FoundRun(run["executionId"], run, is_latest=True)
        check = check or run
    or_check = f" Name a readiness check by its id; the newest is {check['executionId']}." if check else ""
    raise RunUnknown(f"There are no drills and no recoveries{of_plan}, so none is the latest.{or_check}")


def _describe(run: Mapping[str, Any]) -> str:
    at = run["requestedAt"][:19].replace("T", " ")
    what = f"{run['mode'].lower()} of {run['planName']}, {describe_state(run)}"
    return flatten(f"{what}, requested at {at} UTC by {run['requestedBy']}")
