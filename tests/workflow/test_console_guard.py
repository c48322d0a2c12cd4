"""Nothing but the console's own pages, in a browser that has opened its address, reads or changes anything."""

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from cli.api_client import ApiClient
from console import forms, live
from console.deployment import Deployment
from console.guard import HEADERS, POLICY, name_cookie
from console.pages import overview
from console.serving import HOST, bind, format_address, make_server
from console.topics import find_reader
from tests.support.api_http_server import ApiHttpServer
from tests.support.console_routes import list_paths
from tests.support.console_server import Page, ServedConsole, deployment_of, serving
from tests.support.plans import make_plan
from tests.support.product import Product

SCRIPT = "<script>alert(1)</script>"
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def silent_api() -> Iterator[ApiClient]:
    """An API that takes connections and never answers."""
    with socket.create_server((HOST, 0)) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}/v1"
        yield ApiClient(url, "us-west-2", Credentials("AKIDEXAMPLE", "not-a-secret"))


@pytest.fixture(scope="module")
def served_alone() -> Iterator[ServedConsole]:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    api = ApiClient(f"http://{HOST}:{port}/v1", "us-west-2", Credentials("AKIDEXAMPLE", "not-a-secret"))
    with serving(Deployment(api, "a test", interval=0.2)) as served:
        yield served.enter()


@pytest.fixture
def lonely(served_alone: ServedConsole) -> ServedConsole:
    """A console whose API cannot be reached, which most requests here never need."""
    served_alone.deployment.snapshots.forget("overview")
    return replace(served_alone, cookies=dict(served_alone.cookies))


@pytest.fixture
def api(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as server:
        yield server


@pytest.fixture
def console(api: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(api)) as served:
        yield served.enter()


def send_raw(port: int, text: str | bytes) -> str:
    """Send these bytes and return all that is answered."""
    with socket.create_connection((HOST, port), timeout=60) as connection:
        connection.sendall(text.encode() if isinstance(text, str) else text)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode()


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- Who is answered --------------------------------------------------------------------------------------------------


FOREIGN: dict[str, dict[str, str]] = {
    "a host name of another that points here": {"Host": "attacker.test:{port}"},
    "a host name that ends like ours": {"Host": "127.0.0.1.attacker.test:{port}"},
    "another port": {"Host": "127.0.0.1:1"},
    "no port": {"Host": "127.0.0.1"},
    "another address of this machine": {"Host": "127.0.0.2:{port}"},
    "a page of another site": {"Origin": "https://attacker.test"},
    "a page of another port": {"Origin": "http://127.0.0.1:1"},
    "a page of this port over HTTPS": {"Origin": "https://127.0.0.1:{port}"},
    "a page without an origin": {"Origin": "null"},
    "two origins": {"Origin": "http://127.0.0.1:{port} https://attacker.test"},
    "an origin that begins like ours": {"Origin": "http://127.0.0.1:{port}.attacker.test"},
    "a site that the browser calls foreign": {"Sec-Fetch-Site": "cross-site"},
    "another port, which the browser calls the same site": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_no_foreign_request_is_answered(lonely: ServedConsole, headers: dict[str, str]) -> None:
    filled = {name: value.format(port=lonely.port) for name, value in headers.items()}
    for path in (
        "/",
        "/live?topic=overview",
        "/static/live.js",
        "/no-such-page",
        lonely.address.partition("/enter")[1],
    ):
        page = lonely.get(path, **filled)
        assert page.status == 403, (path, page)
        assert "set-cookie" not in page.headers
    assert lonely.post("/no-such-page", {}, **filled).status == 403


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_request_with_the_right_key_gets_no_cookie(lonely: ServedConsole, headers: dict[str, str]) -> None:
    filled = {name: value.format(port=lonely.port) for name, value in headers.items()}
    page = lonely.get("/enter?" + lonely.address.partition("?")[2], **filled)
    assert page.status == 403
    assert "set-cookie" not in page.headers


def test_two_hosts_and_none_are_refused(lonely: ServedConsole) -> None:
    cookie = f"Cookie: {name_cookie(lonely.port)}={lonely.deployment.keys.cookie}\r\n"
    own = f"Host: {HOST}:{lonely.port}\r\n"
    for hosts in ("", own + own, own + "Host: attacker.test\r\n"):
        answer = send_raw(lonely.port, f"GET /static/live.js HTTP/1.1\r\n{hosts}{cookie}Connection: close\r\n\r\n")
        assert answer.startswith(("HTTP/1.1 400", "HTTP/1.1 403")), (hosts, answer)
    # A client of HTTP/1.0 may leave it out.
    assert send_raw(lonely.port, f"GET /static/live.js HTTP/1.0\r\n{cookie}\r\n").startswith("HTTP/1.1 403")


def test_the_browser_of_the_person_is_answered(lonely: ServedConsole) -> None:
    own = f"http://{HOST}:{lonely.port}"
    for headers in ({}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin", "Origin": own}):
        assert lonely.get("/static/live.js", **headers).status == 200
    assert lonely.get("/static/live.js", Host=f"localhost:{lonely.port}").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/fleet", "/runs/r-1", "/live?topic=overview", "/static/live.js", "/no-such-page"]
)
def test_a_browser_without_the_cookie_reads_nothing(lonely: ServedConsole, path: str) -> None:
    name, right = name_cookie(lonely.port), lonely.deployment.keys.cookie
    for cookies in (
        {},
        {name: ""},
        {name: "forged"},
        {name: right[:-1]},
        {name: lonely.deployment.keys.entry},
        {name: lonely.deployment.keys.form},
        {name_cookie(1): right},
        {name.upper(): right},
        {name: "ü".encode().decode("latin-1")},
    ):
        lonely.cookies = dict(cookies)
        page = lonely.get(path)
        assert page.status == 403, cookies
        assert "Open the address" in page.text


def test_the_cookies_of_other_servers_do_not_keep_the_browser_out(lonely: ServedConsole) -> None:
    """All ports of a machine share its cookies, and some are not as the standard has them."""
    mine = f"{name_cookie(lonely.port)}={lonely.deployment.keys.cookie}"
    tossed = f"{name_cookie(lonely.port)}=set-by-another-port-for-a-longer-path"
    for line in (mine, f'json={{"a":1, b}}; {mine}', f"ü=1; =; ;;{mine};", f"{tossed}; {mine}", f"{mine}; {tossed}"):
        lonely.cookies = {}
        assert lonely.get("/static/live.js", Cookie=line.encode().decode("latin-1")).status == 200, line


def test_a_browser_can_be_in_two_consoles(lonely: ServedConsole) -> None:
    with serving(replace(lonely.deployment, keys=type(lonely.deployment.keys)())) as second:
        second.enter()
        both = {**lonely.cookies, **second.cookies}
        assert len(both) == 2
        for console, other in ((lonely, second), (second, lonely)):
            console.cookies = both
            assert console.get("/static/live.js").status == 200
            foreign_token = {"token": other.deployment.keys.form}
            assert console.post("/a-form", foreign_token).status in (403, 404)
            assert console.get("/enter?" + other.address.partition("?")[2]).status == 403


@pytest.mark.parametrize("query", ["", "?key=", "?key=wrong", "?key=%00", "?key=%ff%fe", "?Key=ENTRY"])
def test_a_wrong_key_gets_no_cookie(lonely: ServedConsole, query: str) -> None:
    page = lonely.get("/enter" + query.replace("ENTRY", lonely.deployment.keys.entry))
    assert page.status == 403
    assert "set-cookie" not in page.headers
    assert "Open the one that" in page.text


def test_the_cookie_is_for_no_script_and_no_other_site(lonely: ServedConsole) -> None:
    page = lonely.get("/enter?" + lonely.address.partition("?")[2])
    attributes = [each.strip().lower() for each in page.headers["set-cookie"].split(";")[1:]]
    assert (page.status, page.headers["location"]) == (303, "/")
    assert sorted(attributes) == ["httponly", "path=/", "samesite=strict"]  # and it ends with the browser


# --- What every answer has --------------------------------------------------------------------------------------------


def is_guarded(page: Page) -> bool:
    sent = {name: page.headers.get(name.lower()) for name in HEADERS}
    is_shared = any(name.startswith("access-control-") for name in page.headers)
    return sent == HEADERS and not is_shared and "server" not in page.headers


def test_every_answer_has_the_headers_that_keep_pages_apart(
    lonely: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    answers = {
        "a page that the API does not let be read": (503, lonely.get("/")),
        "a file": (200, lonely.get("/static/console.css")),
        "a file as it was": (
            304,
            lonely.get("/static/console.css", **{"If-None-Match": lonely.get("/static/console.css").headers["etag"]}),
        ),
        "no such file": (404, lonely.get("/static/no.css")),
        "no such page": (404, lonely.get("/no-such-page")),
        "no such topic": (404, lonely.get("/live?topic=no")),
        "a method that is not answered": (
            405,
            lonely.request("DELETE", "/", headers={"Origin": f"http://{HOST}:{lonely.port}"}),
        ),
        "a stranger": (403, lonely.get("/", Cookie="none=1")),
        "a foreign page": (403, lonely.get("/", Origin="https://attacker.test")),
        "a preflight": (403, lonely.request("OPTIONS", "/")),
        "the entry": (303, lonely.get("/enter?" + lonely.address.partition("?")[2])),
        "a wrong key": (403, lonely.get("/enter?key=wrong")),
    }
    monkeypatch.setattr(overview, "read_topic", fail)
    answers["a fault of the console"] = (500, lonely.get("/"))
    for name, (status, page) in answers.items():
        assert page.status == status, (name, page)
        assert is_guarded(page), (name, page.headers)


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert set(rules.values()) == {"'self'", "'none'"}
    assert {"script-src", "style-src", "form-action", "base-uri", "frame-ancestors"} <= set(rules)


def test_a_preflight_and_unknown_methods_are_refused(lonely: ServedConsole) -> None:
    own = {"Origin": f"http://{HOST}:{lonely.port}"}
    for path in ("/", "/static/live.js", "/live"):
        assert lonely.request("OPTIONS", path, headers=own).status == 403
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "POST"):
            assert lonely.request(method, path, headers=own).status == 405, (method, path)
            assert lonely.request(method, path).status == 403, (method, path)


def test_a_head_request_is_answered_without_a_body(lonely: ServedConsole) -> None:
    page = lonely.request("HEAD", "/static/live.js")
    assert (page.status, page.text) == (200, "")
    assert int(page.headers["content-length"]) > 1000


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/%2e%2e%2fapp.py"),
        *("/static/....//app.py", "/static/..%5capp.py", "/static//etc/passwd", "/static/%2fetc%2fpasswd"),
        *("/static/%00", "/static/live.js%00.css", "/static/" + "a" * 4000, "/static/vendor", "/static/", "/static"),
        *("/static/../templates/base.html.j2", "//etc/passwd", "/static/%ff%fe"),
    ],
)
def test_no_file_but_the_static_ones_is_served(lonely: ServedConsole, path: str) -> None:
    answer = send_raw(
        lonely.port,
        f"GET {path} HTTP/1.1\r\nHost: {HOST}:{lonely.port}\r\nConnection: close\r\n"
        f"Cookie: {name_cookie(lonely.port)}={lonely.deployment.keys.cookie}\r\n\r\n",
    )
    assert answer.startswith(("HTTP/1.1 404", "HTTP/1.1 307")), answer
    assert "root:" not in answer
    assert "Starlette" not in answer


# --- Forms ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def form(lonely: ServedConsole, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Page]:
    """Sends a body to a form that answers with its fields as JSON."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(await forms.read_form(request))

    monkeypatch.setattr(overview, "ROUTES", [*overview.ROUTES, Route("/echo", echo, methods=["POST"])])
    stack = serving(lonely.deployment)
    echoing = stack.__enter__().enter()
    lonely.address, lonely.port, lonely.cookies = echoing.address, echoing.port, echoing.cookies

    def send(body: str, **headers: str) -> Page:
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{HOST}:{echoing.port}"}
        return echoing.request("POST", "/echo", body, {**kind, **headers})

    yield send  # type: ignore[misc]
    stack.__exit__(None, None, None)


def token_of(console: ServedConsole) -> str:
    return f"token={console.deployment.keys.form}"


def test_a_form_of_the_console_is_read(lonely: ServedConsole, form: Callable[..., Page]) -> None:
    page = form(f"{token_of(lonely)}&comment=%C3%A4+b&empty=")
    assert (page.status, json.loads(page.text)) == (200, {"comment": "ä b", "empty": ""})


def test_a_form_with_a_wrong_token_is_refused(lonely: ServedConsole, form: Callable[..., Page]) -> None:
    right = token_of(lonely)
    for body in (
        "",
        "a=1",
        "token=",
        "token=wrong",
        right[:-1],
        f"token={lonely.deployment.keys.cookie}",
        right.upper(),
    ):
        page = form(body)
        assert page.status == 403, body
        assert "Reload it" in page.text
    for body in (f"{right}&{right}", f"token=wrong&{right}", f"{right}&a=1&a=2"):
        assert form(body).status == 400, body


def test_only_the_type_of_a_form_is_read(lonely: ServedConsole, form: Callable[..., Page]) -> None:
    body = token_of(lonely)
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=a", "", "a" * 1000, "text/html;x"):
        assert form(body, **{"Content-Type": kind}).status == 415, kind
    for kind in ("application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"):
        assert form(body, **{"Content-Type": kind}).status == 200, kind


def test_a_form_that_is_too_large_or_unreadable_is_refused(lonely: ServedConsole, form: Callable[..., Page]) -> None:
    body = token_of(lonely)
    assert form(f"{body}&a={'a' * forms.MAX_BODY_BYTES}").status == 413
    assert form(f"{body}&" + "&".join(f"f{number}=" for number in range(forms.MAX_FIELDS + 1))).status == 400
    head = f"POST /echo HTTP/1.1\r\nHost: {HOST}:{lonely.port}\r\nOrigin: http://{HOST}:{lonely.port}\r\n" + (
        f"Cookie: {name_cookie(lonely.port)}={lonely.deployment.keys.cookie}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
    )
    raw = body.encode() + b"&a=\xff"
    assert " 400 " in send_raw(lonely.port, f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw).splitlines()[0]
    chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n"
    whole = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    assert " 200 " in send_raw(lonely.port, chunked + whole).splitlines()[0]
    endless = "".join(f"{8192:x}\r\n{'a' * 8192}\r\n" for _ in range(9))
    assert " 413 " in send_raw(lonely.port, chunked + endless + "0\r\n\r\n").splitlines()[0]


def test_a_form_that_does_not_arrive_is_given_up(
    lonely: ServedConsole, form: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "SECONDS_TO_SEND", 0.1)
    head = f"POST /echo HTTP/1.1\r\nHost: {HOST}:{lonely.port}\r\nOrigin: http://{HOST}:{lonely.port}\r\n" + (
        f"Cookie: {name_cookie(lonely.port)}={lonely.deployment.keys.cookie}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntok"
    )
    with socket.create_connection((HOST, lonely.port), timeout=60) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")
    assert form(token_of(lonely)).status == 200


# --- All routes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ids(product: Product) -> dict[str, str]:
    """Of a drill that has ended, whose plan and servers have hostile names."""
    wave = {"name": "web", "groups": [product.group(product.seed(2, prefix=f"{SCRIPT}-"), name=SCRIPT)]}
    plan = product.plan(wave, name=SCRIPT)
    run = product.drill(plan)
    server = product.servers(run["executionId"])[0]
    job = product.jobs()[0]["jobID"]
    return {
        "plan_id": plan,
        "run_id": run["executionId"],
        "server_id": server["sourceServerId"],
        "job_id": job,
        "name": "report.json",
        "file": "report.json",
        "occasion": "end",
        "subject_id": plan,
        "finding_id": "df-0123456789abcdef",
    }


def test_no_page_has_a_key_or_a_name_as_markup(
    product: Product, console: ServedConsole, ids: Mapping[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    keys = console.deployment.keys
    api_secrets = console.deployment.api.list_secrets()
    assert "not-a-secret" in api_secrets
    for each in list_paths(console.deployment, ids):
        if "GET" in each.methods and each.path not in ("/live", "/enter"):
            page = console.get(each.path)
            assert page.status != 500, (each.path, page.text)
            assert is_guarded(page) or "sandbox" in page.headers["content-security-policy"], (each.path, page.headers)
            is_html = "text/html" in page.headers.get("content-type", "")
            if is_html:
                assert SCRIPT not in page.text, each.path
            elif page.status == 200 and not each.path.startswith("/static/"):  # no browser shows it as a page
                assert page.headers.get("content-disposition", "").startswith("attachment"), (each.path, page.headers)
            shown = page.text + json.dumps(dict(page.headers))
            assert not [secret for secret in (keys.entry, keys.cookie, *api_secrets) if secret in shown], each.path
            is_file = page.headers.get("content-disposition", "").startswith("attachment")
            assert not (is_html and is_file) or "sandbox" in page.headers["content-security-policy"], (
                each.path,
                page.headers,
            )
            if is_html and not is_file and "/report/" not in each.path:  # the report's own page has its own policy
                for forbidden in (" style=", " onclick=", " onload=", "javascript:", "<style", "hx-on"):
                    assert forbidden not in page.text.lower(), (each.path, forbidden)
    printed = "".join(capfd.readouterr())
    assert not [secret for secret in (*keys.list(), *api_secrets) if secret in printed]


HOSTILE_IDS = [
    *("..", "%2e%2e", "..%2f..%2fhealth", "a%2fb", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "a%0d%0aX-Injected:%201"),
    *(
        "%00",
        "%27%22",
        "a" * 5000,
        "%C3%BC",
        "%ff",
        "a%3Fb=c",
        "a%23b",
        "%E2%80%AE",
        "*",
        "-",
        "a b".replace(" ", "%20"),
    ),
]


def test_no_id_leads_anywhere_else(
    product: Product, console: ServedConsole, api: ApiHttpServer, ids: Mapping[str, str]
) -> None:
    api.seen.clear()
    for each in list_paths(console.deployment, ids):
        for name in each.values:
            for value in HOSTILE_IDS:
                path = each.replace(name, value)
                page = console.get(path) if "GET" in each.methods else console.post(path, {})
                assert 400 <= page.status < 500, (path, page.status, page.text)
                assert "x-injected" not in page.headers
                assert SCRIPT not in page.text
    strange = [
        path
        for _, path in api.seen
        if not path.isascii() or set(path) & set("<>\"'%?#* ") or ".." in path or ("a" * 200) in path
    ]
    assert strange == []


def test_a_get_changes_nothing(
    product: Product, console: ServedConsole, api: ApiHttpServer, ids: Mapping[str, str]
) -> None:
    writes = list(api.writes)
    for each in list_paths(console.deployment, ids):
        if "GET" in each.methods and each.path != "/live":
            console.get(f"{each.path}?{token_of(console)}&wave=web&action=web&comment=a&confirm=yes")
    assert api.writes == writes


def forms_of(deployment: Deployment, ids: Mapping[str, str]) -> list[str]:
    return [each.path for each in list_paths(deployment, ids) if each.methods - {"GET", "HEAD"}]


def test_no_form_is_taken_without_its_token(
    product: Product, console: ServedConsole, api: ApiHttpServer, ids: Mapping[str, str]
) -> None:
    writes = list(api.writes)
    for path in forms_of(console.deployment, ids):
        for token in ("", "wrong", console.deployment.keys.cookie):
            page = console.post(path, {"token": token, "wave": "web", "name": SCRIPT, "comment": "a"})
            assert page.status == 403, (path, page)
    assert api.writes == writes


def test_a_console_that_is_read_only_takes_no_form(
    product: Product, api: ApiHttpServer, ids: Mapping[str, str]
) -> None:
    writes = list(api.writes)
    with serving(deployment_of(api, read_only=True)) as console:
        console.enter()
        for path in forms_of(console.deployment, ids):
            page = console.post(path, {"wave": "web", "name": SCRIPT, "comment": "a", "key": "a" * 20})
            assert page.status == 403, (path, page)
            assert "--read-only" in page.text, path
        assert "Read only" in console.get("/").text
    assert api.writes == writes


# --- Faults of the console --------------------------------------------------------------------------------------------


def test_a_fault_is_a_page_with_an_id_and_a_trace_without_secrets(
    lonely: ServedConsole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys = lonely.deployment.keys

    def fail(*_: object) -> None:
        raise ZeroDivisionError(f"{keys.entry} {keys.cookie} {keys.form} not-a-secret AKIDEXAMPLE \x1b[31m{SCRIPT}")

    monkeypatch.setattr(overview, "read_topic", fail)
    with caplog.at_level(logging.ERROR):
        page = lonely.get("/")
        part = lonely.get("/", **{"HX-Request": "true"})
    assert (page.status, part.status) == (500, 500)
    assert "The console has failed" in page.text
    assert "<!doctype html>" in page.text.lower()
    assert "<html" not in part.text
    ours = [record.getMessage() for record in caplog.records if record.name == "console"]
    assert len(ours) == 2
    assert "ZeroDivisionError" in ours[0]
    assert ours[0].split("(")[1].split(")")[0] in page.text
    for secret in (*keys.list(), "not-a-secret", "AKIDEXAMPLE", "\x1b"):
        assert secret not in "".join(ours)
    for shown in (page.text, part.text):
        assert "ZeroDivisionError" not in shown
        assert keys.entry not in shown


def test_a_client_that_goes_while_it_sends_a_form_is_no_fault(
    lonely: ServedConsole, form: Callable[..., Page], caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST /echo HTTP/1.1\r\nHost: {HOST}:{lonely.port}\r\nOrigin: http://{HOST}:{lonely.port}\r\n" + (
        f"Cookie: {name_cookie(lonely.port)}={lonely.deployment.keys.cookie}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntok"
    )
    with socket.create_connection((HOST, lonely.port), timeout=60) as connection:
        connection.sendall(head.encode())
    assert form(token_of(lonely)).status == 200
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# --- Server-sent events -----------------------------------------------------------------------------------------------


class Tab:
    """A page that is open: the events that it receives."""

    def __init__(self, console: ServedConsole, topic: str = "overview") -> None:
        self._connection = http.client.HTTPConnection(HOST, console.port, timeout=60)
        cookie = "; ".join(f"{name}={value}" for name, value in console.cookies.items())
        self._connection.request("GET", f"/live?topic={topic}", headers={"Cookie": cookie})
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200

    def read(self) -> dict[str, object] | None:
        """The next state, or None after the end."""
        while line := self.answer.readline():
            if line.startswith(b"data: "):
                state: dict[str, object] = json.loads(line.removeprefix(b"data: "))
                return state
        return None

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


def readers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("reads ")]


def test_many_tabs_cost_as_many_calls_as_one(product: Product, api: ApiHttpServer) -> None:
    make_plan(product)
    with serving(deployment_of(api, interval=3600)) as console:
        console.enter()
        first = Tab(console)
        assert first.read()
        calls = len(api.seen)
        others = [Tab(console) for _ in range(10)]
        versions = {str(tab.read()["version"]) for tab in others}  # type: ignore[index]
        assert (len(versions), len(api.seen)) == (1, calls)
        for tab in (first, *others):
            tab.close()


def test_a_tab_that_has_gone_costs_nothing_more(product: Product, console: ServedConsole, api: ApiHttpServer) -> None:
    make_plan(product)
    tabs = [Tab(console) for _ in range(5)]
    assert all(tab.read() for tab in tabs)
    for tab in tabs:
        tab.close()

    def is_quiet() -> bool:
        before = len(api.seen)
        time.sleep(5 * console.deployment.interval)
        return len(api.seen) == before

    wait_until(is_quiet)
    assert readers() == []


def test_pages_are_told_that_the_console_lives_while_the_api_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.1)
    with silent_api() as api, serving(Deployment(api, "a test", interval=0.2)) as console:
        console.enter()
        tabs = [Tab(console) for _ in range(50)]  # more than threads that answer pages
        for _ in range(3):
            assert [tab.read() for tab in tabs] == [{"version": None, "age": None, "trouble": None}] * len(tabs)
        assert len(readers()) == 1
        assert console.get("/static/live.js").status == 200
        for tab in tabs:
            tab.close()


def test_the_console_ends_while_pages_are_open_and_the_api_hangs(caplog: pytest.LogCaptureFixture) -> None:
    with silent_api() as api, bind(0) as listener:
        deployment = Deployment(api, "a test", interval=3600)
        server = make_server(deployment, listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        port = listener.getsockname()[1]
        console = ServedConsole(deployment, port, format_address(deployment, listener)).enter()
        tabs = [Tab(console) for _ in range(3)]
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()  # and the API hangs still
        assert [tab.read() for tab in tabs] == [None] * 3
        for tab in tabs:
            tab.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_fault_of_a_reader_is_said_on_the_page(
    lonely: ServedConsole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(live, "read_topic", fail)
    tab = Tab(lonely)
    state = tab.read()
    assert state is not None
    assert "The console has failed" in str(state["trouble"])
    assert "ZeroDivisionError" in caplog.text
    tab.close()


def test_topics_are_a_closed_set(lonely: ServedConsole) -> None:
    assert callable(find_reader("run/r-1"))
    for topic in ("", "run", "run/", "run/..", "run/a/b", "run/%2e%2e", "overview/a", "__class__", "run/" + "a" * 200):
        assert lonely.get(f"/live?topic={topic}").status == 404, topic
