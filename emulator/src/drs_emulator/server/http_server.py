"""An HTTP/1.1 server with persistent connections, which refuses web pages of other sites and foreign host names.

It uses the standard library, because werkzeug's server closes each connection after one response and delays it by
10 ms.
"""

import json
import logging
import socket
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from drs_emulator.control.control_api import PREFIX
from drs_emulator.errors import AccessDenied, ConnectionCut
from drs_emulator.protocol.http_messages import JSON, Reply, Request
from loopback import guard

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 64 * 2**20


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # many clients may connect at the same time

    def __init__(self, host: str, port: int, handle: Callable[[Request], Reply], secret: str) -> None:
        """`secret` is for the control API; `handle` checks the callers of DRS. Raise OSError if the port is taken."""
        self.handle_call = handle
        self.secret = secret
        super().__init__((host, port), Handler)
        self.hosts = guard.list_hosts(self.server_port, host)

    def server_bind(self) -> None:
        """Bind without the base class's lookup of the host name, which may query a DNS server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Log an error, unless the client closed the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            log.exception("Could not respond to %s", client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # send a response in one packet
    timeout = 120  # seconds until an idle connection is closed
    server: HttpServer

    def respond(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True  # the end of this body, and so the next request, is unknown
            self._send(Reply(411, {"Connection": "close"}, b"A body needs a Content-Length"))
            return
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length)) if length != "0" else b""
        secret = self.server.secret if url.path.startswith(PREFIX) else None
        if reason := guard.find_refusal(self.command, self.headers.items(), self.server.hosts, secret):
            refusal = {**JSON, "x-amzn-errortype": AccessDenied.code}
            self._send(Reply(guard.STATUS, refusal, json.dumps({"message": reason}).encode()))
            return
        try:
            reply = self.server.handle_call(Request(self.command, url.path, url.query, headers, body))
        except ConnectionCut:
            self.close_connection = True
        else:
            self._send(reply)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve every method alike, for which the base class looks up do_GET, do_POST and so on."""
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:  # which has no body
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, template: str, *args: object) -> None:
        log.debug(template, *args)
