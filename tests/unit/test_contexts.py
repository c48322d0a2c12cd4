"""Contexts: what the configuration file may say, which deployment a command uses, and how the default is set."""

import json
import os
import stat
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import checkout
from cli.connection import Connection, choose_connection
from cli.contexts import config
from cli.main import app

FILE = """\
# mine: für die Nacht
default = "prod"   # the hub

[contexts.prod]
stack = "drs-waves-prod"
region = "eu-west-1"
profile = "hub"

[contexts.test]
api-url = "https://abc.execute-api.us-west-2.amazonaws.com/v1"
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT", "DRS_WAVES_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checkout, "SANDBOX_FILE", tmp_path / "sandbox.json")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "drs-waves" / "config.toml"
    path.parent.mkdir()
    path.write_text(FILE, encoding="utf-8")
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["context", *words])


def choose(**given: str | bool) -> Connection:
    options = {"url": None, "stack": None, "profile": None, "region": None, "sandbox": False, "context": None}
    return choose_connection(**{**options, **given})  # type: ignore[arg-type]


def parts(connection: Connection) -> tuple[str | None, str | None, str | None, str | None]:
    return connection.api_url, connection.stack, connection.profile, connection.region


# --- which deployment -----------------------------------------------------------------------------------------------
def test_without_a_file_nothing_changes(file: Path) -> None:
    file.unlink()
    assert choose() == Connection()
    assert choose(stack="x").options == " --stack x"


def test_in_a_checkout_without_a_sandbox_a_new_user_reads_how_to_start_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.unlink()
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    result = CliRunner().invoke(app, ["plans"])
    assert (result.exit_code, result.stderr) == (
        1,
        "No sandbox runs from this checkout (start one: make sandbox).\n"
        "For AWS give --stack and --region, or --context.\n",
    )
    named = CliRunner().invoke(app, ["plans", "--stack", "drs-waves-prod"])
    assert named.stderr == "Which Region is the API in? Give --region, or set AWS_DEFAULT_REGION.\n"


def test_a_named_context_is_used_and_named_in_every_printed_command(monkeypatch: pytest.MonkeyPatch) -> None:
    found = choose(context="prod")
    assert (parts(found), found.options) == ((None, "drs-waves-prod", "hub", "eu-west-1"), " --context prod")
    monkeypatch.setenv("DRS_WAVES_CONTEXT", "prod")
    assert choose() == found
    monkeypatch.delenv("DRS_WAVES_CONTEXT")
    assert choose() == found  # the default
    assert choose(context="test").options == " --context test"


def test_options_override_a_context_and_stand_beside_it_in_printed_commands() -> None:
    found = choose(context="prod", stack="other", region="us-west-2")
    assert parts(found) == (None, "other", "hub", "us-west-2")
    assert found.options == " --context prod --stack other --region us-west-2"
    assert parts(choose(context="prod", url="https://x")) == ("https://x", None, "hub", "eu-west-1")
    assert parts(choose(profile="me")) == (None, "drs-waves-prod", "me", "eu-west-1")


def test_a_deployment_that_is_named_without_a_context_takes_nothing_of_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose(stack="other") == Connection(None, "other")
    monkeypatch.setenv("DRS_WAVES_API_URL", "https://x")
    assert choose() == Connection("https://x")


def test_the_command_line_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRS_WAVES_CONTEXT", "prod")
    assert choose(url="https://x") == Connection("https://x")
    assert choose(context="test").options == " --context test"
    monkeypatch.delenv("DRS_WAVES_CONTEXT")
    monkeypatch.setenv("DRS_WAVES_STACK", "other")
    assert choose(context="prod").stack == "drs-waves-prod"


def test_names_that_contradict_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ({"context": "prod"}, {"url": "https://x"}, {"stack": "x"}, {"region": "x"}):
        with pytest.raises(typer.BadParameter, match="--sandbox goes with none of"):
            choose(sandbox=True, **given)
    with pytest.raises(typer.BadParameter, match="not both"):
        choose(url="https://x", stack="x")
    monkeypatch.setenv("DRS_WAVES_CONTEXT", "prod")
    monkeypatch.setenv("DRS_WAVES_STACK", "x")
    with pytest.raises(typer.BadParameter, match="DRS_WAVES_STACK and DRS_WAVES_CONTEXT are set"):
        choose()


def test_a_running_sandbox_beside_a_default_context_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "is_sandbox_running", lambda: True)
    with pytest.raises(typer.BadParameter, match="give --sandbox or --context prod"):
        choose()
    assert choose(context="prod").stack == "drs-waves-prod"
    assert choose(sandbox=True).sandbox


# --- the file -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("default = ", "is not valid TOML: "),
        ('defaults = "prod"', "defaults: unknown key. Did you mean default?"),
        ('default = "prod"', "default: there is no context 'prod'"),
        ("default = 7", "default: there is no context 7"),
        ('contexts = "prod"', "contexts: must be tables"),
        ('contexts.prod = "x"', "contexts.prod: must be a table: [contexts.prod]"),
        ('[contexts.prod]\nregoin = "x"', "contexts.prod.regoin: unknown key. Did you mean region?"),
        ("[contexts.prod]\nregion = 7", 'contexts.prod.region: must be a text, such as region = "eu-west-1"'),
        ('[contexts.prod]\nstack = ""', "contexts.prod.stack: must be a text"),
        ('[contexts.prod]\nstack = "a\\nb"', "contexts.prod.stack: must be a text"),
        ('[contexts.prod]\nstack = "x"\napi-url = "y"', "contexts.prod: give stack or api-url, not both"),
        ('[contexts."a b"]\nstack = "x"', "contexts.a b: a name has letters, digits"),
    ],
)
def test_an_error_names_file_and_key(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    result = run("list")
    assert (result.exit_code, str(file) in result.stderr, says in result.stderr) == (2, True, True), result.stderr
    with pytest.raises(typer.BadParameter) as refused:
        choose()
    assert says in str(refused.value)


def test_a_file_that_a_variable_names_must_exist(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRS_WAVES_CONFIG", str(file.with_name("other.toml")))
    result = run("list")
    assert (result.exit_code, "other.toml, which DRS_WAVES_CONFIG names, does not exist" in result.stderr) == (2, True)
    file.rename(file.with_name("other.toml"))
    assert "prod" in run("list").stdout


def test_a_command_line_that_names_a_deployment_does_not_read_the_file(file: Path) -> None:
    file.write_text("not TOML")
    assert choose(stack="x") == Connection(None, "x")
    assert choose(sandbox=True).sandbox


def test_contexts_are_listed_and_shown() -> None:
    rows = [line.split() for line in run("list").stdout.splitlines()]
    assert rows[1] == ["prod", "yes", "drs-waves-prod", "eu-west-1", "hub"]
    assert [each["name"] for each in json.loads(run("list", "--json").stdout)["contexts"]] == ["prod", "test"]
    assert "context prod: stack drs-waves-prod, eu-west-1, profile hub (default)" in run("show").stdout
    assert json.loads(run("show", "test", "--json").stdout)["apiUrl"].startswith("https://abc.")
    unknown = run("show", "prdo")
    assert (unknown.exit_code, "Did you mean prod?" in unknown.stderr) == (2, True)


# --- the default ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("words", [("show",), ("use", "prod"), ("show", "prod")])
def test_without_a_file_a_command_says_so_and_gives_the_lines_to_write(file: Path, words: tuple[str, ...]) -> None:
    file.unlink()
    said = run(*words).stderr
    assert said.startswith(f"{file} does not exist")
    lines = said.partition(":\n")[2]
    file.write_text(lines, encoding="utf-8")
    assert run("use", "prod").exit_code == 0


def test_a_file_without_a_default_says_which_command_sets_one(file: Path) -> None:
    file.write_text(FILE.replace('default = "prod"', ""), encoding="utf-8")
    result = run("show")
    assert "names no default context" in result.stderr
    assert run(*result.stderr.strip().rpartition("context ")[2].split()).exit_code == 0


def test_use_changes_the_line_of_the_default_alone(file: Path) -> None:
    assert run("use", "test").exit_code == 0
    assert file.read_text(encoding="utf-8") == FILE.replace('default = "prod"   # the hub', 'default = "test"')
    assert choose().options == " --context test"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == ["config.toml"]


def test_use_adds_the_line_above_the_tables_if_there_is_none(file: Path) -> None:
    rest = FILE.replace('default = "prod"   # the hub\n', "")
    file.write_text(rest, encoding="utf-8")
    assert run("use", "prod").exit_code == 0
    assert file.read_text(encoding="utf-8") == f'default = "prod"\n{rest}'


def test_use_leaves_a_link_a_link(file: Path, tmp_path: Path) -> None:
    file.rename(tmp_path / "dotfile.toml")
    file.symlink_to(tmp_path / "dotfile.toml")
    assert run("use", "test").exit_code == 0
    assert file.is_symlink()
    assert config.read_config().default == "test"


@pytest.mark.parametrize(
    "text",
    [
        'default = """\nprod"""\n[contexts.prod]\n[contexts.test]\n',
        '"def\\u0061ult" = "prod"\n[contexts.prod]\n[contexts.test]\n',
        'contexts = {prod = {stack = """\ndefault = 1\n"""}, test = {}}\n',
    ],
)
def test_a_file_that_cannot_be_changed_in_one_line_stays_as_it_is(file: Path, text: str) -> None:
    file.write_text(text)
    result = run("use", "test")
    assert result.exit_code == 2
    assert file.read_text() == text


def test_use_refuses_a_context_that_the_file_does_not_have(file: Path) -> None:
    assert run("use", "other").exit_code == 2
    assert file.read_text(encoding="utf-8") == FILE
    file.unlink()
    result = run("use", "other")
    assert (result.exit_code, "[contexts.prod]" in result.stderr, file.exists()) == (2, True, False)
