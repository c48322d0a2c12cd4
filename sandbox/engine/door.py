"""What stands before MiniStack: the guard of this machine's listeners. No setting leaves it out.

MiniStack answers any page of any site: it sends `Access-Control-Allow-Origin: *`, accepts every `Host`, and its access
keys are account ids. Its functions are processes of this machine, so whoever reaches it runs code here.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, lambda_runtime, router
from ministack.services import iam, imds, lambda_svc, sts

from loopback import guard

SECRET = "AWS_SESSION_TOKEN"  # noqa: S105  # the variable, not the secret
"""The variable with the secret of this engine. MiniStack takes it as the session token of its root credentials."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def close_door(ports: Iterable[int], secret: str) -> None:
    """Let MiniStack answer only requests that the guard accepts, and issue session tokens that it accepts.

    `ports` are those that callers name: its own, and those of listeners that pass requests on to it.
    """
    _sign_session_tokens(secret)
    app.app = guarded(app.app, frozenset[str]().union(*map(guard.list_hosts, ports)), secret)


def guarded(application: Application, hosts: frozenset[str], secret: str) -> Application:
    """Wrap an ASGI application. WebSockets, which no client of ours opens, are refused."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # 1008 of RFC 6455: a rule forbids it
        else:
            lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
            lines += _tokens_of_presigned(scope)
            reason = guard.find_refusal(scope["method"], lines, hosts, secret)
            if reason:
                await _refuse(reason, dict(lines), send)
            else:
                await application(scope, receive, _without_cors(send))

    return answer


def _tokens_of_presigned(scope: Message) -> list[tuple[str, str]]:
    """The session token of a presigned URL as the header in which other requests have it."""
    parameters = parse_qs(scope["query_string"].decode("latin-1"))
    return [(guard.SECRET_HEADER, token) for token in parameters.get(guard.SECRET_HEADER, ())]


def _without_cors(send: Send) -> Send:
    """Drop the headers by which MiniStack lets pages of other sites read its answers."""

    async def send_rest(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [each for each in message.get("headers", []) if not each[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return send_rest


async def _refuse(reason: str, headers: dict[str, str], send: Send) -> None:
    """Answer in the protocol of the AWS service that was called, so that SDKs show the reason."""
    service = router.detect_service("POST", "/", headers, {})
    status, answered, body = iam_actions.access_denied_response(
        service, "", "", str(uuid.uuid4()), error_code="AccessDenied", message=reason, headers=headers
    )
    lines = [(name.lower().encode(), str(value).encode()) for name, value in answered.items()]
    lines += [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]  # its body stays unread
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def _sign_session_tokens(secret: str) -> None:
    """Issue session tokens that the guard, and the DRS emulator with the same secret, can verify.

    MiniStack derives the credentials of a function from its ARN, so that anyone who knows the ARN has them.
    """
    for module in (iam, imds, sts):
        module._gen_session_token = lambda: guard.issue_token(secret)
    register, derive = sts.register_session, lambda_runtime.execution_credentials
    tokens: dict[str, str] = {}

    def register_session(access_key: str, session: dict[str, Any]) -> None:
        if not guard.is_trusted(str(session.get("SessionToken")), secret):
            # The processes of a function share one session and start at different times, so its token stays the same.
            session["SessionToken"] = tokens.setdefault(access_key, guard.issue_token(secret))
        register(access_key, session)

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        given: dict[str, str] = derive(config)
        # Without AUTH, functions have the credentials of the account, whose session token is the secret.
        return {**given, "AWS_SESSION_TOKEN": tokens.get(given["AWS_ACCESS_KEY_ID"], given["AWS_SESSION_TOKEN"])}

    sts.register_session = register_session
    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = execution_credentials
