"""Read what a form of a page sends."""

import asyncio
from collections import Counter
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.deployment import Deployment
from console.keys import is_same

TOKEN_FIELD = "token"  # noqa: S105  # the name of the field
# A comment has 1,000 characters at most.
MAX_BODY_BYTES, MAX_FIELDS = 64 * 1024, 40
# A browser on this machine sends a form in milliseconds, and over SSH in a second.
SECONDS_TO_SEND = 10.0


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form of this console, each once. Raise HTTPException for anything else."""
    deployment = request.app.state.deployment
    require_writable(deployment)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "A form of the console was expected.")
    try:
        async with asyncio.timeout(SECONDS_TO_SEND):
            body = await _read_body(request)
    except TimeoutError as error:
        raise HTTPException(408, "The form did not arrive in time. Send it again.") from error
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "The form cannot be read.") from error
    if twice := [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]:
        raise HTTPException(400, f"The form has {', '.join(sorted(twice))} more than once.")
    fields = dict(pairs)
    if not is_same(fields.pop(TOKEN_FIELD, None), deployment.keys.form):
        raise HTTPException(403, "The form is not of this console, or the console has been started anew. Reload it.")
    return fields


def require_writable(deployment: Deployment) -> None:
    """Raise HTTPException if this console changes nothing."""
    if deployment.read_only:
        raise HTTPException(403, "This console was started with --read-only: it changes nothing.")


async def _read_body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, "The form is too large. A comment has 1,000 characters at most.")
    return body
