"""Passes requests on to the engine: those of EC2 and Elastic Load Balancing that the emulator does not play itself.

So a client needs one address for EC2, whether its instances are the engine's or not. The engine sees the caller's
credentials and the host name that the caller has signed, which is that of the emulator. So an engine that verifies
signatures can do so, and one that expects a host name of its own must accept the emulator's as well.
"""

import http.client
from urllib.parse import urlsplit

from drs_emulator.errors import Unavailable
from drs_emulator.protocol.http_messages import Reply, Request

TIMEOUT_SECONDS = 60.0
OF_THE_CONNECTION = {"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"}


class EngineForwarder:
    def __init__(self, engine_url: str) -> None:
        self._url, self._address = engine_url, urlsplit(engine_url).netloc

    def forward(self, request: Request) -> Reply:
        """Return the engine's answer as it is. Raise Unavailable if it does not answer."""
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        path = f"{request.path}?{request.query}" if request.query else request.path
        try:
            connection.request(request.method, path, request.body, _without_connection(request.headers))
            answer = connection.getresponse()
            headers = _without_connection(dict(answer.getheaders()))
            return Reply(answer.status, headers, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"The engine at {self._url} does not answer: {error}") from error
        finally:
            connection.close()


def _without_connection(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in OF_THE_CONNECTION}
