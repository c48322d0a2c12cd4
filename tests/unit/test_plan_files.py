"""Plan files: each problem is reported with its line, and the schema in docs/ is the one the code has."""

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from api.schemas.requests.plans import GroupUseRequest
from cli.main import app
from cli.plans.check import read_plan_file
from cli.plans.document import PlanFileError
from cli.plans.file_schema import SCHEMA_ID, FileAccount, FileUse, build_json_schema

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs" / SCHEMA_ID
FILE = """\
targetAccounts:
  - accountId: '111122223333'
    roleArn: arn:aws:iam::111122223333:role/drs-waves-target
    regions: [us-west-2]
protectionGroups:
  - name: db
    accountId: '111122223333'
    region: us-west-2
    sourceServers: [db-1]
  - name: web
    accountId: '111122223333'
    region: us-west-2
    tags: {tier: web}
recoveryPlan:
  name: shop
  waves:
    - name: db
      groups: [db]
    - name: web
      groups:
        - web
        - {group: db, sourceServers: [db-1]}
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    """The problems of a file with this text, without its path."""
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(PlanFileError) as wrong:
        read_plan_file(path)
    assert all(line.startswith(f"{path}:") for line in wrong.value.lines())
    return [line.removeprefix(f"{path}:") for line in wrong.value.lines()]


def test_the_base_file_of_these_tests_is_valid(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(FILE)
    assert read_plan_file(tmp_path / "plan.yaml").data["recoveryPlan"]["name"] == "shop"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "name: shop",
            "nmae: shop",
            ["14: recoveryPlan.name: is missing", "15: recoveryPlan.nmae: unknown field; did you mean name?"],
        ),
        ("accountId: '111122223333'\n    region", "accountId: 111122223333\n    region", ["7: ", "put it in quotes"]),
        ("- name: web\n      groups", "- name: WEB\n      groups", ["19: recoveryPlan.waves[1].name"]),
        (
            "groups: [db]",
            "groups: [bd]",
            ["18: recoveryPlan.waves[0].groups[0]: the file has no", "'bd'"],
        ),
        ("group: db,", "group: bd,", ["22: recoveryPlan.waves[1].groups[1]: the file has no protection group 'bd'"]),
        (
            "  - name: web\n    acc",
            "  - name: db\n    acc",
            ["10: protectionGroups[1].name: duplicate name; first used at line 6"],
        ),
        ("groups: [db]", "groups: [db]\n      dependsOn: [web]", ["recoveryPlan.waves[0].dependsOn: ", "form a cycle"]),
        (
            "groups: [db]",
            "groups: [db]\n      dependsOn: [nowhere]",
            ["19: recoveryPlan.waves[0].dependsOn: there is no"],
        ),
        ("groups: [db]", "groups: [db]\n      maxFailedPercent: '5'", ["19: recoveryPlan.waves[0].maxFailedPercent: "]),
        (
            "tags: {tier: web}",
            "sourceServers: []",
            ["13: protectionGroups[1].sourceServers: ", "sourceServerIds or tags"],
        ),
        ("tags: {tier: web}", "tags: {tier: web, tier: db}", ["13: protectionGroups[1].tags.tier: is repeated"]),
        ("arn:aws:iam::1111", "arn:aws:iam::9999", ["3: targetAccounts[0].roleArn: must be a role of account"]),
        ("regions: [us-west-2]", "regions: [Oregon]", ["4: targetAccounts[0].regions[0]: "]),
        ("regions: [us-west-2]", "externalId: secret-secret", ["4: targetAccounts[0].externalId: unknown field"]),
        (
            "regions: [us-west-2]",
            "regions: [us-west-2]\n    externalIdVariable: AWS_SECRET_ACCESS_KEY",
            ["5: targetAccounts[0].externalIdVariable: must be DRS_WAVES_EXTERNAL_ID or begin with"],
        ),
        (
            "- name: web\n      groups",
            "- name: target-accounts\n      groups",
            ["19: recoveryPlan.waves[1].name: 'target-accounts' is a word of the API's paths"],
        ),
        ("name: shop", "name: [shop", ["not YAML"]),
        ("name: shop", "name: sh\x01op", ["15: file: not YAML: special characters"]),
        ("name: shop", "1: shop", ["15: recoveryPlan: a name must be text"]),
        ("name: shop", "<<: {name: shop}", ["15: recoveryPlan: merging"]),
    ],
)
def test_each_problem_is_reported_with_its_line_and_field(tmp_path: Path, old: str, new: str, says: list[str]) -> None:
    assert FILE.count(old) >= 1
    lines = "\n".join(problems(tmp_path, FILE.replace(old, new, 1)))
    for part in says:
        assert part in lines


def account_with(variable: Any) -> str:
    data = yaml.safe_load(FILE)
    data["targetAccounts"][0]["externalIdVariable"] = variable
    return json.dumps(data)


@pytest.mark.parametrize(
    "variable",
    [
        "HOME",
        "AWS_SESSION_TOKEN",
        "DRS_WAVES_API_URL",
        "DRS_WAVES_EXTERNAL_ID_",
        "DRS_WAVES_EXTERNAL_IDX",
        "DRS_WAVES_EXTERNAL_ID-SHOP",
        "DRS_WAVES_EXTERNAL_ID\n",
        "DRS_WAVES_EXTERNAL_ID_A\n",
        "drs_waves_external_id",
        " DRS_WAVES_EXTERNAL_ID",
        "DRS_WAVES_EXTERNAL_ID_\u00e9",
        "",
        None,
    ],
)
def test_a_file_names_no_environment_variable_but_those_for_external_ids(tmp_path: Path, variable: Any) -> None:
    (line,) = problems(tmp_path, account_with(variable))
    assert "targetAccounts[0].externalIdVariable: " in line


@pytest.mark.parametrize(
    "variable", ["DRS_WAVES_EXTERNAL_ID", "DRS_WAVES_EXTERNAL_ID_SHOP", "DRS_WAVES_EXTERNAL_ID_2b"]
)
def test_a_file_names_one_variable_for_each_external_id(tmp_path: Path, variable: str) -> None:
    (tmp_path / "plan.yaml").write_text(account_with(variable))
    assert read_plan_file(tmp_path / "plan.yaml").data["targetAccounts"][0]["externalIdVariable"] == variable


@given(variable=st.text() | st.from_regex("(DRS_WAVES_)?[A-Z_]+") | st.sampled_from(sorted(os.environ)))
def test_a_variable_that_a_file_may_name_begins_with_the_words_for_external_ids(variable: str) -> None:
    allowed = variable == "DRS_WAVES_EXTERNAL_ID" or (
        variable.startswith("DRS_WAVES_EXTERNAL_ID_")
        and re.fullmatch("[A-Za-z0-9_]+", variable.removeprefix("DRS_WAVES_EXTERNAL_ID_")) is not None
    )
    account = {"accountId": "111122223333", "roleArn": "arn:aws:iam::111122223333:role/a", "regions": ["us-west-2"]}
    try:
        FileAccount.model_validate({**account, "externalIdVariable": variable})
    except ValidationError:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "[]", "null", "just text", "a: &a [*a]", "\t", "- - - -", "{", "0x"]
)
def test_a_file_that_is_not_a_plan_file_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_aliases_that_expand_exponentially_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too large" in problems(tmp_path, "\n".join(lines))[0]


def test_a_file_that_is_not_text_or_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    for content in (b"\xff\xfe\x00", b"[" * 2_000):
        path.write_bytes(content)
        with pytest.raises(PlanFileError):
            read_plan_file(path)


def test_a_plan_file_can_be_json(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(yaml.safe_load(FILE), indent=2))
    assert read_plan_file(path).line(("recoveryPlan", "waves", 0, "name")) > 20


def test_the_schema_in_docs_is_that_of_the_code() -> None:
    """If it fails, run `make plan-schema`."""
    assert SCHEMA.read_text() == CliRunner().invoke(app, ["plan", "schema"]).stdout


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid_names_the_schema_and_fits_it(path: Path) -> None:
    assert CliRunner().invoke(app, ["plan", "validate", str(path)]).exit_code == 0
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = (path.parent / first.partition("=")[2]).resolve()
    assert schema == SCHEMA
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(schema.read_text()))


def invalid() -> list[Any]:
    good = yaml.safe_load(FILE)
    without_plan = {name: part for name, part in good.items() if name != "recoveryPlan"}
    plan = good["recoveryPlan"]
    return [
        without_plan,
        {**good, "recoveryPlan": {**plan, "waves": []}},
        {**good, "recoveryPlan": {**plan, "waves": [{"name": "db", "groups": [7]}]}},
        {**good, "recoveryPlan": {**plan, "colour": "red"}},
        {**good, "protectionGroups": [{"name": "db"}]},
    ]


@pytest.mark.parametrize("data", invalid())
def test_the_schema_refuses_what_the_command_refuses(tmp_path: Path, data: Any) -> None:
    assert problems(tmp_path, json.dumps(data))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, build_json_schema())


def test_a_use_of_a_group_has_the_fields_of_the_api() -> None:
    in_api = set(GroupUseRequest.model_fields) - {"group_id"}
    assert in_api <= set(FileUse.model_fields)
    assert FileUse.model_fields.keys() - in_api == {"group", "source_servers"}


def test_validate_reports_the_line_and_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(FILE.replace("groups: [db]", "groups: []"))
    result = CliRunner().invoke(app, ["plan", "validate", str(path)])
    assert result.exit_code == 2
    assert f"{path}:18: recoveryPlan.waves[0].groups" in result.output
    assert CliRunner().invoke(app, ["plan", "validate", str(tmp_path / "none.yaml")]).exit_code == 2
