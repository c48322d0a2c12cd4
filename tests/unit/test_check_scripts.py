"""The scripts by which a server tries its own ports and asks itself for HTTP answers: run here, in a shell."""

import http.server
import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recovery.domain.wave_steps.checks import Check, CheckKind
from recovery.target_services.run_command import POWERSHELL_DOCUMENT, SHELL_DOCUMENT
from recovery.verification.scripts import build_script

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="a server that is asked for HTTP answers has curl")


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"/health": 200, "/missing?a=1&b=2": 404}.get(self.path, 500)
        if self.path == "/host":
            status = 200 if self.headers["Host"].startswith("shop.example:") else 421
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run(kind: CheckKind, **settings: Any) -> tuple[int, str]:
    document, lines = build_script(Check(kind, settings), "Linux")
    assert document == SHELL_DOCUMENT
    done = subprocess.run(["/bin/sh", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_port_that_is_open_passes(port: int) -> None:
    assert run(CheckKind.TCP, port=port) == (0, f"port {port} accepts connections\n")


def test_a_port_that_is_closed_fails_and_says_why(closed_port: int) -> None:
    code, output = run(CheckKind.TCP, port=closed_port)
    assert code == 1
    assert f"port {closed_port} does not accept connections" in output
    assert "Connection refused" in output
    assert len(output) <= 301


def test_an_answer_with_the_expected_status_passes(port: int) -> None:
    assert run(CheckKind.HTTP, port=port, path="/health", expect=200) == (0, "HTTP status 200\n")
    assert run(CheckKind.HTTP, port=port, path="/missing?a=1&b=2", expect=404)[0] == 0


def test_another_status_fails_and_is_named(port: int) -> None:
    assert run(CheckKind.HTTP, port=port, path="/broken", expect=200) == (1, "expected HTTP status 200, got 500\n")


def test_no_answer_fails_with_what_curl_says(closed_port: int) -> None:
    code, output = run(CheckKind.HTTP, port=closed_port, path="/", expect=200)
    assert code == 1
    assert "curl: (7)" in output


def test_a_host_is_asked_for_on_the_server_itself(port: int) -> None:
    assert run(CheckKind.HTTP, port=port, path="/host", expect=200, host="shop.example")[0] == 0
    assert run(CheckKind.HTTP, port=port, path="/host", expect=200)[0] == 1


def test_https_with_a_host_checks_its_certificate_and_without_one_does_not() -> None:
    _, with_host = build_script(
        Check(CheckKind.HTTP, {"port": 443, "expect": 200, "scheme": "https", "host": "a.example"}), "Linux"
    )
    _, without = build_script(Check(CheckKind.HTTP, {"port": 443, "expect": 200, "scheme": "https"}), "Linux")
    assert "--insecure" not in with_host[0]
    assert "--resolve a.example:443:127.0.0.1" in with_host[0]
    assert "--insecure" in without[0]


@pytest.mark.parametrize("path", ["/;touch$IFS/x", "/`id`", "/$(id)", "/a b'c\""])
@pytest.mark.parametrize("platform", ["Linux", "Windows"])
def test_even_a_path_that_no_plan_can_have_stays_a_text(path: str, platform: str, port: int) -> None:
    _, lines = build_script(Check(CheckKind.HTTP, {"port": port, "path": path, "expect": 500}), platform)
    script = "\n".join(lines)
    if platform == "Windows":
        assert "'GET " + path.replace("'", "''") + " HTTP/1.1'" in script
    else:
        assert subprocess.run(["/bin/sh", "-n", "-c", script], check=False).returncode == 0
        assert run(CheckKind.HTTP, port=port, path="/x" + path.replace(" ", "%20"), expect=500)[0] == 0


def test_windows_servers_get_powershell() -> None:
    document, lines = build_script(Check(CheckKind.TCP, {"port": 3389}), "Windows")
    assert document == POWERSHELL_DOCUMENT
    assert "ConnectAsync('127.0.0.1', 3389)" in "\n".join(lines)


@pytest.mark.parametrize(
    ("kind", "settings", "platforms"),
    [
        (CheckKind.HTTP, {"port": 8080, "path": "/health", "expect": 200}, ("Linux",)),
        (CheckKind.TCP, {"port": 5432}, ("Linux", "Windows")),
    ],
)
def test_the_rules_of_the_sandbox_that_fail_checks_match_their_scripts(
    kind: CheckKind, settings: dict[str, Any], platforms: tuple[str, ...]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    rules = [json.loads(rule) for rule in re.findall(r"^rule '(.*)'$", text, re.MULTILINE)]
    parts = [rule["contains"] for rule in rules if "contains" in rule]
    for platform in platforms:
        _, lines = build_script(Check(kind, settings), platform)
        matching = [part for part in parts if part in json.dumps({"commands": lines})]
        assert [str(settings["port"]) in part for part in matching] == [True]
