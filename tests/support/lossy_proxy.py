"""A proxy in front of the API that loses answers, as networks and API Gateway do."""

import http.client
import threading
import time
from contextlib import suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.foreign_requests import refuse_foreign

# Longer than the timeout that a test gives the client.
LATE_SECONDS = 2.0


class Loss(StrEnum):
    """What happens to a request. With BEFORE, the API does not receive it; otherwise the API executes it."""

    CUT_BEFORE = "the connection is closed"
    CUT_AFTER = "the connection is closed instead of an answer"
    CUT_SHORT = "half of the answer is sent"
    UNAVAILABLE_BEFORE = "503 by API Gateway"
    TIMED_OUT_AFTER = "504 by API Gateway"
    BAD_GATEWAY_AFTER = "502 by a proxy, in HTML"
    LATE = "the answer comes after the client has given up"
    EXPIRED = "403 by API Gateway, because the credentials have expired"


_ANSWERS = {
    Loss.UNAVAILABLE_BEFORE: (503, b'{"code": "ApiUnavailable", "message": "Service unavailable"}'),
    Loss.TIMED_OUT_AFTER: (504, b'{"code": "ApiTimedOut", "message": "Endpoint request timed out"}'),
    Loss.BAD_GATEWAY_AFTER: (502, b"<html>Bad gateway</html>"),
    Loss.EXPIRED: (403, b'{"message": "The security token included in the request is expired"}'),
}
_BEFORE = (Loss.CUT_BEFORE, Loss.UNAVAILABLE_BEFORE, Loss.EXPIRED)


class LossyProxy:
    """Passes requests on. The next requests of `method` whose path ends with `ending` meet the losses, one each."""

    def __init__(self, upstream: str, ending: str, losses: list[Loss], method: str = "POST") -> None:
        self.losses = list(losses)
        target = urlsplit(upstream)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                if refuse_foreign(self):
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                mine = self.command == method and urlsplit(self.path).path.endswith(ending)
                loss = proxy.losses.pop(0) if mine and proxy.losses else None
                status, payload = 0, b""
                if loss not in _BEFORE:
                    connection = http.client.HTTPConnection(str(target.hostname), target.port or 80, timeout=60)
                    kept = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                    connection.request(self.command, self.path, body or None, kept)
                    answer = connection.getresponse()
                    status, payload = answer.status, answer.read()
                    connection.close()
                if loss in (Loss.CUT_BEFORE, Loss.CUT_AFTER):
                    self.close_connection = True
                    return
                if loss is Loss.LATE:
                    time.sleep(LATE_SECONDS)
                if loss in _ANSWERS:
                    status, payload = _ANSWERS[loss]
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                with suppress(OSError):  # the client may have given up
                    self.wfile.write(payload[: len(payload) // 2] if loss is Loss.CUT_SHORT else payload)
                if loss is Loss.CUT_SHORT:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = _answer  # noqa: N815  # the library's names

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{target.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "LossyProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
