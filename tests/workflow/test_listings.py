"""The listing commands against the product, through HTTP: their four forms, their schemas, and their width."""

import csv
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console
from typer.testing import CliRunner, Result

from cli.listings import output
from cli.listings.catalog import LISTINGS
from cli.listings.instances import describe_all, list_syncs
from cli.main import app
from recovery.clock import parse_iso
from tests.support.api_http_server import ApiHttpServer
from tests.support.changed_settings import change_settings, wait_for_restores
from tests.support.instance_cache import sync
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import HUB, WEST, Product

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
OF_A_RUN = ("servers", "events", "actions", "logs", "profiles applied", "evidence list")


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


@pytest.fixture
def scene(product: Product, api_server: ApiHttpServer) -> ApiHttpServer:
    """A drill with an action, of which one server failed, whose instances run."""
    (account,) = [row for row in product.items("TargetAccounts") if row["accountId"] == HUB]
    product.put("TargetAccounts", {**account, "regions": [WEST]})
    servers = product.seed(2, prefix="db")
    group = product.group(servers, launchProfiles={"drill": {"tags": {"purpose": "drill"}}})
    settle = [{"name": "settle", "wait": {"minutes": 1}}]
    db = {"name": "db", "groups": [group], "dependsOn": [], "after": settle}
    plan = product.plan(make_failing_wave(product, "web"), db, name="shop", drillPolicy={"everyDays": 30})
    product.seed(1, prefix="unplanned")
    drill = product.drill(plan)
    product.finish(product.start(plan, "readiness"))
    sync(product)
    wait_for_restores(product)
    change_settings(product, servers[0], drill["executionId"], "db")
    finding = {"title": "DNS was changed by hand", "owner": "network team", "due": "2099-12-31"}
    product.request("POST", f"/executions/{drill['executionId']}/drill-findings", finding)
    for kept in product.engine.executions("keep-evidence"):
        kept.wait(60)
    return api_server


def run(api_server: ApiHttpServer, *words: str) -> Result:
    """The command. The product's functions run in this process and may log to its standard output, in JSON lines."""
    result = CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST])
    assert result.exit_code == 0, result.output
    return result


def own(result: Result) -> str:
    return "".join(
        line for line in result.stdout.splitlines(keepends=True) if not line.startswith(('{"level"', '{"_aws"'))
    )


def _identity(console: Console) -> Console:
    return console


def words_of(name: str) -> tuple[str, ...]:
    argument = {"profiles diff": "shop", "findings": "readiness-"} | dict.fromkeys(OF_A_RUN, "latest")
    return (*name.split(), argument[name]) if name in argument else tuple(name.split())


def validator_of(name: str) -> tuple[dict[str, Any], Draft202012Validator]:
    file = name.replace(" --", "-").replace(" ", "-")
    schema = json.loads((SCHEMAS / f"{file}.schema.json").read_text())
    return schema, Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.evidence
def test_each_listing_is_the_same_in_four_forms_and_fits_its_schema(scene: ApiHttpServer) -> None:
    for name, listing in LISTINGS.items():
        schema, validator = validator_of(name)
        whole = json.loads(own(run(scene, *words_of(name), "--output", "json")))
        validator.validate(whole)
        items = whole[listing.items]
        assert items, name
        assert set(items[0]) <= set(schema["$defs"]["Item"]["properties"])
        if name not in ("capacity", "instances"):  # what others do meanwhile changes these
            lines = own(run(scene, *words_of(name), "--output", "jsonl")).splitlines()
            assert [json.loads(line) for line in lines] == items
            assert json.loads(own(run(scene, *words_of(name), "--json"))) == whole
        rows = list(csv.reader(io.StringIO(own(run(scene, *words_of(name), "--output", "csv")))))
        assert rows[0] == [column.path for column in listing.columns]
        assert len(rows) == len(items) + 1
        assert {len(row) for row in rows} == {len(listing.columns)}
        table = own(run(scene, *words_of(name))).splitlines()
        assert len(table) == len(items) + 1, table
        in_table = [column for column in listing.columns if column.in_table]
        shown = [each for each in in_table if not each.if_any or any(each.read(item) is not None for item in items)]
        assert all(column.title in table[0] for column in shown)


def test_every_column_shows_what_an_item_of_the_schema_has() -> None:
    for name, listing in LISTINGS.items():
        schema, _ = validator_of(name)
        for column in listing.columns:
            assert column.path.split(".")[0] in schema["$defs"]["Item"]["properties"], f"{name}: {column.path}"


def test_a_listing_has_the_items_of_every_page(product: Product, api_server: ApiHttpServer) -> None:
    for number in range(203):
        product.request("POST", "/protection-groups", {
            "name": f"group {number}", "accountId": HUB, "region": WEST, "tags": {"number": str(number)},
        })  # fmt: skip
    assert len(own(run(api_server, "groups", "--output", "jsonl")).splitlines()) == 203


def find_drill(product: Product) -> str:
    """The drill of the scene, which has a readiness run, too."""
    runs = product.request("GET", "/executions").body["executions"]
    (run_id,) = [each["executionId"] for each in runs if each["mode"] == "DRILL"]
    return str(run_id)


def test_instances_of_drills_come_first_with_the_command_that_terminates_them(
    product: Product, scene: ApiHttpServer
) -> None:
    shown = run(scene, "instances")
    run_id = find_drill(product)
    assert f"  3 instances:  drs-waves cleanup {run_id} --api-url {scene.url}" in shown.stderr
    found = json.loads(own(run(scene, "instances", "--plan", "sho", "--json")))["recoveryInstances"]
    assert len(found) == 3
    assert all(each["cleanUpCommand"].startswith(f"drs-waves cleanup {run_id}") for each in found)
    assert all(each["ageSeconds"] >= 0 for each in found)


def test_ages_of_instances_are_until_one_moment_whenever_each_was_read(product: Product, scene: ApiHttpServer) -> None:
    (first, *_) = json.loads(own(run(scene, "instances", "--json")))["recoveryInstances"]
    at = {"launchTime": "2026-11-22T08:00:00Z", "lastSyncAt": "2026-11-22T08:05:00Z"}
    later = {**at, "lastSyncAt": "2026-11-22T08:09:00Z", "region": "eu-west-1"}
    now = parse_iso("2026-11-22T08:10:00Z")
    described = describe_all([{**first, **at}, {**first, **later}], now, "")
    assert [each["ageSeconds"] for each in described] == [600, 600]
    assert {each["ageSeconds"] for each in describe_all([{**first, **at}, {**first, **later}], 0, "")} == {540}
    assert [at for _, at in list_syncs(described)] == ["2026-11-22T08:09:00Z", "2026-11-22T08:05:00Z"]
    assert f"Read from DRS: {HUB}/{WEST} 20" in run(scene, "instances").stderr


def test_servers_come_in_the_order_of_the_plan_and_a_long_reason_widens_no_other_row(scene: ApiHttpServer) -> None:
    found = json.loads(own(run(scene, "servers", "latest", "--json")))["servers"]
    waves = [each["wave"] for each in found]
    assert waves == sorted(waves, key=["web", "db"].index)
    status = CliRunner().invoke(app, ["status", "latest", "--servers", "--api-url", scene.url, "--region", WEST])
    tables = [own(run(scene, "servers", "latest")).splitlines(), own(status).splitlines()]
    for table in tables:
        head = next(line for line in table if line.startswith("server ") and "host" in line)
        rows = [next(line for line in table if line.startswith(each["sourceServerId"])) for each in found]
        assert head.split()[-1] == "reason"
        assert [row.split()[2] for row in rows] == waves
        assert all(len(row) <= len(head) for row, each in zip(rows, found, strict=True) if not each["reason"])
    assert [each.split()[:5] for each in (tables[0][0], head)] == [["server", "host", "wave", "status", "instance"]] * 2


def test_logs_of_several_jobs_come_in_the_order_of_time(scene: ApiHttpServer) -> None:
    times = [each["logDateTime"] for each in json.loads(own(run(scene, "logs", "latest", "--json")))["jobLog"]]
    assert times == sorted(times)


def test_a_refusal_advises_the_command_with_the_options_of_the_deployment(
    product: Product, scene: ApiHttpServer
) -> None:
    run_id = find_drill(product)
    options = f" --api-url {scene.url} --region {WEST}"
    for words, advised in (
        (("approve", run_id, "web"), f"drs-waves status {run_id}{options}"),
        (("status", "drill-20260101-000000-000000"), f"drs-waves list{options}"),
        (("approve", run_id, "nowhere"), f"drs-waves status {run_id}{options}"),
    ):
        result = CliRunner().invoke(app, [*words, "--api-url", scene.url, "--region", WEST])
        assert result.exit_code == 3, result.output
        assert advised in result.stderr


def test_logs_are_those_of_every_job_or_of_one_wave(scene: ApiHttpServer) -> None:
    everything = json.loads(own(run(scene, "logs", "latest", "--json")))["jobLog"]
    assert {each["wave"] for each in everything} == {"web", "db"}
    web = json.loads(own(run(scene, "logs", "latest", "--wave", "web", "--json")))["jobLog"]
    assert web == [each for each in everything if each["wave"] == "web"]
    nowhere = CliRunner().invoke(app, ["logs", "latest", "--job", "x", "--api-url", scene.url, "--region", WEST])
    assert (nowhere.exit_code, "has no such job" in nowhere.stderr) == (3, True)


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_on_a_terminal_fits_and_cuts_no_id(
    scene: ApiHttpServer, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    for name, listing in LISTINGS.items():
        items = json.loads(own(run(scene, *words_of(name), "--json")))[listing.items]
        screen = io.StringIO()
        terminal = Console(
            file=screen, width=width, force_terminal=True, soft_wrap=True, highlight=False, no_color=True
        )
        with monkeypatch.context() as patch:
            patch.setattr(output, "console", partial(_identity, terminal))
            output.print_listing(listing, items, output.Output.TABLE)
        lines = screen.getvalue().splitlines()
        assert max(map(len, lines)) <= width, f"{name}\n{screen.getvalue()}"
        key = listing.columns[0]
        assert all(key.show(item) in screen.getvalue() for item in items)
        for at, column in enumerate(listing.columns):
            if column.folds and column.in_table and not column.optional and at:
                texts = [column.show(item) for item in items]
                letters = "".join(screen.getvalue().split())
                assert all(text.split()[0][:6] in letters for text in texts if text), f"{name}: {column.path}"


def test_text_that_a_spreadsheet_would_run_is_not_a_formula_in_csv(product: Product, api_server: ApiHttpServer) -> None:
    product.plan(make_wave(product), name="=HYPERLINK(1)", description="+1\t@x")
    (row,) = csv.DictReader(io.StringIO(own(run(api_server, "plans", "--output", "csv"))))
    assert (row["name"], row["description"][:2]) == ("'=HYPERLINK(1)", "'+")


def test_a_status_that_does_not_exist_is_refused_before_the_api_is_asked(api_server: ApiHttpServer) -> None:
    words = ["list", "--status", "running", "--api-url", api_server.url, "--region", WEST]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, "POLLING, PAUSED" in result.stderr, api_server.seen) == (2, True, []), result.output


def test_two_forms_at_once_are_refused(api_server: ApiHttpServer) -> None:
    words = ["plans", "--json", "--output", "csv", "--api-url", api_server.url, "--region", WEST]
    assert CliRunner().invoke(app, words).exit_code == 2
    assert api_server.seen == []
