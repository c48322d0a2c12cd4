"""Serve the console on 127.0.0.1."""

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from console.app import make_app
from console.deployment import Deployment
from console.guard import ENTRY_PATH

HOST = "127.0.0.1"
# An open page is an open connection, which must not keep the console from ending.
_SECONDS_TO_END = 1
_SECONDS_TO_NOTICE = 0.1


class PortTaken(Exception):
    """The port is in use."""


def bind(port: int) -> socket.socket:
    """A socket that listens on this port of 127.0.0.1; 0 is any free one. Raise PortTaken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()  # a browser that comes before the server waits for it
    except OSError as error:
        listener.close()
        raise PortTaken(f"port {port} of {HOST} cannot be used: {error.strerror}") from error
    return listener


def format_address(deployment: Deployment, listener: socket.socket) -> str:
    """The address to open, with the key in it."""
    return f"http://{HOST}:{listener.getsockname()[1]}{ENTRY_PATH}?key={deployment.keys.entry}"


def make_server(deployment: Deployment, listener: socket.socket) -> uvicorn.Server:
    """A server for `serve`. Another thread ends it with `should_exit`."""
    app = make_app(deployment, listener.getsockname()[1])
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            ws="none",
            proxy_headers=False,  # no program in front of it is trusted
            log_level="warning",
            access_log=False,  # the first address has the key in it
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
    )
    app.state.is_ending = lambda: server.should_exit
    return server


def serve(deployment: Deployment, listener: socket.socket, on_ready: Callable[[str], None]) -> int:
    """Serve until a signal asks to end, and return its number. `on_ready` receives the address to open.

    Threads that wait for an answer of the API may still be there then. The caller ends the process.
    """
    server = make_server(deployment, listener)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console", daemon=True)
    with _ending_by_signals(server) as received, _ending_quietly(server):
        on_ready(format_address(deployment, listener))
        thread.start()
        while thread.is_alive() and not server.should_exit:
            thread.join(timeout=_SECONDS_TO_NOTICE)
        thread.join(timeout=2 * _SECONDS_TO_END)
    return received[0] if received else signal.SIGTERM


@contextmanager
def serving_beside(deployment: Deployment, port: int) -> Iterator[str]:
    """Serve in a thread beside other work, on this port or, if it is taken, on any free one. Yield the address."""
    try:
        listener = bind(port)
    except PortTaken:
        listener = bind(0)
    server = make_server(deployment, listener)
    with listener, _ending_quietly(server):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console", daemon=True)
        thread.start()
        try:
            yield format_address(deployment, listener)
        finally:
            server.should_exit = True
            thread.join(timeout=2 * _SECONDS_TO_END)


@contextmanager
def _ending_quietly(server: uvicorn.Server) -> Iterator[None]:
    """Log nothing once the server ends: it reports each page that is open then, with a trace, as an error."""

    def is_wanted(_: logging.LogRecord) -> bool:
        return not server.should_exit

    log = logging.getLogger("uvicorn.error")
    log.addFilter(is_wanted)
    try:
        yield
    finally:
        log.removeFilter(is_wanted)


@contextmanager
def _ending_by_signals(server: uvicorn.Server) -> Iterator[list[int]]:
    """Let signals end the server, and yield those that came. uvicorn passes on the signals that it takes itself."""
    received: list[int] = []

    def end(number: int, _: object) -> None:
        received.append(number)
        server.should_exit = True

    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` ignores SIGHUP
            before[number] = signal.signal(number, end)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
