"""Send what a form asks for to the API, once however often it is sent, within a time that people wait for."""

import asyncio
import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from cli import repeat
from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from cli.repeat import AnswerLost
from console.refusals import ShownError, describe_error

# No further try begins after the first of these, and an answer is awaited no longer than the second, in seconds.
MAX_SECONDS_OF_TRIES, MAX_SECONDS = 15.0, 20.0
# What the API takes. It becomes a header, so no other character may get there.
_KEY = re.compile(r"[!-~]{1,255}")


class NotDone(Exception):
    """What a form asked for was refused, or not answered. `shown` says so; `key` is what the form has from now on."""

    def __init__(self, shown: ShownError, key: str) -> None:
        super().__init__(shown.title)
        self.shown, self.key = shown, key


async def submit(api: ApiClient, path: str, body: dict[str, Any] | None, key: str, if_lost: str) -> dict[str, Any]:
    """The answer to a form, as `send`. Raise NotDone; `if_lost` says what follows from an answer that did not come.

    A form keeps its key until the API has refused it: an earlier press may have been executed, and its answer lost.
    """
    try:
        return await send(api, path, body, key)
    except AnswerLost as lost:
        shown = ShownError("No answer came", (*str(lost).splitlines(), if_lost), 504, is_lost=True)
        raise NotDone(shown, key) from lost
    except ApiRefused as refused:
        raise NotDone(describe_error(refused), repeat.make_key()) from refused
    except (ApiUnreachable, CredentialsExpired) as failed:
        raise NotDone(describe_error(failed), key) from failed


async def submit_put(api: ApiClient, path: str, body: dict[str, Any], key: str, if_lost: str) -> dict[str, Any]:
    """`submit` for a PUT, which says the same if it is sent again, and needs no key."""
    require_key(key)
    try:
        reply = await run_in_threadpool(api.request_once, "PUT", path, body)
    except ApiUnreachable as failed:
        shown = ShownError("No answer came", (str(failed), if_lost), 504, is_lost=True)
        raise NotDone(shown if failed.may_have_arrived else describe_error(failed), key) from failed
    except CredentialsExpired as failed:
        raise NotDone(describe_error(failed), key) from failed
    if not 200 <= reply.status < 300:
        refused = ApiRefused("PUT", path, reply, options=api.options)
        raise NotDone(describe_error(refused), key) from refused
    answer: dict[str, Any] = reply.body
    return answer


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
