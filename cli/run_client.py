"""Start runs, follow them to their end and clean up after them, all through the API."""

import random
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from cli import repeat
from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused, Reply
from cli.repeat import Sleep, is_transient
from report.run_record import UNFINISHED, Record

# The path that starts a run of each mode.
_START_PATHS = {"drill": "drills", "recovery": "recoveries", "readiness": "readiness"}

# Seconds between requests while the API does not answer: the first pause doubles up to the maximum.
MIN_RETRY_PAUSE, MAX_RETRY_PAUSE = 1.0, 30.0


class RunObserver(Protocol):
    """Receives a run's record, or a clean-up's, each time it is read."""

    def show(self, record: Record) -> None:
        """Show the record as it is now."""

    def trouble(self, message: str | None) -> None:
        """Report that the API does not answer. None reports that it answers again."""


def start_path(plan_id: str, mode: str) -> str:
    """The path that starts a run of this mode: `drill`, `recovery` or `readiness`."""
    return f"/recovery-plans/{plan_id}/{_START_PATHS[mode]}"


def start_body(
    point_in_time: str | None = None,
    replace_existing: bool = False,
    actions: str | None = None,
    profiles: str | None = None,
    reserve_capacity: bool = False,
) -> dict[str, Any] | None:
    """The body of a start or a continue; None if it says nothing."""
    body: dict[str, Any] = {} if point_in_time is None else {"pointInTime": point_in_time}
    if replace_existing:
        body["replaceExisting"] = True
    if actions is not None:
        body["actions"] = actions
    if profiles is not None:
        body["launchProfiles"] = profiles
    if reserve_capacity:
        body["reserveCapacity"] = True
    return body or None


def read_run(api: ApiClient, execution_id: str) -> Record:
    """The record of a run, with all of its batches. Raise ApiRefused."""
    record: dict[str, Any] = api.get(f"/executions/{execution_id}")
    if record["batchesLeftOut"]:
        record["batches"] = list(api.list_items(f"/executions/{execution_id}/batches", "batches"))
    return record


def watch_run(
    api: ApiClient, execution_id: str, observer: RunObserver, interval: float, sleep: Sleep = time.sleep
) -> Record:
    """Read and show the record every `interval` seconds until its status is final, and return it.

    An API that does not answer, throttles or fails is asked again for as long as it takes. Raise ApiRefused for any
    other error.
    """
    for record in _poll(api, f"/executions/{execution_id}", observer, interval, sleep):
        observer.show(record)
        if record["status"] not in UNFINISHED:
            return record
    raise AssertionError("polling ends only by a return")


def _poll(api: ApiClient, path: str, observer: RunObserver, interval: float, sleep: Sleep) -> Iterator[dict[str, Any]]:
    pause, work = 0.0, "clean-up" if path.endswith("/cleanup") else "run"
    while True:
        try:
            reply: Reply | None = api.request_once("GET", path)
            trouble = f"the API answered {reply.status}" if reply and is_transient(reply.status) else None
        except ApiUnreachable as error:
            reply, trouble = None, str(error)
        if trouble or reply is None:
            pause = min(max(2 * pause, MIN_RETRY_PAUSE), MAX_RETRY_PAUSE)
            observer.trouble(f"{trouble}; asking again, and the {work} goes on meanwhile")
            sleep(pause * random.uniform(0.5, 1))
            continue
        if pause:
            pause = 0.0
            observer.trouble(None)
        if not 200 <= reply.status < 300:
            raise ApiRefused("GET", path, reply, options=api.options)
        yield reply.body
        sleep(interval)


def list_waiting(api: ApiClient, plan_id: str | None = None) -> Iterator[dict[str, Any]]:
    """The runs of all plans, or of one, that wait for people: by the next deadline, then those that wait longest."""
    runs = [run for status in UNFINISHED for run in api.list_items("/executions", "executions", status=status)]
    yield from list_waiting_of(run for run in runs if plan_id in (None, run["planId"]))


def list_waiting_of(runs: Iterable[Record]) -> list[Any]:
    """Those of these runs that wait for people, each once, in the same order."""
    waiting = {run["executionId"]: run for run in runs if run.get("waitingFor")}
    return sorted(waiting.values(), key=_urgency)


def _urgency(run: Record) -> tuple[bool, str, str]:
    deadlines = [wait["until"] for wait in run["waitingFor"] if wait.get("until")]
    return not deadlines, min(deadlines, default=""), min(wait["since"] or "" for wait in run["waitingFor"])


def list_servers(api: ApiClient, execution_id: str, wave: str | None = None) -> list[dict[str, Any]]:
    """Every server of a run, or of one of its waves."""
    return list(walk_servers(api, execution_id, wave))


def list_servers_in_order(api: ApiClient, record: Record, wave: str | None = None) -> list[dict[str, Any]]:
    """Every server of this run, or of one of its waves, in the order of its plan's waves."""
    order = {each["name"]: place for place, each in enumerate(record["waves"])}
    found = list_servers(api, record["executionId"], wave)
    return sorted(found, key=lambda server: order.get(server["wave"], len(order)))


def walk_servers(
    api: ApiClient,
    execution_id: str,
    wave: str | None = None,
    status: str | None = None,
    verification: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Every server of a run, of a wave, or with this status or result of checks, read page by page as it is taken."""
    wanted = {"wave": wave, "status": status, "verification": verification}
    filters = {name: value for name, value in wanted.items() if value is not None}
    return api.list_items(f"/executions/{execution_id}/servers", "servers", limit="1000", **filters)


def is_cleaned_up(api: ApiClient, record: Record) -> bool:
    """Whether a clean-up has terminated all instances of this drill. False if the API does not say."""
    if record["mode"] != "DRILL" or record["status"] in UNFINISHED:
        return False
    try:
        cleanup = api.get(f"/executions/{record['executionId']}/cleanup")
    except (ApiRefused, ApiUnreachable):
        return False
    return bool(cleanup["status"] == "COMPLETED")


def clean_up(
    api: ApiClient, execution_id: str, observer: RunObserver, interval: float, key: str, sleep: Sleep = time.sleep
) -> Record:
    """Terminate the instances of a drill, follow that to its end, and return the clean-up.

    Raise ApiRefused, AnswerLost if the clean-up may have started, CredentialsExpired.
    """
    path = f"/executions/{execution_id}/cleanup"
    repeat.post(api, path, None, key, observer.trouble, sleep)
    observer.trouble(None)
    for cleanup in _poll(api, path, observer, interval, sleep):
        observer.show(cleanup)
        if cleanup["status"] != "RUNNING":
            return cleanup
    raise AssertionError("polling ends only by a return")
