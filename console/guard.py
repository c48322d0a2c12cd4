"""Keeps other users of this machine and other web pages out of the console, and pages from loading anything else."""

from collections.abc import Iterable, Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.keys import Keys, is_same
from loopback import guard

ENTRY_PATH = "/enter"
# Nothing is loaded from elsewhere, no page frames ours, and no markup of ours has code or style in it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would let browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STRANGER = (
    "This is not the address of the console, or the console has been started anew since. "
    "Open the address that `drs-waves console` has printed in its terminal."
)


class Guard:
    """Answers only requests of its own pages, in a browser that has opened the address of the terminal."""

    def __init__(self, app: ASGIApp, keys: Keys, port: int) -> None:
        """`port` is where the console listens, on 127.0.0.1."""
        self._app, self._keys = app, keys
        self._hosts = guard.list_hosts(port)
        self.cookie_name = name_cookie(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        if refusal := self._find_refusal(scope):
            await PlainTextResponse(refusal, 403, headers=HEADERS)(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _find_refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        lines = headers.items()
        if refusal := guard.find_refusal(scope["method"], lines, self._hosts):
            return refusal
        if scope["method"] not in ("GET", "HEAD") and "origin" not in headers:
            return "The request has no Origin. Only the forms of the console's own pages change anything."
        if scope["path"] == ENTRY_PATH:
            return None
        sent = _list_cookies(lines, self.cookie_name)
        return None if any(is_same(value, self._keys.cookie) for value in sent) else _STRANGER


def name_cookie(port: int) -> str:
    """Browsers send the cookies of one port to all ports of a machine, so each console has a name of its own."""
    return f"drs-waves-console-{port}"


def _list_cookies(lines: Iterable[tuple[str, str]], wanted: str) -> Iterator[str]:
    """The values of all cookies with this name.

    Other servers of this machine set cookies for it too: some that `http.cookies` cannot read, and some of this name
    for a longer path, which browsers send first.
    """
    for header, line in lines:
        if header == "cookie":
            for pair in line.split(";"):
                name, _, value = pair.partition("=")
                if name.strip() == wanted:
                    yield value.strip()
