"""Tells open pages, by server-sent events, when what they show has changed, and how old it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from threading import Thread
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from console.crashes import report_crash
from console.deployment import Deployment
from console.snapshots import Snapshot
from console.topics import TopicUnknown, find_reader, read_topic

# While a read takes longer than this, the page is told so, and learns that the console is still there.
HEARTBEAT_SECONDS = 2.0
# Browsers reconnect after this time, in milliseconds.
RETRY_MILLISECONDS = 1000
# A page that is open must not keep the console from ending.
_SECONDS_TO_NOTICE_THE_END = 0.2
# A reader of ours that fails would fill the terminal with traces.
_INTERVALS_AFTER_A_CRASH = 30


class Readings:
    """Reads each topic at most once at a time, whatever the number of pages that wait for it.

    The threads are its own: while the API hangs, those that answer pages stay free, and the console can end.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._running: dict[str, asyncio.Future[Snapshot]] = {}

    def read(self, topic: str) -> asyncio.Future[Snapshot]:
        """The snapshot of the topic, or what `read_topic` raises. Others wait for it as well: do not cancel it."""
        if running := self._running.get(topic):
            return running
        loop = asyncio.get_running_loop()
        reading = self._running[topic] = loop.create_future()

        def end(snapshot: Snapshot | None, error: Exception | None) -> None:
            del self._running[topic]
            if error is None and snapshot is not None:
                reading.set_result(snapshot)
            elif error is not None:
                reading.set_exception(error)
                reading.exception()  # it is no fault if no page waits for it any more

        def work() -> None:
            snapshot, failure = None, None
            try:
                snapshot = read_topic(self._deployment, topic)
            except Exception as error:  # noqa: BLE001  # pages that wait get it
                failure = error
            with suppress(RuntimeError):  # the console has ended
                loop.call_soon_threadsafe(end, snapshot, failure)

        Thread(target=work, name=f"reads {topic}", daemon=True).start()
        return reading


async def follow(request: Request) -> Response:
    """An endless answer with an event for each read of the topic."""
    topic = request.query_params.get("topic", "")
    try:
        find_reader(topic)
    except TopicUnknown:
        return PlainTextResponse("There is no such topic.", 404)
    return StreamingResponse(_events(request.app.state, topic), media_type="text/event-stream")


async def _events(state: Any, topic: str) -> AsyncIterator[str]:
    deployment: Deployment = state.deployment
    loop = asyncio.get_running_loop()
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    shown: Snapshot | None = None
    while not state.is_ending():
        reading, pause = state.readings.read(topic), deployment.interval
        heard_at = loop.time()
        while not (await asyncio.wait({reading}, timeout=_SECONDS_TO_NOTICE_THE_END))[0]:
            if state.is_ending():
                return
            if loop.time() - heard_at >= HEARTBEAT_SECONDS:
                heard_at = loop.time()
                yield _format(_describe(deployment, shown, None))
        try:
            shown = reading.result()
            yield _format(_describe(deployment, shown, shown.trouble))
        except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
            yield _format(_describe(deployment, shown, str(error)))
        except Exception as error:  # noqa: BLE001  # a page that is open says so, as one that is opened does
            crash_id = report_crash(deployment, error)
            yield _format(_describe(deployment, shown, f"The console has failed; its terminal says why ({crash_id})."))
            pause *= _INTERVALS_AFTER_A_CRASH
        wakes_at = loop.time() + pause
        while not state.is_ending() and (left := wakes_at - loop.time()) > 0:
            await asyncio.sleep(min(left, _SECONDS_TO_NOTICE_THE_END))


def _describe(deployment: Deployment, shown: Snapshot | None, trouble: str | None) -> dict[str, Any]:
    """`version` is what a page should show; `age` is in real seconds."""
    age = None if shown is None else round(shown.age(deployment.snapshots.clock()), 1)
    return {"version": shown and shown.version, "age": age, "trouble": trouble}


def _format(state: dict[str, Any]) -> str:
    return f"event: state\ndata: {json.dumps(state)}\n\n"


ROUTES = [Route("/live", follow)]
