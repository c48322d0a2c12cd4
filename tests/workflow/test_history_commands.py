"""`drs-waves history`, through HTTP."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.product import ANA, HUB, WEST, Product

SERVER = "s-0123456789abcdef0"


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str) -> Result:
    return CliRunner().invoke(app, ["history", *words, "--api-url", api_server.url, "--region", WEST])


def own(text: str) -> list[str]:
    """The lines that the command printed. The product's functions run in this process, and log in JSON lines."""
    return [line for line in text.splitlines() if not line.startswith(('{"level"', '{"_aws"'))]


def changed_plan(product: Product) -> str:
    """A plan whose wave tolerates failures since its second version; return its id."""
    group = product.group([SERVER], name="databases")
    plan = product.plan({"name": "db", "groups": [group]}, name="shop")
    waves = [{"name": "db", "groups": [{"groupId": group, "optional": True}], "maxFailedPercent": 10}]
    body = {"name": "shop", "waves": waves, "commentsRequired": True, "version": 1}
    assert product.request("PUT", f"/recovery-plans/{plan}", body).status == 200
    return plan


def test_people_read_who_changed_a_plan_and_what_in_words(product: Product, api_server: ApiHttpServer) -> None:
    plan = changed_plan(product)
    result = run(api_server, "plan", "sho")
    assert result.exit_code == 0, result.output
    second, *changes, first = [line for line in own(result.stdout) if not line.startswith("    name: nothing")][:5]
    assert second.startswith("version 2  20")
    assert second.endswith(f"UTC  {ANA}")
    assert changes == [
        "    comments required: nothing -> true",
        "    wave db: group databases: optional: nothing -> true",
        "    wave db: failed servers tolerated, in %: 0 -> 10",
    ]
    assert first.startswith("version 1  20")
    assert own(run(api_server, "plan", plan).stdout) == own(result.stdout)


def test_a_deleted_plan_is_named_by_its_id(product: Product, api_server: ApiHttpServer) -> None:
    plan = changed_plan(product)
    assert product.request("DELETE", f"/recovery-plans/{plan}").status == 204
    lines = own(run(api_server, "plan", plan).stdout)
    assert lines[0].startswith("version 3  20")
    assert lines[1] == "    shop was deleted"
    by_name = run(api_server, "plan", "shop")
    assert by_name.exit_code == 3
    assert "under its id" in by_name.output
    never = run(api_server, "plan", "rp-000000000000")
    assert never.exit_code == 3
    assert "there is no history of rp-000000000000" in never.output


def test_groups_and_accounts_are_named_by_id_or_name(product: Product, api_server: ApiHttpServer) -> None:
    group = product.group([SERVER], name="databases")
    account = {
        "accountId": "777788889999",
        "name": "shop production",
        "roleArn": "arn:aws:iam::777788889999:role/x",
        "externalId": "a-shared-secret-of-two",
        "regions": [WEST],
    }
    assert product.request("POST", "/target-accounts", account).status == 201
    for kind, resource_id, name in (("group", group, "databases"), ("account", "777788889999", "shop production")):
        result = run(api_server, kind, resource_id, "--json")
        assert own(run(api_server, kind, name, "--json").stdout) == own(result.stdout)
        (entry,) = json.loads("\n".join(own(result.stdout)))["history"]
        assert (entry["version"], entry["by"], entry["name"]) == (1, ANA, name)
        unknown = run(api_server, kind, "nothing of this name")
        assert unknown.exit_code == 3
        assert "under its id" in unknown.output
    assert "a-shared-secret" not in run(api_server, "account", "777788889999").output


def test_two_groups_of_one_name_are_told_apart_by_their_ids(product: Product, api_server: ApiHttpServer) -> None:
    groups = [product.group([SERVER], name="twice", region=region) for region in (WEST, "eu-west-1")]
    result = run(api_server, "group", "twice")
    assert result.exit_code == 3
    assert all(group in result.output for group in groups)


def test_rows_that_nobody_is_known_for_and_restored_ones_are_told(product: Product, api_server: ApiHttpServer) -> None:
    account_lines = own(run(api_server, "account", HUB).stdout)
    assert account_lines == [
        "version 1  at a time that is not known  by a caller who is not known",
        "    found in the table: older than the history, or copied or restored",
    ]
    plan = changed_plan(product)
    (row,) = product.items("RecoveryPlans")
    product.put("RecoveryPlans", {**row, "version": 1, "name": "before"})
    lines = own(run(api_server, "plan", plan).stdout)
    assert lines[0].startswith("version 1 (entry 3)  20")
    assert lines[2] == "    name: shop -> before"
