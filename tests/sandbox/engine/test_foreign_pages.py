"""A page of another origin in Chromium reaches the engine and the DRS emulator in no way that a browser has."""

import io
import json
import threading
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from drs_emulator import Emulator
from loopback.guard import SECRET_HEADER
from tests.support.foreign_page import (
    NEEDS_CHROMIUM,
    SITE,
    WAYS_OF_A_GET,
    WAYS_OF_A_POST,
    Attempt,
    read_page,
    visit_foreign_page,
)
from tests.support.ministack import ACCOUNT, REGION, SECRET, MiniStack

pytestmark = NEEDS_CHROMIUM


class Recorder(ThreadingHTTPServer):
    """A listener without a guard, which lets every page read its answers, as MiniStack does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.seen: list[tuple[str, str]] = []


class _Answer(BaseHTTPRequestHandler):
    server: Recorder

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path))
        self.send_response(200)
        for name in ("Origin", "Methods", "Headers"):
            self.send_header(f"Access-Control-Allow-{name}", "*")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = do_PUT = do_OPTIONS = _answer  # noqa: N815  # the library's names

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def every_way(url: str, body: str) -> list[Attempt]:
    """Every way to send a GET and a POST without a preflight."""
    posts = [Attempt(way, url, "POST", body) for way in WAYS_OF_A_POST]
    return [*(Attempt(way, url) for way in WAYS_OF_A_GET), *posts]


def test_the_page_reaches_a_listener_without_a_guard_in_every_way(recorder: Recorder) -> None:
    """Otherwise the other tests here would prove nothing."""
    root = f"http://127.0.0.1:{recorder.server_port}"
    attempts = [
        Attempt(each.way, f"{root}/{each.way}", each.method, each.body) for each in every_way(root, '{"a": "b=c"}')
    ]
    changed = Attempt("fetch", f"{root}/put", "PUT", "{}", {"Authorization": "any"})
    seen = visit_foreign_page([*attempts, changed])
    expected = [("GET", f"/{way}") for way in WAYS_OF_A_GET] + [("POST", f"/{way}") for way in WAYS_OF_A_POST]
    sent = {(method, path.partition("?")[0]) for method, path in recorder.seen}
    assert sent >= {*expected, ("OPTIONS", "/put"), ("PUT", "/put")}
    assert (seen[0], seen[-1]) == ("read 200 ok", "read 200 ok")


def creates_a_function(engine: MiniStack, name: str, token: str | None) -> Attempt:
    """The page's request with credentials that are known, signed as boto3 signs it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("index.py", "def handler(event, context):\n    return 'code of a page'\n")
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    function = {"FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler", "Role": role}
    body = json.dumps({**function, "Code": {"ZipFile": b64encode(packed.getvalue()).decode()}})
    url = f"{engine.url}/2015-03-31/functions"
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=body)
    SigV4Auth(Credentials(ACCOUNT, "test", token), "lambda", REGION).add_auth(request)
    return Attempt("fetch", url, "POST", body, dict(request.headers))


@pytest.mark.parametrize("token", [None, SECRET], ids=["who knows the credentials", "who knows the secret as well"])
def test_a_page_creates_no_function(patched: MiniStack, token: str | None) -> None:
    def names() -> set[str]:
        return {each["FunctionName"] for each in patched.client("lambda").list_functions()["Functions"]}

    before = names()
    attempt = creates_a_function(patched, "of-a-page", token)
    (seen,) = visit_foreign_page([attempt])
    assert seen.startswith("blocked")
    assert names() == before


def test_a_page_changes_nothing_at_the_engine_in_any_way(patched: MiniStack) -> None:
    events, engine = patched.client("events"), patched.url
    forms = "Action=CreateUser&UserName=of-a-page&Version=2010-05-08"
    seen = visit_foreign_page(
        [
            *every_way(f"{engine}/?{forms}", forms),
            *every_way(f"{engine}/_ministack/reset", ""),
            *every_way(f"{engine}/_ministack/health", ""),
            *every_way(f"{engine}/restapis/{patched.outputs['Api']}/v1/_user_request_/plans", "{}"),
        ]
    )
    assert not [each for each in seen if each.startswith("read")]
    assert [each["UserName"] for each in patched.client("iam").list_users()["Users"]] == []
    assert events.list_event_buses()["EventBuses"]  # nothing was reset: the engine and its stack are there
    assert patched.client("cloudformation").describe_stacks(StackName="toy")["Stacks"]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(speed=0) as running:
        running.seed(ACCOUNT, REGION, [{"hostname": "web01"}])
        yield running


def test_a_page_sets_no_fault_and_starts_no_job(emulator: Emulator) -> None:
    fault: dict[str, Any] = {"kind": "REGION_DOWN", "region": REGION}
    servers = emulator.client(ACCOUNT, REGION).describe_source_servers()["items"]
    start = json.dumps({"sourceServers": [{"sourceServerID": servers[0]["sourceServerID"]}]})
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/drs/aws4_request, "}
    known = {SECRET_HEADER: emulator.secret}
    settings = json.dumps({"seed": 1234})
    seen = visit_foreign_page(
        [
            *every_way(f"{emulator.url}/_emulator/faults", json.dumps(fault)),
            *every_way(f"{emulator.url}/_emulator/reset", "{}"),
            *every_way(f"{emulator.url}/StartRecovery", start),
            Attempt("fetch", f"{emulator.url}/_emulator/faults", "POST", json.dumps(fault), known),
            Attempt("fetch", f"{emulator.url}/_emulator/settings", "PUT", settings),
            Attempt("fetch", f"{emulator.url}/_emulator/settings", "PUT", settings, known),
            Attempt("fetch", f"{emulator.url}/StartRecovery", "POST", start, signed),
            Attempt("fetch", f"{emulator.url}/StartRecovery", "POST", start, {**signed, **known}),
        ]
    )
    assert not [each for each in seen if each.startswith("read")]
    assert emulator.world.faults.describe(0) == []
    assert emulator.control.settings()["seed"] != 1234
    assert emulator.client(ACCOUNT, REGION).describe_jobs()["items"] == []
    assert emulator.client(ACCOUNT, REGION).describe_source_servers()["items"] == servers  # nothing was reset


def test_a_host_name_of_another_that_points_here_is_refused(patched: MiniStack, emulator: Emulator) -> None:
    """DNS rebinding: the page's own name leads to this machine, so its requests are of the same origin."""
    for url in (f"{patched.url}/_ministack/health", f"{emulator.url}/_emulator/health"):
        port_and_path = url.removeprefix("http://127.0.0.1")
        assert "This listener answers to" in read_page(f"http://{SITE}{port_and_path}")
        assert SECRET_HEADER in read_page(url)  # a person who opens the address learns what is missing
