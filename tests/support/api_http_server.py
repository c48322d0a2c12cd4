"""The product's API behind HTTP, for scripts that call it as they would on AWS."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from botocore.credentials import Credentials

from tests.support.foreign_requests import refuse_foreign
from tests.support.product import Product
from tests.support.signatures import is_signed

# A status that is none: the connection is closed without an answer.
CUT = 0


class ApiHttpServer:
    """The API behind HTTP: the product's function answers each request; unsigned requests are refused.

    With `credentials`, those are refused too that these have not signed.
    """

    def __init__(self, product: Product, credentials: Credentials | None = None) -> None:
        self.seen: list[tuple[str, str]] = []
        # The Idempotency-Key and the body of each POST, None where it has none.
        self.keys: list[str | None] = []
        self.bodies: list[Any] = []
        self.refuse: dict[tuple[str, str], int] = {}
        self.writes_allowed: int | None = None  # writes after so many are refused
        # What is answered in the function's place, each answer once: a status, with a body, or CUT.
        self.instead: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                if refuse_foreign(self):
                    return
                parts = urlsplit(self.path)
                asked = (self.command, parts.path.removeprefix("/v1"))
                server.seen.append(asked)
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                body = raw.decode() or None
                headers: Mapping[str, str] = {}
                key = self.headers.get("Idempotency-Key")
                if self.command == "POST":
                    server.keys.append(key)
                    server.bodies.append(json.loads(body) if body else None)
                if "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
                    status, answer = 403, {"message": "Missing Authentication Token"}
                elif credentials and not self._is_signed_by(credentials, raw):
                    status, answer = 403, {"code": "InvalidSignature", "message": "The signature does not match."}
                elif played := server.instead.get(asked):
                    status, answer = played.pop(0)
                elif server.writes_allowed is not None and len(server.writes) > server.writes_allowed:
                    status, answer = 500, {"message": "played by the test"}
                elif asked in server.refuse:
                    status, answer = server.refuse[asked], {"message": "played by the test"}
                else:
                    sent = {"Idempotency-Key": key} if key is not None else {}
                    query = parse_qs(parts.query, keep_blank_values=True)
                    reply = product.request(*asked, body, sent, query)
                    status, answer, headers = reply.status, reply.body, reply.headers
                if status == CUT:
                    self.close_connection = True
                    return
                payload = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            def _is_signed_by(self, credentials: Credentials, body: bytes) -> bool:
                url = f"http://{self.headers['Host']}{self.path}"
                return is_signed(self.command, url, cast("Mapping[str, str]", self.headers), body, credentials)

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = _answer  # noqa: N815  # the library's names

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "ApiHttpServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [asked for asked in self.seen if asked[0] != "GET"]
