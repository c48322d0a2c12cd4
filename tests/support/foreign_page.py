"""A web page of another origin, in a real Chromium, that tries to reach listeners on this machine.

`visit_foreign_page` serves a page on a port of its own, opens it in Chromium, and lets it send requests in the ways
that browsers allow any page: it returns what the page could see of the answers. What the requests did, the caller asks
the listener. `scripts/install_browser.sh` installs Chromium; NEEDS_CHROMIUM skips a test where there is none, unless
DRS_WAVES_BROWSER=required, as in CI, where the test fails.
"""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
IS_REQUIRED = os.environ.get("DRS_WAVES_BROWSER") == "required"
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None and not IS_REQUIRED, reason="there is no Chromium: scripts/install_browser.sh installs it"
)
SITE = "attacker.test"
"""The host of the page. Chromium resolves every name below .test to this machine."""

_OPTIONS = [
    "--headless",
    "--no-sandbox",  # Chromium refuses its sandbox to root, as which CI and containers run
    "--disable-gpu",
    "--no-first-run",
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    "--host-resolver-rules=MAP *.test 127.0.0.1",
]
_SECONDS = 60

Way = Literal["fetch", "no-cors", "form", "image", "script", "style", "frame", "events", "beacon"]
WAYS_OF_A_GET: tuple[Way, ...] = ("fetch", "no-cors", "form", "image", "script", "style", "frame", "events")
WAYS_OF_A_POST: tuple[Way, ...] = ("fetch", "no-cors", "form", "beacon")


@dataclass(frozen=True)
class Attempt:
    """A request of the page.

    `fetch` reads the answer if the listener's CORS headers let it, and is preceded by an OPTIONS request if `method`
    or `headers` need one. The other ways see no answer, and need no permission: `form` sends `body` as `kind`.
    """

    way: Way
    url: str
    method: str = "GET"
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "text/plain"


_PAGE = """<!doctype html><title>A page of another origin</title><script>
const loaded = (tag, set) => new Promise(done => {
  const element = document.createElement(tag);
  element.onload = () => done("loaded");
  element.onerror = () => done("failed");
  set(element);
  document.body.append(element);
  setTimeout(() => done("no event"), 8000);
});
const ways = {
  async fetch({url, method, body, headers}) {
    const answer = await fetch(url, {method, body, headers});
    return `read ${answer.status} ${await answer.text()}`;
  },
  async "no-cors"({url, method, body}) {
    return (await fetch(url, {method, body, mode: "no-cors", credentials: "include"})).type;
  },
  async beacon({url, body}) { return String(navigator.sendBeacon(url, body)); },
  image: ({url}) => loaded("img", element => { element.src = url; }),
  script: ({url}) => loaded("script", element => { element.src = url; }),
  style: ({url}) => loaded("link", element => { element.rel = "stylesheet"; element.href = url; }),
  events: ({url}) => new Promise(done => {
    const source = new EventSource(url, {withCredentials: true});
    source.onopen = () => { done("read events"); source.close(); };
    source.onerror = () => { done("failed"); source.close(); };
  }),
  frame: ({url}) => loaded("iframe", element => { element.src = url; }),
  async form({url, method, body, kind}) {
    const name = "frame" + Math.random();
    const frame = loaded("iframe", element => { element.name = name; });
    await frame;
    const form = document.createElement("form");
    Object.assign(form, {action: url, method, enctype: kind, target: name});
    const parts = kind === "text/plain" ? [body || ""] : (body || "").split("&");
    for (const part of parts) {
      const [head, ...rest] = part.split("=");  // a form sends NAME=VALUE
      const input = document.createElement("input");
      Object.assign(input, {type: "hidden", name: head, value: rest.join("=")});
      form.append(input);
    }
    document.body.append(form);
    form.submit();
    await new Promise(done => setTimeout(done, 1500));
    return "sent";
  },
};
onload = async () => {
  const seen = [];
  for (const attempt of ATTEMPTS) {
    try { seen.push(await ways[attempt.way](attempt)); } catch (error) { seen.push(`blocked: ${error}`); }
  }
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
};
</script><body></body>"""


def find_chromium() -> str:
    """Raise FileNotFoundError, by which a test fails that must not be skipped."""
    if CHROMIUM is None:
        raise FileNotFoundError("DRS_WAVES_BROWSER=required, and there is no Chromium: run scripts/install_browser.sh")
    return CHROMIUM


def visit_foreign_page(attempts: Iterable[Attempt]) -> list[str]:
    """Open the page in Chromium and return what it saw of each attempt, in order. Raise TimeoutError.

    `read STATUS TEXT` is an answer that the page could read; `blocked: …` one that the browser kept from it.
    """
    with foreign_page(attempts) as page, _chromium("--remote-debugging-port=0", page.url) as browser:
        try:
            return page.wait()
        except TimeoutError as error:
            raise TimeoutError(f"{error}; Chromium: {browser.poll()}") from error


@dataclass(frozen=True)
class ForeignPage:
    """A page that is served, for a browser that the caller has. `url` is below another name, `local_url` here."""

    port: int
    seen: list[str]
    done: threading.Event

    @property
    def url(self) -> str:
        return f"http://{SITE}:{self.port}/"

    @property
    def local_url(self) -> str:
        """On another port of this machine: browsers call it the same site, and send it the machine's cookies."""
        return f"http://127.0.0.1:{self.port}/"

    def wait(self) -> list[str]:
        """What the page saw, as `visit_foreign_page` returns it. Raise TimeoutError."""
        if not self.done.wait(_SECONDS):
            raise TimeoutError(f"the page has not finished after {_SECONDS} s")
        return self.seen


@contextmanager
def foreign_page(attempts: Iterable[Attempt]) -> Iterator[ForeignPage]:
    """Serve the page, which makes its attempts when it is opened."""
    tried = [asdict(attempt) for attempt in attempts]
    page = _PAGE.replace("ATTEMPTS", json.dumps(tried).replace("<", "\\u003c"))
    seen: list[str] = []
    done = threading.Event()

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path == "/"
            self._answer(page if is_page else "", 200 if is_page else 404)

        def do_POST(self) -> None:
            seen.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer("", 200)
            done.set()

        def _answer(self, text: str, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield ForeignPage(server.server_port, seen, done)
        finally:
            server.shutdown()
            thread.join()


def read_page(url: str) -> str:
    """Open the URL in Chromium as a person does who clicks a link, and return the page that is shown."""
    with tempfile.TemporaryDirectory() as profile:
        command = [find_chromium(), *_OPTIONS, f"--user-data-dir={profile}", "--dump-dom", url]
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout


@contextmanager
def _chromium(*words: str) -> Iterator["subprocess.Popen[bytes]"]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [find_chromium(), *_OPTIONS, f"--user-data-dir={profile}", *words]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield browser
        finally:
            browser.terminate()
            browser.wait(20)
