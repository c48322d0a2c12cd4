"""The console over HTTP, as browsers and other programs reach it."""

import contextlib
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

from botocore.credentials import Credentials

from cli.api_client import ApiClient
from console.deployment import Deployment
from console.guard import name_cookie
from console.serving import HOST, bind, format_address, make_server
from tests.support.api_http_server import ApiHttpServer


@dataclass(frozen=True, slots=True)
class Page:
    """What the console answered. `headers` have names in lower case."""

    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class ServedConsole:
    """A console that listens. Its own requests are those of a browser that has opened the address."""

    deployment: Deployment
    port: int
    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    stop: Callable[[], None] = lambda: None

    def get(self, path: str, **headers: str) -> Page:
        """Ask for a page. `Host` and other headers replace those of a browser."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        """Send a form with the token of this console."""
        body = urlencode({"token": self.deployment.keys.form, **fields})
        kind = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
        return self.request("POST", path, body, {**kind, "Origin": f"http://{HOST}:{self.port}", **headers})

    def request(self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] = {}) -> Page:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, {**({"Cookie": cookie} if cookie else {}), **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return Page(answer.status, text, {name.lower(): value for name, value in answer.getheaders()})

    def download(self, path: str) -> bytes:
        """Ask for a file."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with contextlib.closing(http.client.HTTPConnection(HOST, self.port, timeout=60)) as connection:
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            return answer.read()

    def enter(self) -> Self:
        """Take the cookie, as a browser does that opens the address."""
        page = self.get(self.address.split(str(self.port), 1)[1])
        assert page.status == 303, page
        found = re.match(rf"({re.escape(name_cookie(self.port))})=([^;]+)", page.headers["set-cookie"])
        assert found, page.headers
        self.cookies[found[1]] = found[2]
        return self


@contextmanager
def serving(deployment: Deployment, port: int = 0) -> Iterator[ServedConsole]:
    """The console of this deployment, on any free port."""
    with bind(port) as listener:
        server = make_server(deployment, listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)

        def stop() -> None:
            server.should_exit = True
            thread.join(timeout=30)

        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.started:
                assert time.monotonic() < deadline, "the console does not start"
                time.sleep(0.02)
            served = ServedConsole(deployment, listener.getsockname()[1], format_address(deployment, listener))
            served.stop = stop
            yield served
        finally:
            stop()


def deployment_of(server: ApiHttpServer, **settings: object) -> Deployment:
    """The deployment behind an API that a test serves."""
    api = ApiClient(server.url, "us-west-2", Credentials("AKIDEXAMPLE", "not-a-secret"))
    return Deployment(api, "a test", **{"interval": 0.2, **settings})  # type: ignore[arg-type]
