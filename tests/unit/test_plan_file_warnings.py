"""What is allowed in a plan file and seldom meant: named with its line and field, and no failure."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.plan_file import FILE

WAVE, OTHER_WAVE = "      groups: [payroll-db]", "      groups: [payroll-app]"
CASES = [
    (
        OTHER_WAVE,
        "      groups: [payroll-app, payroll-db]",
        20,
        "recoveryPlan.waves[1].groups[1]",
        "'payroll-db' is also in wave 'database' (line 18): a run launches its servers in the first of them",
    ),
    (
        OTHER_WAVE,
        f"{OTHER_WAVE}\n      rtoTargetMinutes: 90",
        22,
        "recoveryPlan.waves[1].rtoTargetMinutes",
        "90 minutes are more than the 60 of the whole plan",
    ),
    (
        OTHER_WAVE,
        f"{OTHER_WAVE}\n      rtoTargetMinutes: 30\n      checks: [boot]",
        22,
        "recoveryPlan.waves[1].rtoTargetMinutes",
        "its checks may take 30 minutes after the launch, and the whole wave 30: set checksTimeoutMinutes below",
    ),
    (
        OTHER_WAVE,
        f"{OTHER_WAVE}\n      checksTimeoutMinutes: 50\n      checks: [boot]\n      rtoTargetMinutes: 40",
        22,
        "recoveryPlan.waves[1].checksTimeoutMinutes",
        "its checks may take 50 minutes after the launch, and the whole wave 40",
    ),
    (
        OTHER_WAVE,
        f"{OTHER_WAVE}\n      rtoTargetMinutes: 50\n      after: [{{name: settle, wait: {{minutes: 55}}}}]",
        23,
        "recoveryPlan.waves[1].after[0].wait.minutes",
        "it waits 55 minutes, and the RTO target is 50",
    ),
    (
        "regions: [us-west-2]",
        "regions: [us-east-1]",
        8,
        "protectionGroups[0].region",
        "us-west-2 is not among the regions of account 111122223333 (line 4)",
    ),
    (
        "    sourceServers: [db-01]",
        "    sourceServers: [db-01]\n    launchProfiles:\n      drill: {privateIp: release}",
        11,
        "protectionGroups[0].launchProfiles.drill",
        "nothing proves that these drills cannot reach production; add isolation: required",
    ),
    (
        "    sourceServers: [db-01]",
        "    sourceServers: [db-01]\n    launchProfiles: {recovery: {privateIp: release}}",
        10,
        "protectionGroups[0].launchProfiles.recovery.privateIp",
        "recovered servers get other addresses than their sources",
    ),
    (
        "    sourceServers: [db-01]",
        "    sourceServers: [db-01]\n    launchProfiles:\n      servers: {db-01: {recovery: {privateIp: release}}}",
        11,
        "protectionGroups[0].launchProfiles.servers.db-01.recovery.privateIp",
        "recovered servers get other addresses than their sources",
    ),
]


def validate(tmp_path: Path, text: str, *options: str) -> Result:
    (tmp_path / "plan.yaml").write_text(text)
    return CliRunner().invoke(app, ["plan", "validate", str(tmp_path / "plan.yaml"), *options])


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), CASES, ids=[each[3] for each in CASES])
def test_a_warning_names_the_line_and_the_field_and_the_file_is_valid(
    tmp_path: Path, old: str, new: str, line: int, field: str, says: str
) -> None:
    text = FILE.replace(old, new)
    if "rtoTargetMinutes" in new:
        text = text.replace("  name: Payroll\n", "  name: Payroll\n  rtoTargetMinutes: 60\n")
    shown = validate(tmp_path, text)
    assert shown.exit_code == 0
    assert f"! warning: {tmp_path / 'plan.yaml'}:{line}: {field}: {says}" in shown.output
    assert "is valid" in shown.output
    read = json.loads(validate(tmp_path, text, "--json").stdout)
    assert (read["isValid"], read["problems"]) == (True, [])
    assert (read["warnings"][0]["line"], read["warnings"][0]["field"]) == (line, field)
    assert says in read["warnings"][0]["message"]


def test_a_file_without_such_parts_has_no_warning(tmp_path: Path) -> None:
    assert "warning" not in validate(tmp_path, FILE).output
    apart = FILE.replace(WAVE, "      groups: [{group: payroll-db, sourceServers: [db-01]}]").replace(
        OTHER_WAVE, "      groups: [payroll-app, {group: payroll-db, sourceServerIds: [s-1111111111111111a]}]"
    )
    assert json.loads(validate(tmp_path, apart, "--json").stdout)["warnings"] == []


def test_mistakes_are_json_too_and_fail(tmp_path: Path) -> None:
    done = validate(tmp_path, FILE.replace("name: Payroll", "nam: Payroll"), "--json")
    assert done.exit_code == 2
    read = json.loads(done.stdout)
    assert read["isValid"] is False
    assert {"line": 15, "field": "recoveryPlan.nam", "message": "unknown field; did you mean name?"} in read["problems"]
