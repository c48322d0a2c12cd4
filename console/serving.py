"""Serve the console on 127.0.0.1."""

import socket
from collections.abc import Callable

import uvicorn

from console.app import make_app
from console.deployment import Deployment
from console.guard import ENTRY_PATH

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
# An open page is an open connection, which must not keep the console from ending.
_SECONDS_TO_END = 1


class PortTaken(Exception):
    """The port is in use."""


def bind(port: int) -> socket.socket:
    """A socket on this port of 127.0.0.1; 0 is any free one. Raise PortTaken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
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


def serve(deployment: Deployment, listener: socket.socket, on_ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `on_ready` receives the address to open."""
    on_ready(format_address(deployment, listener))
    make_server(deployment, listener).run(sockets=[listener])
