"""How commands find a run and a plan: by `latest`, a prefix or a name; and what they do to a run found like that."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.commands import confirmations
from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.instance_cache import sync
from tests.support.plans import make_wave
from tests.support.product import WEST, Product
from tests.support.runs import wait_until_asked_for

pytestmark = pytest.mark.usefixtures("no_environment")
ACTS = {
    "approve": ("approve", "web"),
    "reject": ("reject", "web"),
    "retry": ("retry", "web"),
    "accept": ("accept", "web"),
    "abort": ("abort", "web"),
    "pause": ("pause",),
    "resume": ("resume",),
    "cancel": ("cancel",),
    "cleanup": ("cleanup",),
    "continue": ("continue",),
}


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST], input=answer)


def posts(api_server: ApiHttpServer) -> list[str]:
    return [path for method, path in api_server.seen if method == "POST"]


def approved_wave(product: Product, name: str) -> dict[str, Any]:
    """A wave `web` with a server named after the plan, which needs approval."""
    return {**make_wave(product, name, approval={"required": True}), "name": "web"}


def start_waiting(product: Product, name: str) -> str:
    """A run of a new plan that waits for the approval of its wave `web`."""
    run_id = product.start(product.plan(approved_wave(product, name), name=name))
    wait_until_asked_for(product, run_id, "APPROVAL")
    return run_id


# --- runs that are read ---------------------------------------------------------------------------------------------
def test_the_latest_run_of_all_or_of_a_plan_is_shown_with_its_id(product: Product, api_server: ApiHttpServer) -> None:
    first, second = start_waiting(product, "shop"), start_waiting(product, "payroll")
    for text, run_id in (("latest", second), ("latest:shop", first), ("latest:pay", second)):
        result = run(api_server, "status", text)
        assert (result.exit_code, f"{text} is {run_id}: drill of " in result.stderr) == (0, True), result.output
        assert run_id in result.stdout
    nothing = run(api_server, "status", "latest:nothing")
    assert (nothing.exit_code, "There is no plan 'nothing'" in nothing.stderr) == (3, True)


def test_a_readiness_check_is_never_the_latest_run(product: Product, api_server: ApiHttpServer) -> None:
    drill = start_waiting(product, "shop")
    others = product.plan(make_wave(product, "payroll"), name="payroll")
    check = product.start(others, "readiness")
    result = run(api_server, "status", "latest")
    assert f"latest is {drill}: drill of shop" in result.stderr
    result = run(api_server, "status", "latest:payroll")
    assert (result.exit_code, f"the newest is {check}" in result.stderr) == (3, True), result.output


def test_a_watch_in_a_pipe_begins_with_the_id_of_the_run(product: Product, api_server: ApiHttpServer) -> None:
    run_id = product.drill(product.plan(make_wave(product, "web"), name="shop"))["executionId"]
    assert run(api_server, "watch", "latest").stdout.splitlines()[0] == f"watching {run_id}"


def test_where_nothing_has_run_there_is_no_latest_run(api_server: ApiHttpServer) -> None:
    result = run(api_server, "watch", "latest")
    assert (result.exit_code, "There are no drills and no recoveries" in result.stderr) == (3, True), result.output


def test_a_unique_prefix_names_a_run_and_an_ambiguous_one_lists_them(
    product: Product, api_server: ApiHttpServer
) -> None:
    ids = [start_waiting(product, name) for name in ("shop", "payroll")]
    unique = next(ids[0][:size] for size in range(len(ids[0])) if not ids[1].startswith(ids[0][:size]))
    assert f"{unique} is {ids[0]}" in run(api_server, "events", unique).stderr
    for words in (("status", "drill-"), ("cancel", "drill-"), ("cleanup", "drill", "--yes")):
        result = run(api_server, *words)
        assert (result.exit_code, posts(api_server)) == (3, []), result.output
        assert all(run_id in result.stderr for run_id in ids)


def test_a_complete_id_is_not_looked_up(product: Product, api_server: ApiHttpServer) -> None:
    run_id = start_waiting(product, "shop")
    assert run(api_server, "status", run_id).stderr == ""
    path = f"/executions/{run_id}"
    assert {path for _, path in api_server.seen} == {path, f"{path}/launch-settings"}


@pytest.mark.parametrize("text", ["latest:", "latest: ", "later:shop", "latest/x"])
def test_a_text_that_can_name_no_run_is_refused_before_anything_is_asked(api_server: ApiHttpServer, text: str) -> None:
    assert run(api_server, "status", text).exit_code == 2
    assert api_server.seen == []


# --- runs that are changed ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("act", ACTS)
def test_without_a_terminal_the_latest_run_is_changed_only_with_yes(
    product: Product, api_server: ApiHttpServer, act: str
) -> None:
    run_id = start_waiting(product, "shop")
    command, *rest = ACTS[act]
    result = run(api_server, command, "latest", *rest)
    assert (result.exit_code, posts(api_server)) == (2, []), result.output
    assert f"give {run_id}, or --yes" in result.stderr
    agreed = run(api_server, command, "latest", *rest, "--yes")
    assert posts(api_server)[0].startswith(f"/executions/{run_id}/"), agreed.output
    assert agreed.stderr.startswith(f"latest is {run_id}: drill of shop, ")


def test_the_run_that_was_shown_is_acted_on_though_another_has_become_the_latest(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, others, asked = start_waiting(product, "shop"), [], []

    def answer_late(question: str, otherwise: str) -> bool:
        asked.append(question)
        others.append(start_waiting(product, "payroll"))
        return True

    monkeypatch.setattr(confirmations, "has_terminal", lambda: True)
    monkeypatch.setattr(confirmations, "confirm", answer_late)
    result = run(api_server, "approve", "latest", "web")
    assert (result.exit_code, asked) == (0, [f"approve wave web of {run_id}?"]), result.output
    assert product.record(others[0])["decisions"] == []
    assert [each["decision"] for each in product.record(run_id)["decisions"]] == ["approve"]


@pytest.mark.parametrize("answer", ["\n", "n\n", "web\n", None])
def test_the_latest_run_stays_as_it_is_unless_the_answer_is_yes(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    run_id = start_waiting(product, "shop")
    monkeypatch.setattr(confirmations, "has_terminal", lambda: True)
    result = run(api_server, "cancel", "latest", answer=answer)
    assert (result.exit_code, posts(api_server)) == (3, []), result.output
    assert f"cancel {run_id}? [y/N]" in result.stderr
    assert "Nothing was done." in result.stderr


def test_a_mistyped_wave_is_answered_with_the_waves_of_the_run(product: Product, api_server: ApiHttpServer) -> None:
    run_id = start_waiting(product, "shop")
    result = run(api_server, "approve", run_id, "wbe")
    assert result.exit_code == 3, result.output
    assert "Did you mean web? Its waves: web" in result.stderr
    assert product.record(run_id)["decisions"] == []


# --- plans ----------------------------------------------------------------------------------------------------------
def test_a_prefix_of_a_name_names_a_plan_to_read_and_starts_nothing(
    product: Product, api_server: ApiHttpServer
) -> None:
    for name in ("shop", "shopping", "payroll"):
        product.plan(make_wave(product, name), name=name)
    assert run(api_server, "list", "--plan", "pay").exit_code == 0
    assert run(api_server, "list", "--plan", "shop").exit_code == 0  # the exact name comes first
    several = run(api_server, "list", "--plan", "sho")
    assert (several.exit_code, "2 plans have names that begin with 'sho'" in several.stderr) == (3, True)
    for words in (("run", "pay"), ("run", "pay", "--mode", "recovery", "--yes"), ("readiness", "pay")):
        result = run(api_server, *words)
        assert (result.exit_code, posts(api_server)) == (3, []), result.output
        assert "There is no plan 'pay'. Did you mean payroll?" in result.stderr
    assert "Did you mean payroll?" in run(api_server, "run", "Payrol").stderr


# --- previews -------------------------------------------------------------------------------------------------------
def test_a_recovery_shows_servers_by_wave_places_time_and_deployment_before_it_asks(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.plan(make_wave(product, "db", 2), make_wave(product, "web", 3), name="shop")
    answers = chain([True, True], repeat(False))
    monkeypatch.setattr("cli.commands.runs.has_terminal", lambda: next(answers))
    result = run(api_server, "run", "shop", "--mode", "recovery", answer="no\n")
    assert (result.exit_code, posts(api_server)) == (3, []), result.output
    shown = " ".join(result.stderr.split())
    assert f"environment {api_server.url}, {WEST} point in time the latest data launches 5 servers" in shown
    assert f"db: 2 in 111122223333/{WEST} web: 3 in 111122223333/{WEST}" in shown


def test_a_recovery_shows_what_it_replaces_leaves_out_and_shares_with_an_open_run(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    drilled, recovered, shared = (product.seed(count, prefix=name) for count, name in ((1, "a"), (1, "b"), (2, "c")))
    product.drill(product.plan({"name": "a", "groups": [product.group(drilled)]}, name="a"))
    plan = product.plan({"name": "b", "groups": [product.group(recovered)]}, name="b")
    product.finish(product.start(plan, "recoveries"))
    held = {"name": "web", "groups": [product.group(shared)], "approval": {"required": True}}
    open_run = product.start(product.plan(held, name="payroll"))
    wait_until_asked_for(product, open_run, "APPROVAL")
    product.plan({"name": "all", "groups": [product.group([*drilled, *recovered, *shared])]}, name="shop")
    sync(product)
    monkeypatch.setattr("cli.commands.runs.has_terminal", lambda: True)
    result = run(api_server, "run", "shop", "--mode", "recovery", answer="no\n")
    assert (result.exit_code, posts(api_server)) == (3, []), result.output
    shown = " ".join(result.stderr.split())
    assert "replaces 1 recovery instance of drills" in shown
    assert "leaves out 1 server with a recovery instance that is not a drill's" in shown
    assert f"also in {open_run} of payroll, by " in shown
    assert ": 2 of these servers" in shown


def test_a_recovery_with_nothing_left_is_not_continued_and_nothing_is_asked(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = product.start(product.plan(make_wave(product, "web"), name="shop"), "recoveries")
    product.finish(run_id)
    monkeypatch.setattr("cli.commands.runs.has_terminal", lambda: True)
    result = run(api_server, "continue", run_id, answer="shop\n")
    assert (result.exit_code, posts(api_server)) == (3, []), result.output
    assert "Nothing is left to continue" in result.stderr
    assert "plan's name" not in result.stderr


def test_a_dry_run_of_a_clean_up_shows_what_it_would_terminate_and_sends_nothing(
    product: Product, api_server: ApiHttpServer
) -> None:
    run_id = product.drill(product.plan(make_wave(product, "web", 3), name="shop"))["executionId"]
    result = run(api_server, "cleanup", "latest", "--dry-run")
    assert (result.exit_code, posts(api_server)) == (0, []), result.output
    shown = " ".join(result.stdout.split())
    assert f"The clean-up of {run_id} terminates 3 recovery instances" in shown
    assert f"where 3 in 111122223333/{WEST} waves web 3" in shown
    assert all(each["recoveryInstanceId"] in shown for each in product.servers(run_id))
