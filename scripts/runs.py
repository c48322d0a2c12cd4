"""Runs as scripts see them: found, started, followed to their end, and cleaned up after."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from scripts.client import Api, ApiRefused, ApiUnreachable, Reply
from scripts.connection import FAILED, REFUSED

Record = Mapping[str, Any]

UNFINISHED = ("PENDING", "POLLING", "PAUSED")
# What a run's end means for the exit status of whoever waited for it.
DONE = ("COMPLETED", "READY")
NOT_STARTED = ("NOT_READY",)

# The path that starts a run of each mode.
STARTS = {"drill": "drills", "recovery": "recoveries", "readiness": "readiness"}

# While the API does not answer, looks are this many seconds apart, then twice as many, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
# A clean-up may be asked for again at once: asked twice it is the same clean-up.
CLEANUP_TRIES = 5


class Show(Protocol):
    """Whoever wants to see a run go on."""

    def show(self, record: Record) -> None:
        """The record as it was read last."""

    def trouble(self, message: str | None) -> None:
        """The API does not answer, for now; None once it does again."""


class PlanUnknown(Exception):
    """No plan is meant, or more than one could be; the message lists them."""


def exit_status(record: Record) -> int:
    """0 done or still on, 1 failed, in part or called off, 3 refused."""
    status = record["status"]
    if status in DONE or status in UNFINISHED:
        return 0
    return REFUSED if status in NOT_STARTED else FAILED


def find_plan(api: Api, wanted: str) -> dict[str, Any]:
    """The plan of this id, or else of exactly this name. Raise PlanUnknown, ApiRefused."""
    plans = list(api.items("/recovery-plans", "recoveryPlans"))
    found = [plan for plan in plans if plan["planId"] == wanted] or [plan for plan in plans if plan["name"] == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = "".join(f"\n  {plan['planId']}  {plan['name']}" for plan in found)
        raise PlanUnknown(f"{len(found)} plans are named {wanted!r}; name one by its id:{ids}")
    names = "".join(f"\n  {plan['planId']}  {plan['name']}" for plan in plans[:20])
    more = f"\n  and {len(plans) - 20} more" if len(plans) > 20 else ""
    raise PlanUnknown(f"There is no plan {wanted!r}." + (f" There are:{names}{more}" if plans else " There is none."))


def start(api: Api, plan_id: str, mode: str, point_in_time: str | None = None) -> Record:
    """The run that was started. Raise ApiRefused; ApiUnreachable when it may or may not have been."""
    body = {"pointInTime": point_in_time} if point_in_time else None
    return _record(api.call("POST", f"/recovery-plans/{plan_id}/{STARTS[mode]}", body))


def read(api: Api, execution_id: str) -> Record:
    """The record of a run. Raise ApiRefused."""
    return _record(api.get(f"/executions/{execution_id}"))


def _record(body: Any) -> Record:
    record: Record = body
    return record


def watch(
    api: Api, execution_id: str, screen: Show, interval: float, sleep: Callable[[float], None] = time.sleep
) -> Record:
    """Read the record every `interval` seconds, and show it, until its status is final; return it then.

    An API that does not answer, throttles or fails is asked again for as long as it takes. Raise ApiRefused for what
    it refuses.
    """
    for record in _asked(api, f"/executions/{execution_id}", screen, interval, sleep):
        screen.show(record)
        if record["status"] not in UNFINISHED:
            return record
    raise AssertionError("it is asked until it returns")


def _asked(
    api: Api, path: str, screen: Show, interval: float, sleep: Callable[[float], None]
) -> Iterator[dict[str, Any]]:
    pause = 0.0
    while True:
        try:
            reply: Reply | None = api.once("GET", path)
            passing = f"the API answered {reply.status}" if reply and is_passing(reply.status) else None
        except ApiUnreachable as error:
            reply, passing = None, str(error)
        if passing or reply is None:
            pause = min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
            screen.trouble(f"{passing}; asking again")
            sleep(pause * random.uniform(0.5, 1))
            continue
        if pause:
            pause = 0.0
            screen.trouble(None)
        if not 200 <= reply.status < 300:
            raise ApiRefused("GET", path, reply)
        yield reply.body
        sleep(interval)


def is_passing(status: int) -> bool:
    """Will an answer of this status perhaps be another one later?"""
    return status == 429 or status >= 500


def servers(api: Api, execution_id: str, wave: str | None = None) -> list[dict[str, Any]]:
    """Every server of a run, or of one of its waves."""
    more = {"wave": wave} if wave else {}
    return list(api.items(f"/executions/{execution_id}/servers", "servers", **more))


def clean_up(
    api: Api, execution_id: str, screen: Show, interval: float, sleep: Callable[[float], None] = time.sleep
) -> Record:
    """Have the instances of a drill terminated and follow that to its end; return how it went. Raise ApiRefused."""
    path = f"/executions/{execution_id}/cleanup"
    for tries in range(1, CLEANUP_TRIES + 1):
        reply = api.request("POST", path)
        if 200 <= reply.status < 300:
            break
        if tries == CLEANUP_TRIES or not is_passing(reply.status):
            raise ApiRefused("POST", path, reply)
        screen.trouble(f"the API answered {reply.status}; asking again")
        sleep(2.0 ** (tries - 1))
    screen.trouble(None)
    for state in _asked(api, path, screen, interval, sleep):
        screen.show(state)
        if state["status"] != "RUNNING":
            return state
    raise AssertionError("it is asked until it returns")


def cleanup_exit_status(state: Record) -> int:
    """0 when nothing of the drill is left."""
    return 0 if state["status"] in ("COMPLETED", "NONE") else FAILED
