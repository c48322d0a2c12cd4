"""`drs-waves console` as a process: its address, its port, how it ends, and whom it lets in."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.commands.local.console import is_console
from console.deployment import Deployment
from console.serving import bind, serving_beside
from tests.support.api_http_server import ApiHttpServer
from tests.support.console_server import deployment_of, serving
from tests.support.plans import make_plan
from tests.support.product import Product

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("drs-waves"))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
# The signals that end it at once; the limit is for a busy machine, and far below the time of a call of the API.
SECONDS_TO_END = 15


def start(url: str, *more: str, port: int = 0, **environment: str) -> "subprocess.Popen[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DRS_WAVES_"))}
    return subprocess.Popen(
        [COMMAND, "console", "--api-url", url, "--region", "us-west-2", "--port", str(port), *more],
        cwd=ROOT,
        env={**clean, **CREDENTIALS, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_address(process: "subprocess.Popen[str]") -> str:
    """The address that --json prints. The console has been ended by the test's limit if none comes."""
    assert process.stdout is not None
    assert process.stderr is not None
    lines = [process.stdout.readline() for _ in range(3)]
    assert lines[0], process.stderr.read()
    return str(json.loads("".join(lines))["address"])


@contextmanager
def running(url: str, *more: str, port: int = 0, **environment: str) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    process = start(url, "--json", *more, port=port, **environment)
    try:
        yield process, read_address(process)
    finally:
        process.kill()
        process.communicate()


def open_page(address: str, path: str = "/") -> str:
    """A page, as a browser shows it that opens the address."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        connection.request("GET", f"{place.path}?{place.query}")
        answer = connection.getresponse()
        answer.read()
        cookie = str(answer.getheader("Set-Cookie")).split(";", 1)[0]
        connection.request("GET", path, headers={"Cookie": cookie})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.fixture
def api(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as server:
        yield server


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_console_while_a_page_is_open_and_says_that_runs_continue(
    api: ApiHttpServer, number: signal.Signals, status: int
) -> None:
    with running(api.url) as (process, address):
        place = urlsplit(address)
        page = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        page.request("GET", f"{place.path}?{place.query}")
        answer = page.getresponse()
        answer.read()
        cookie = str(answer.getheader("Set-Cookie")).split(";", 1)[0]
        page.request("GET", "/live?topic=overview", headers={"Cookie": cookie})
        assert page.getresponse().readline().startswith(b"retry")
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS_TO_END)
        page.close()
    assert process.returncode == status, said
    assert "The console has ended. Runs continue" in said
    assert "Traceback" not in said
    assert "ERROR" not in said


class _Silent(BaseHTTPRequestHandler):
    """An API that answers the first request, and lets all others wait."""

    answered = False
    asked, released = threading.Event(), threading.Event()

    def do_GET(self) -> None:
        if _Silent.answered:
            _Silent.asked.set()
            _Silent.released.wait(60)
            return
        _Silent.answered = True
        body = b'{"recoveryPlans": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def test_ctrl_c_does_not_wait_for_an_api_that_does_not_answer() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with running(f"http://127.0.0.1:{server.server_address[1]}") as (process, address):
            reader = threading.Thread(target=_try_to_open, args=(address,), daemon=True)
            reader.start()
            assert _Silent.asked.wait(60)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=SECONDS_TO_END)
            assert (process.returncode, "Runs continue" in said) == (130, True), said
    finally:
        _Silent.released.set()
        server.shutdown()
        server.server_close()


def _try_to_open(address: str) -> None:
    try:
        open_page(address)
    except (OSError, http.client.HTTPException):
        return


def test_the_port_of_another_console_is_told_from_that_of_another_program(api: ApiHttpServer) -> None:
    with serving(deployment_of(api)) as other:
        process = start(api.url, port=other.port)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert f"Port {other.port} is that of a console that runs already. Open the address" in said
        assert "--port 0 takes any free one" in said
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = start(api.url, port=port)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert f"port {port} of 127.0.0.1 cannot be used" in said
        assert "--port 0 takes any free one" in said


def test_the_port_is_taken_from_the_environment_as_well(api: ApiHttpServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = subprocess.run(
            [COMMAND, "console", "--api-url", api.url, "--region", "us-west-2"],
            cwd=ROOT,
            env={**os.environ, **CREDENTIALS, "DRS_WAVES_CONSOLE_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (process.returncode, f"port {port} of" in process.stderr) == (2, True), process


def test_json_has_the_address_alone_on_standard_output(api: ApiHttpServer) -> None:
    with running(api.url) as (process, address):
        assert "drs-waves" in open_page(address)
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 0)[0] == []


def test_read_only_is_said_in_the_terminal_and_on_each_page(api: ApiHttpServer) -> None:
    with running(api.url, "--read-only") as (process, address):
        assert "Read only: this console changes nothing." in open_page(address)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS_TO_END)
    assert "read only:" in said


def test_the_page_names_the_context(api: ApiHttpServer, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f'[contexts.prod]\napi-url = "{api.url}"\nregion = "us-west-2"\n')
    process = subprocess.Popen(
        [COMMAND, "console", "--context", "prod", "--port", "0", "--json"],
        cwd=ROOT,
        env={**os.environ, **CREDENTIALS, "DRS_WAVES_CONFIG": str(config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert f"context prod: {api.url}" in open_page(read_address(process))
    finally:
        process.kill()
        process.communicate()


def test_a_person_of_the_sandbox_is_refused_on_aws(api: ApiHttpServer) -> None:
    process = start(api.url, DRS_WAVES_PERSON="bob")
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "DRS_WAVES_PERSON names a person of the sandbox" in said) == (2, True), said


def test_expired_credentials_end_the_command_before_it_serves(api: ApiHttpServer) -> None:
    expired = {"message": "The security token included in the request is expired"}
    api.instead["GET", "/recovery-plans"] = [(403, expired)] * 3
    process = start(api.url)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "expired" in errors
    assert "/enter?key=" not in said + errors


def test_a_caller_who_may_not_list_plans_still_gets_a_console(api: ApiHttpServer) -> None:
    api.refuse["GET", "/recovery-plans"] = 403
    with running(api.url) as (_, address):
        assert "The API refused this" in open_page(address)


def test_the_console_beside_a_sandbox_takes_any_free_port_if_its_own_is_taken(
    product: Product, api: ApiHttpServer
) -> None:
    plan_id = make_plan(product)
    deployment: Deployment = deployment_of(api)
    with bind(0) as taken:
        port = taken.getsockname()[1]
        with serving_beside(deployment, port) as address:
            other = urlsplit(address).port
            assert other not in (None, port)
            assert f"/plans/{plan_id}" in open_page(address)
            assert is_console(other or 0)
        assert not is_console(other or 0)
