"""Completion as the shell asks for it: in a process of its own, by environment variables, with names from the API."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api_http_server import ApiHttpServer
from tests.support.changed_settings import change_settings
from tests.support.plans import make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import wait_until_asked_for

# On a busy machine, even the import of the client can take the two seconds of the API.
PATIENT = "import cli.commands.completion; cli.commands.completion.MAX_SECONDS = 40; "
PROGRAM = "from cli.main import main; main()"


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


def complete(
    line: str, url: str, folder: Path, shell: str = "bash", program: str = PROGRAM
) -> "subprocess.CompletedProcess[str]":
    """What the program prints for the last word of the line."""
    asked = {
        "bash": {"COMP_WORDS": f"drs-waves {line}", "COMP_CWORD": str(len(f"{line}x".split()))},
        "zsh": {"_TYPER_COMPLETE_ARGS": f"drs-waves {line}"},
    }[shell]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRS_WAVES_")}
    environment |= {"DRS_WAVES_API_URL": url, "AWS_DEFAULT_REGION": WEST, "XDG_CONFIG_HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "_DRS_WAVES_COMPLETE": f"complete_{shell}", **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def offered(line: str, api_server: ApiHttpServer, folder: Path) -> list[str]:
    done = complete(line, api_server.url, folder, program=PATIENT + PROGRAM)
    assert done.stderr == ""
    return done.stdout.split()


def test_runs_plans_waves_statuses_and_contexts_are_offered_by_name(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    run_id = product.start(product.plan(make_wave(product, "web", approval={"required": True}), name="shop"))
    wait_until_asked_for(product, run_id, "APPROVAL")
    server_id = product.servers(run_id)[0]["sourceServerId"]
    change_settings(product, server_id, run_id)
    (tmp_path / "drs-waves").mkdir()
    (tmp_path / "drs-waves" / "config.toml").write_text('[contexts.prod]\nstack = "x"\n')
    for line, words in (
        ("status ", ["latest", run_id]),
        ("cancel dri", [run_id]),
        ("run s", ["shop"]),
        ("list --plan ", ["shop"]),
        (f"approve {run_id} ", ["web"]),
        ("approve latest w", ["web"]),
        ("servers latest --wave ", ["web"]),
        ("profiles restore --server ", [server_id]),
        ("profiles show --target 1", [f"{HUB}/{WEST}"]),
        ("list --status PA", ["PAUSED", "PARTIAL"]),
        ("list --context ", ["prod"]),
        ("context use p", ["prod"]),
    ):
        assert offered(line, api_server, tmp_path) == words, line
    shown = complete("run ", api_server.url, tmp_path, "zsh", PATIENT + PROGRAM)
    assert ("shop" in shown.stdout, shown.stderr) == (True, "")


def test_an_api_that_is_away_offers_nothing_and_prints_nothing(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:9", "not a URL", "http://[::1"):
        for line in ("status ", "run ", "approve latest "):
            done = complete(line, url, tmp_path)
            assert (done.stdout.strip(), done.stderr) == ("", ""), line


def test_an_api_that_refuses_offers_nothing(api_server: ApiHttpServer, tmp_path: Path) -> None:
    api_server.refuse[("GET", "/executions")] = 403
    assert offered("status ", api_server, tmp_path) == []


def test_an_api_that_hangs_does_not_hold_the_shell(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        done = complete("status ", f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_file_of_contexts_that_is_wrong_offers_nothing(api_server: ApiHttpServer, tmp_path: Path) -> None:
    (tmp_path / "drs-waves").mkdir()
    (tmp_path / "drs-waves" / "config.toml").write_text("not TOML")
    assert offered("list --context ", api_server, tmp_path) == []
