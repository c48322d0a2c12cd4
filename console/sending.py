"""Send what a form asks for to the API, once however often it is sent, within a time that people wait for."""

import asyncio
import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from cli import repeat
from cli.api_client import ApiClient
from cli.repeat import AnswerLost

# No further try begins after the first of these, and an answer is awaited no longer than the second, in seconds.
MAX_SECONDS_OF_TRIES, MAX_SECONDS = 15.0, 20.0
# What the API takes. It becomes a header, so no other character may get there.
_KEY = re.compile(r"[!-~]{1,255}")


def require_key(key: str) -> None:
    """Raise HTTPException for what can be no key."""
    if not _KEY.fullmatch(key):
        raise HTTPException(400, "The form has no Idempotency-Key of this console. Reload the page; nothing was sent.")


async def send(api: ApiClient, path: str, body: dict[str, Any] | None, key: str) -> dict[str, Any]:
    """The answer to this POST with this Idempotency-Key.

    Raise AnswerLost if it may have been executed and was not answered in time, HTTPException for what can be no key,
    and the errors of `repeat.post`.
    """
    require_key(key)
    sending = asyncio.ensure_future(
        run_in_threadpool(repeat.post, api, path, body, key, max_seconds=MAX_SECONDS_OF_TRIES)
    )
    sending.add_done_callback(lambda each: each.cancelled() or each.exception())  # it may end after the answer here
    done, _ = await asyncio.wait({sending}, timeout=MAX_SECONDS)
    if not done:
        raise AnswerLost(f"The API has not answered within {MAX_SECONDS:.0f} seconds.")
    return sending.result()
