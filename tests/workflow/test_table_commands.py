"""`drs-waves tables`: copying tables to a new stack, and what an import needs."""

import json
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse
from typer.testing import CliRunner, Result

from cli.checkout import ROOT
from cli.commands.tables import COPIED_TABLES, LOCK, read_template
from cli.main import app
from tests.support.product import HUB, STACK, WEST, Product

NEW = "drs-waves-new"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["tables", *words])


def rows(product: Product, table: str) -> dict[str, Any]:
    found = product.engine.client("dynamodb").scan(TableName=table)["Items"]
    return {json.dumps(sorted(row.items())): row for row in found}


# What readiness runs and their schedule leave in the row of a plan.
ANSWER = {"lastReadiness": {"M": {}}, "standing": {"M": {}}}


@pytest.fixture
def source(product: Product, monkeypatch: pytest.MonkeyPatch) -> Product:
    """The product's tables under the names of an old stack, with a plan that is locked; and a new, empty stack."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", WEST)
    server = product.seed(1)
    group = product.request(
        "POST", "/protection-groups", {"name": "one", "accountId": HUB, "region": WEST, "sourceServerIds": server}
    )
    wave = {"name": "only", "groups": [{"groupId": group.body["groupId"]}]}
    product.request("POST", "/recovery-plans", {"name": "copied", "waves": [wave]})
    dynamodb = product.engine.client("dynamodb")
    named = {
        "target-accounts": "TargetAccounts",
        "protection-groups": "ProtectionGroups",
        "recovery-plans": "RecoveryPlans",
    }
    for table, key in COPIED_TABLES.items():
        for stack in ("drs-waves-old", NEW):
            dynamodb.create_table(
                TableName=f"{stack}-{table}",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            )
        for row in dynamodb.scan(TableName=f"{STACK}-{named[table]}")["Items"]:
            left = {LOCK: {"S": "drill-of-a-lost-region"}, **ANSWER} if table == "recovery-plans" else {}
            dynamodb.put_item(TableName=f"drs-waves-old-{table}", Item={**row, **left})
    return product


def test_accounts_groups_and_plans_are_copied_without_the_lock_of_a_run(source: Product) -> None:
    copied = run("copy", "--from", "drs-waves-old", "--to", NEW, "--region", WEST)
    assert copied.exit_code == 0, copied.output
    for table in ("target-accounts", "protection-groups"):
        assert rows(source, f"{NEW}-{table}") == rows(source, f"drs-waves-old-{table}") != {}
    (plan,) = rows(source, f"{NEW}-recovery-plans").values()
    (before,) = rows(source, "drs-waves-old-recovery-plans").values()
    assert {**plan, **{name: before[name] for name in (LOCK, *ANSWER)}} == before
    assert not {LOCK, *ANSWER} & plan.keys()


def test_copying_again_overwrites_nothing(source: Product) -> None:
    assert run("copy", "--from", "drs-waves-old", "--to", NEW, "--region", WEST).exit_code == 0
    changed = {"accountId": {"S": HUB}, "roleArn": {"S": "changed since"}}
    source.engine.client("dynamodb").put_item(TableName=f"{NEW}-target-accounts", Item=changed)
    again = run("copy", "--from", "drs-waves-old", "--to", NEW, "--region", WEST)
    assert again.exit_code == 0, again.output
    assert "recovery-plans: 0 copied, 1 existed already" in again.output
    assert changed in rows(source, f"{NEW}-target-accounts").values()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--from", NEW, "--to", NEW), 2, "the same stack"),
        (("--from", "drs-waves-none", "--to", NEW), 1, "you can repeat the command"),
    ],
)
def test_an_impossible_copy_says_why(source: Product, words: tuple[str, ...], status: int, said: str) -> None:
    told = run("copy", *words, "--region", WEST)
    assert (told.exit_code, said in told.output) == (status, True), told.output


def test_an_import_names_every_table_of_an_importable_template() -> None:
    written = run("adopt", "--stack", "drs-waves-prod", "--account", HUB, "--region", WEST, "--signing-key", "1234")
    assert written.exit_code == 0, written.output
    resources = json.loads(written.output)
    template = yaml_parse((ROOT / "cfn" / "tables.yaml").read_text())
    assert {each["LogicalResourceId"]: each["ResourceType"] for each in resources} == {
        logical_id: resource["Type"] for logical_id, resource in template["Resources"].items()
    }
    assert len(resources) == 15
    names = {name for each in resources for name in each["ResourceIdentifier"].values()}
    assert names >= {f"drs-waves-prod-{table}" for table in COPIED_TABLES}
    assert names >= {f"drs-waves-prod-{HUB}-{WEST}", "1234", "alias/drs-waves-prod-evidence"}
    assert all(resource["DeletionPolicy"].startswith("Retain") for resource in template["Resources"].values())
    # CloudFormation imports into no stack that has these.
    assert not {"Outputs", "Transform"} & set(template)


def test_an_import_of_a_stack_that_signs_nothing_names_no_key() -> None:
    written = run("adopt", "--stack", "drs-waves-prod", "--account", HUB, "--region", WEST)
    assert not {"EvidenceKey", "EvidenceKeyAlias"} & {each["LogicalResourceId"] for each in json.loads(written.output)}


def test_templates_are_read_as_sam_reads_them() -> None:
    for template in (ROOT / "cfn").glob("*.yaml"):
        assert read_template(template) == yaml_parse(template.read_text()), template.name
