"""Tells open pages, by server-sent events, when what they show has changed, and how old it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from console.deployment import Deployment
from console.snapshots import Snapshot
from console.topics import TopicUnknown, find_reader, read_topic

# While a read takes longer than this, the page is told so, and learns that the console is still there.
HEARTBEAT_SECONDS = 2.0
# Browsers reconnect after this time, in milliseconds.
RETRY_MILLISECONDS = 1000


async def follow(request: Request) -> Response:
    """An endless answer with an event for each read of the topic."""
    deployment, topic = request.app.state.deployment, request.query_params.get("topic", "")
    try:
        find_reader(topic)
    except TopicUnknown:
        return PlainTextResponse("There is no such topic.", 404)
    return StreamingResponse(_events(deployment, topic), media_type="text/event-stream")


async def _events(deployment: Deployment, topic: str) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    shown: Snapshot | None = None
    while True:
        reading = asyncio.ensure_future(run_in_threadpool(read_topic, deployment, topic))
        try:
            while not (await asyncio.wait({reading}, timeout=HEARTBEAT_SECONDS))[0]:
                yield _format(_describe(deployment, shown, None))
            shown = reading.result()
            yield _format(_describe(deployment, shown, shown.trouble))
        except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
            yield _format(_describe(deployment, shown, str(error)))
        finally:
            reading.cancel()
        await asyncio.sleep(deployment.interval)


def _describe(deployment: Deployment, shown: Snapshot | None, trouble: str | None) -> dict[str, Any]:
    """`version` is what a page should show; `age` is in real seconds."""
    age = None if shown is None else round(shown.age(deployment.snapshots.clock()), 1)
    return {"version": shown and shown.version, "age": age, "trouble": trouble}


def _format(state: dict[str, Any]) -> str:
    return f"event: state\ndata: {json.dumps(state)}\n\n"


ROUTES = [Route("/live", follow)]
