"""A service of AWS that refuses every call with one error, in the protocol of whoever calls it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.foreign_requests import refuse_foreign

# Services that answer in XML, by what their requests begin with.
_EC2 = "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>"
_QUERY = "<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>"


@contextmanager
def refusing(status: int, code: str, message: str = "no", *, missing: int = 0) -> Iterator[str]:
    """Serve the error, without as many bytes of its end as are `missing`, and yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if refuse_foreign(self):
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            text = json.dumps({"__type": code, "message": message, "Message": message})
            if "Version=2016-11-15" in body:
                text = _EC2.format(code, message)
            elif "Version=2015-12-01" in body:
                text = _QUERY.format(code, message)
            self.send_response(status)
            self.send_header("x-amzn-errortype", code)
            self.send_header("Content-Length", str(len(text) + missing))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST  # noqa: N815  # the name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
