"""The command itself: its help, its version, its completion, how it finds the sandbox, and what an install has.

Whether the commands that are written down exist is in test_printed_commands.py.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import checkout
from cli.api_client import ApiClient
from cli.connection import Connection, choose_connection
from cli.main import app
from cli.refusal import ADVICE, describe_refusal
from cli.session import Session
from recovery import VERSION, errors
from scripts import command_reference, output_schemas

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("drs-waves"))
# Modules that `--help` may import; it needs about 250. Each takes some time, whatever it is.
MAX_MODULES_OF_HELP = 400


def list_commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command by its words: `("run",)`, `("plan", "diff")`."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from list_commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(list_commands())
GROUPS = {command[0] for command in COMMANDS if len(command) == 2}


def run(*words: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRS_WAVES_")}
    return subprocess.run(
        words, capture_output=True, text=True, env={**environment, **(env or {})}, cwd=cwd, timeout=60, check=False
    )


# --- help -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert f"Example: drs-waves {' '.join(command)}" in text


def test_the_commands_are_those_that_operators_planners_and_developers_need() -> None:
    assert {
        "plan",
        "profiles",
        "evidence",
        "schedule",
        "drill-findings",
        "context",
        "sandbox",
        "tables",
        "history",
    } == GROUPS
    assert len(COMMANDS) == len(set(COMMANDS)) == 64


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=lambda words: " ".join(words) or "drs-waves")
def test_help_imports_nothing_that_takes_long(words: tuple[str, ...]) -> None:
    program = (
        "import atexit, sys, cli.main; atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr)); "
        f"cli.main.main({[*words, '--help']!r})"
    )
    loaded = set(run(sys.executable, "-c", program).stderr.split())
    assert "cli.main" in loaded
    assert (
        loaded & {"boto3", "botocore", "jinja2", "pydantic", "rich", "sandbox", "starlette", "uvicorn", "yaml"} == set()
    )
    assert len(loaded) < MAX_MODULES_OF_HELP


@pytest.mark.parametrize("group", [(), *((name,) for name in sorted(GROUPS))], ids=" ".join)
def test_no_summary_of_a_command_is_cut_at_80_columns(group: tuple[str, ...]) -> None:
    shown = run(COMMAND, *group, "--help", env={"COLUMNS": "80"}).stdout
    summaries = shown.split("\nCommands:\n")[1].split("\n\n")[0].splitlines()
    assert len(summaries) > 1
    assert [line for line in summaries if line.endswith("...")] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_one_style_of_words_for_values(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"]).output
    usage, rest = shown.split("\n", 1)
    assert re.fullmatch(r"Usage: root( [a-z-]+)+ \[OPTIONS\]( \[?[A-Z]+\]?)*", usage)
    options = re.findall(r"^ +(?:-\w, )?(--[a-z-]+) (\S+)  ", rest.split("\n\n  Example")[0], re.MULTILINE)
    assert not re.search(r"<(str|int|float|file|list|path)|<=x<=|default: \(", shown)
    assert all(re.fullmatch("[A-Z]+|drill\\|recovery", value) for _, value in options), options


def test_the_reference_of_commands_is_the_parsers() -> None:
    """If it fails, run `make reference`."""
    assert (ROOT / "docs" / "commands.md").read_text() == command_reference.build_document()


def test_the_schemas_of_listings_are_those_of_the_openapi_document() -> None:
    """If it fails, run `make reference`."""
    written = {path.name: path.read_text() for path in (ROOT / "docs" / "schemas").iterdir()}
    assert written == output_schemas.format_schemas()


def test_the_version_is_that_of_the_product() -> None:
    assert run(COMMAND, "--version").stdout == f"drs-waves {VERSION}\n"


def test_a_shell_completes_commands_and_can_install_that() -> None:
    asked = {"_DRS_WAVES_COMPLETE": "complete_bash", "COMP_WORDS": "drs-waves plan ex", "COMP_CWORD": "2"}
    assert run(COMMAND, env=asked).stdout.split() == ["export"]
    assert {"--install-completion", "--show-completion"} <= set(run(COMMAND, "--help").stdout.split())


def test_a_command_that_does_not_exist_ends_with_2() -> None:
    assert run(COMMAND, "recover").returncode == 2


# --- without an install, and installed without a checkout -------------------------------------------------------------
@pytest.mark.parametrize(("door", "words"), [("drill", ("run",)), ("plan", ("validate",))])
def test_a_door_in_scripts_is_the_command(door: str, words: tuple[str, ...]) -> None:
    result = run(sys.executable, str(ROOT / "scripts" / f"{door}.py"), *words, "--help")
    usage = f"Usage: drs-waves {'plan ' if door == 'plan' else ''}{' '.join(words)}"
    assert (result.returncode, result.stdout.strip().startswith(usage)) == (0, True), result


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contents of the wheel, where nothing else of the repository is."""
    folder = tmp_path_factory.mktemp("installed")
    build = run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist"))
    assert build.returncode == 0, build.stdout + build.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--version",), 0, VERSION),
        (("plan", "validate", str(ROOT / "examples" / "three-tier.yaml")), 0, "is valid"),
        (("plan", "schema"), 0, '"title": "drs-waves plan file"'),
        (("sandbox", "up"), 2, "needs a checkout"),
        (("sandbox", "drill"), 2, "needs a checkout"),
        (("tables", "adopt", "--stack", "x", "--account", "1", "--region", "r"), 2, "needs a checkout"),
        (("list", "--sandbox"), 1, "No sandbox runs from this checkout"),
    ],
)
def test_an_install_needs_no_checkout_but_for_what_says_so(
    installed: Path, tmp_path: Path, words: tuple[str, ...], status: int, says: str
) -> None:
    program = "import cli, sys; from cli.main import main; print(cli.__file__, file=sys.stderr); main()"
    result = run(sys.executable, "-c", program, *words, env={"PYTHONPATH": str(installed)}, cwd=tmp_path)
    assert result.stderr.startswith(str(installed))
    assert (result.returncode, says in result.stdout + result.stderr) == (status, True), result


def test_an_install_has_every_file_of_the_console(installed: Path) -> None:
    tracked = run("git", "ls-files", "console").stdout.split()
    assert len(tracked) > 40
    assert {"console/static/console.css", "console/static/vendor/htmx.min.js", "console/templates/base.html.j2"} <= {
        *tracked
    }
    assert [name for name in tracked if not (installed / name).is_file()] == []


def test_an_install_serves_the_console_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    program = """
import console, http.client, sys
from botocore.credentials import Credentials
from cli.api_client import ApiClient
from console.deployment import Deployment
from console.serving import serving_beside

api = ApiClient("http://127.0.0.1:1", "us-west-2", Credentials("AKIDEXAMPLE", "not-a-secret"))
print(console.__file__)
with serving_beside(Deployment(api, "a test", 1.0), 0) as address:
    place, entry = address.removeprefix("http://").split("/", 1)
    browser = http.client.HTTPConnection(place, timeout=50)
    def get(path, **headers):
        browser.request("GET", path, headers=headers)
        answer = browser.getresponse()
        return answer, answer.read().decode()
    cookie = get("/" + entry)[0].getheader("Set-Cookie").split(";")[0]
    for path in ("/", "/static/console.css", "/static/keys.js", "/static/vendor/htmx.min.js"):
        answer, text = get(path, Cookie=cookie)
        print(path, answer.status, "The API does not answer" in text, len(text) > 500)
"""
    result = run(sys.executable, "-c", program, env={"PYTHONPATH": str(installed)}, cwd=tmp_path)
    assert result.stdout.splitlines() == [
        str(installed / "console" / "__init__.py"),
        "/ 503 True True",
        "/static/console.css 200 False True",
        "/static/keys.js 200 False True",
        "/static/vendor/htmx.min.js 200 False True",
    ], result.stderr


def test_an_install_has_the_page_of_a_report(installed: Path) -> None:
    assert (installed / "report" / "report.html.j2").is_file()
    assert (installed / "report" / "drawings" / "drawings.html.j2").is_file()
    assert (installed / "report" / "drawings" / "drawings.css").is_file()
    assert not (installed / "sandbox").exists()


# --- the sandbox ------------------------------------------------------------------------------------------------------
@pytest.fixture
def sandbox_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checkout, "SANDBOX_FILE", tmp_path / "sandbox.json")
    return tmp_path / "sandbox.json"


def test_a_sandbox_that_runs_is_used_if_nothing_else_is_named(
    sandbox_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sandbox_file.write_text(json.dumps({"apiUrl": f"http://127.0.0.1:{listener.getsockname()[1]}/restapis"}))
        found = choose_connection(None, None, None, None, False)
        assert (found.sandbox, found.options) == (True, " --sandbox")
        shown = capsys.readouterr()
        assert (shown.out, "Using the sandbox" in shown.err) == ("", True)
        for named in (("http://x", None, None, None), (None, "x", None, None), (None, None, "x", None)):
            assert not choose_connection(*named, False).sandbox
        assert not choose_connection(None, None, None, "us-west-2", False).sandbox
        monkeypatch.setenv("DRS_WAVES_STACK", "from the environment")
        assert not choose_connection(None, None, None, None, False).sandbox
        assert capsys.readouterr().err == ""


def test_a_person_of_the_sandbox_is_refused_on_aws(sandbox_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRS_WAVES_PERSON", "maria")
    result = CliRunner().invoke(app, ["list", "--stack", "prod", "--region", "us-west-2"])
    assert result.exit_code == 2
    assert "DRS_WAVES_PERSON names a person of the sandbox" in " ".join(result.stderr.replace("│", " ").split())
    result = CliRunner().invoke(app, ["list", "--sandbox"])
    assert (result.exit_code, "No sandbox runs" in result.stderr) == (1, True)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"apiUrl": "http://127.0.0.1:9"}', '{"apiUrl": 7}'])
def test_a_sandbox_that_does_not_answer_is_not_used_unless_it_is_named(sandbox_file: Path, text: str | None) -> None:
    if text is not None:
        sandbox_file.write_text(text)
    assert not choose_connection(None, None, None, None, False).sandbox
    assert choose_connection(None, None, None, None, True).sandbox


# --- documents --------------------------------------------------------------------------------------------------------
def test_every_module_has_its_place_in_the_rooms() -> None:
    rooms = (ROOT / "docs" / "architecture.md").read_text().split("## The rooms")[1].split("```")[1]
    named = set(re.findall(r"\w+", rooms))
    for module in (ROOT / "lambdas" / "recovery").glob("[a-z]*.py"):
        assert module.stem in named, module.stem


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plans", "--output", "xml"), "'xml' is not known; give table, json, jsonl or csv"),
        (("run", "shop", "--mode", "test"), "'test' is not known; give drill or recovery"),
        (("list", "--limit", "some"), "must be a whole number"),
        (("list", "--limit", "0"), "must be at least 1"),
        (("watch", "latest", "--interval", "601"), "must be at most 600"),
        (("watch", "latest", "--interval", "x"), "must be a number"),
    ],
)
def test_a_wrong_value_of_an_option_is_told_in_plain_words(words: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(app, list(words))
    assert (result.exit_code, result.stderr.strip().rpartition(": ")[2]) == (2, says)


def test_the_advice_about_an_error_of_the_api_is_kept_by_the_name_of_the_error() -> None:
    assert [code for code in ADVICE if not hasattr(errors, code)] == []


def test_what_an_error_names_becomes_part_of_a_command_only_if_it_is_an_id() -> None:
    body = {"code": "PlanAlreadyRunning", "message": "no", "executionId": "drill-1"}
    assert list(describe_refusal(body, "/recovery-plans/p/executions"))[1].endswith("drs-waves status drill-1")
    blocking = {**body, "code": "ExecutionStillRunning"}
    assert list(describe_refusal(blocking, "/executions/drill-0/cleanup"))[1].endswith("drs-waves watch drill-1")
    odd = body | {"executionId": "x; rm -r y"}
    assert list(describe_refusal(odd, "/recovery-plans/p/executions"))[1].endswith("drs-waves status EXECUTION")


def test_the_time_in_the_sandbox_is_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = tmp_path / "sandbox.json"
    sandbox.write_text(json.dumps({"origin": time.time() - 1000, "speed": 60}))
    monkeypatch.setattr(checkout, "SANDBOX_FILE", sandbox)
    api = ApiClient("http://127.0.0.1:1", "us-west-2", None)
    assert Session(Connection(sandbox=True), api).now >= time.time() + 50_000
    assert Session(Connection(), api).now < time.time() + 50_000
