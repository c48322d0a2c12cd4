"""HTTP/1.1 with connections that stay open.

The standard library's server: werkzeug's closes every connection after one answer and waits 10 ms on it.
"""

import logging
import socket
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from drs_emulator.errors import ConnectionCut
from drs_emulator.protocol.http_messages import Reply, Request

log = logging.getLogger(__name__)
MAX_BODY = 64 * 2**20


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # a fleet of Lambdas may connect at once

    def __init__(self, host: str, port: int, handle: Callable[[Request], Reply]) -> None:
        """Raises OSError where the port is taken."""
        self.handle_call = handle
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        """Without the base class's look-up of the host's full name, which may ask a DNS server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            log.exception("answering %s failed", client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one packet
    timeout = 120  # seconds an idle connection is kept
    server: HttpServer

    def answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True  # what follows on the connection cannot be told apart
            self._send(Reply(411, {"Connection": "close"}, b"A body needs a Content-Length"))
            return
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length)) if length != "0" else b""
        try:
            reply = self.server.handle_call(Request(self.command, url.path, url.query, headers, body))
        except ConnectionCut:
            self.close_connection = True
        else:
            self._send(reply)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The base class looks for do_GET, do_POST and so on: all methods are answered in one way."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:  # which has no body by definition
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, template: str, *args: object) -> None:
        log.debug(template, *args)
