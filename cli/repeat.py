"""Send a request that changes something until it is answered. Its Idempotency-Key makes that safe."""

import math
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused, Reply
from recovery.free_text import flatten

# Pauses of about 1, 2, 4, 8 and 16 s. With six answers that are late, the command takes four minutes.
MAX_TRIES, FIRST_PAUSE_SECONDS = 6, 1.0
# If no connection can be made at all, fewer tries tell that the address is wrong or the network is down.
MAX_TRIES_TO_CONNECT = 3

_AFTER_A_LOST_ANSWER = (
    "The answer to an earlier try of this command was lost. What this answer names may be the work of that try, if the "
    "credentials have changed in between."
)

Sleep = Callable[[float], None]


class AnswerLost(ApiUnreachable):
    """No try was answered, and at least one may have reached the API. The message has the last problem."""

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_arrived=True)


def make_key() -> str:
    """A new Idempotency-Key, for one command."""
    return str(uuid.uuid4())


def is_transient(status: int) -> bool:
    """Return whether a later request can succeed after an answer with this status."""
    return status == 429 or status >= 500


def post(
    api: ApiClient,
    path: str,
    body: Any,
    key: str,
    report: Callable[[str], None] = lambda problem: None,
    sleep: Sleep = time.sleep,
    max_seconds: float = math.inf,
) -> dict[str, Any]:
    """`send` for a POST."""
    return send(api, "POST", path, body, key, report, sleep, max_seconds)


def send(
    api: ApiClient,
    method: str,
    path: str,
    body: Any,
    key: str,
    report: Callable[[str], None] = lambda problem: None,
    sleep: Sleep = time.sleep,
    max_seconds: float = math.inf,
) -> dict[str, Any]:
    """The body of the 2xx that answers the request. Repeat it, with the same key, while the answer is lost or late.

    `report` receives the problem before each repetition. No try begins later than `max_seconds` after the first.
    Raise AnswerLost if the request may have been executed, ApiUnreachable or CredentialsExpired if it was not, and
    ApiRefused for a refusal.
    """
    may_have_arrived, is_connected, problem = False, False, ""
    begun = time.monotonic()
    for tries in range(1, MAX_TRIES + 1):
        failure: ApiUnreachable | ApiRefused
        try:
            reply = api.request_once(method, path, body, headers={"Idempotency-Key": key})
        except CredentialsExpired as expired:
            if may_have_arrived:
                raise AnswerLost(f"{problem}\n{expired}") from expired
            raise
        except ApiUnreachable as error:
            problem, failure = str(error), error
            may_have_arrived |= error.may_have_arrived
            is_connected |= error.may_have_arrived
        else:
            is_connected = True
            if _is_complete(reply):
                answer: dict[str, Any] = reply.body
                return answer
            if not is_transient(reply.status) and not 200 <= reply.status < 300:
                raise ApiRefused(method, path, reply, _AFTER_A_LOST_ANSWER if may_have_arrived else "", api.options)
            problem, failure = _describe(reply), ApiRefused(method, path, reply, options=api.options)
            may_have_arrived |= reply.status != 429  # API Gateway answers this without the function
        if tries == MAX_TRIES or (not is_connected and tries == MAX_TRIES_TO_CONNECT):
            break
        pause = FIRST_PAUSE_SECONDS * 2 ** (tries - 1) * random.uniform(0.5, 1)
        if time.monotonic() - begun + pause > max_seconds:
            break
        report(f"{problem}; sending the same request again")
        sleep(pause)
    if may_have_arrived:
        raise AnswerLost(str(failure))
    raise failure


def _is_complete(reply: Reply) -> bool:
    return 200 <= reply.status < 300 and isinstance(reply.body, dict)


def _describe(reply: Reply) -> str:
    if 200 <= reply.status < 300:
        return "the API's answer was cut"
    code = reply.body.get("code") if isinstance(reply.body, dict) else None
    return f"the API answered {reply.status}" + (f" {flatten(code)}" if code else "")
