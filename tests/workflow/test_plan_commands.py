"""`drs-waves plan` against the product, through HTTP: what it shows, what it changes, and its exit status."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli import checkout
from cli.api_client import ApiClient, ApiUnreachable
from cli.commands import plans
from cli.main import app
from cli.trial.loading import find_accounts
from tests.support.api_http_server import ApiHttpServer
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product

NEW_ACCOUNT = "777788889999"
VARIABLE = "DRS_WAVES_EXTERNAL_ID_SHOP"
FILE = f"""
protectionGroups:
  - name: databases
    accountId: '{HUB}'
    region: {WEST}
    sourceServers: [srv-001, srv-002]
  - name: web
    accountId: '{OTHER}'
    region: {EUROPE}
    tags: {{tier: web}}
recoveryPlan:
  name: shop
  waves:
    - name: database
      groups: [databases]
    - name: web
      groups:
        - web
        - {{group: databases, sourceServers: [srv-002]}}
      maxFailedPercent: 10
"""


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(FILE)
    return path


def run(api_server: ApiHttpServer, name: str, *words: Any, answer: str | None = None) -> Result:
    words = ("plan", name, *map(str, words), "--api-url", api_server.url, "--region", WEST)
    return CliRunner().invoke(app, list(words), input=answer)


def test_a_file_is_applied_and_applying_it_again_changes_nothing(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    servers = product.seed(3)
    first = run(api_server, "apply", file, "--yes")
    assert first.exit_code == 0, first.output
    (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    groups = {row["name"]: row for row in product.request("GET", "/protection-groups").body["protectionGroups"]}
    assert sorted(groups["databases"]["sourceServerIds"]) == sorted(servers[:2])
    assert groups["web"]["tags"] == {"tier": "web"}
    assert plan["waves"][1]["dependsOn"] == ["database"]
    assert plan["waves"][1]["groups"][1]["groupId"] == groups["databases"]["groupId"]
    assert len(plan["waves"][1]["groups"][1]["sourceServerIds"]) == 1

    api_server.seen.clear()
    again = run(api_server, "apply", file)
    assert (again.exit_code, api_server.writes) == (0, []), again.output
    assert "Nothing to change" in again.output


def test_changes_are_shown_first_and_applied_only_after_a_yes(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(2)
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    file.write_text(FILE.replace("maxFailedPercent: 10", "maxFailedPercent: 25"))
    api_server.seen.clear()
    for refused in (run(api_server, "apply", file, answer="n\n"), run(api_server, "apply", file, answer="")):
        assert refused.exit_code == 3
        assert "waves[web].maxFailedPercent: 10 -> 25" in refused.output
    shown = run(api_server, "diff", file)
    assert (shown.exit_code, api_server.writes) == (0, [])
    assert "1 of 3 to change" in shown.output
    assert run(api_server, "apply", file, answer="y\n").exit_code == 0
    assert [method for method, _ in api_server.writes] == ["PUT"]
    assert run(api_server, "diff", file).output.endswith("Nothing to change.\n")


def test_what_is_new_is_shown_whole_and_in_lines(product: Product, api_server: ApiHttpServer, file: Path) -> None:
    product.seed(2)
    many = [f"wave-{number:02}" for number in range(12)]
    data = yaml.safe_load(FILE)
    data["recoveryPlan"]["waves"] += [
        {"name": name, "groups": ["web"], "dependsOn": many[:at]} for at, name in enumerate(many)
    ]
    file.write_text(yaml.safe_dump(data))
    new = run(api_server, "diff", file).output
    assert "..." not in new
    assert '{"' not in new
    assert all(f"      - name: {name}\n" in new for name in ("database", "web", *many))
    assert "        groups:\n        - {group: web}\n" in new
    assert "    tags:\n      {tier: web}\n" in new

    assert run(api_server, "apply", file, "--yes").exit_code == 0
    data["recoveryPlan"]["waves"].append({"name": "last", "groups": ["web"]})
    file.write_text(yaml.safe_dump(data))
    assert "    waves[last]:\n      name: last\n" in run(api_server, "diff", file).output


def test_the_exit_code_says_whether_there_are_changes(product: Product, api_server: ApiHttpServer, file: Path) -> None:
    product.seed(2)
    assert run(api_server, "diff", file).exit_code == 0
    assert run(api_server, "diff", file, "--exit-code").exit_code == 2
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    assert run(api_server, "diff", file, "--exit-code").exit_code == 0
    file.write_text("colour: red")
    assert run(api_server, "diff", file, "--exit-code").exit_code == 1


def test_a_program_reads_the_changes_as_json(product: Product, api_server: ApiHttpServer, file: Path) -> None:
    product.seed(2)
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    file.write_text(FILE.replace("maxFailedPercent: 10", "maxFailedPercent: 25").replace("web}", "front}"))
    shown = run(api_server, "diff", file, "--json", "--exit-code")
    assert shown.exit_code == 2
    made = json.loads(shown.stdout)
    assert made["warnings"] == []
    assert [(each["kind"], each["name"], each["action"]) for each in made["changes"]] == [
        ("protection group", "databases", "none"),
        ("protection group", "web", "change"),
        ("recovery plan", "shop", "change"),
    ]
    assert made["changes"][2]["differences"] == [{"field": "waves[web].maxFailedPercent", "before": 10, "after": 25}]


def test_an_account_that_nobody_registered_is_named_with_the_command_that_registers_it(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(2)
    file.write_text(FILE.replace(OTHER, NEW_ACCOUNT))
    role = f"arn:aws:iam::{NEW_ACCOUNT}:role/drs-waves-target"
    entry = f"[{{accountId: '{NEW_ACCOUNT}', roleArn: '{role}', regions: [{EUROPE}]}}]"
    for command in (("diff",), ("apply", "--yes")):
        shown = run(api_server, command[0], file, *command[1:]).output
        assert f"! account {NEW_ACCOUNT} of 'web' is not registered" in shown
        assert f"targetAccounts: {entry}" in shown
        assert f"drs-waves plan apply {file}" in shown
    (warning,) = json.loads(run(api_server, "diff", file, "--json").stdout)["warnings"]
    assert NEW_ACCOUNT in warning

    account = yaml.safe_load(entry)
    file.write_text(yaml.safe_dump({"targetAccounts": account, **yaml.safe_load(file.read_text())}))
    assert "is not registered" not in run(api_server, "diff", file).output


def test_an_interrupted_apply_is_completed_by_the_next(product: Product, api_server: ApiHttpServer, file: Path) -> None:
    product.seed(2)
    api_server.refuse["POST", "/recovery-plans"] = 500
    cut_off = run(api_server, "apply", file, "--yes")
    assert (cut_off.exit_code, len(product.items("ProtectionGroups"))) == (1, 2)
    api_server.refuse.clear()
    api_server.seen.clear()
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    assert api_server.writes == [("POST", "/recovery-plans")]


def test_a_plan_that_another_planner_has_changed_meanwhile_is_not_overwritten(
    product: Product, api_server: ApiHttpServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.seed(2)
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    file.write_text(FILE.replace("maxFailedPercent: 10", "maxFailedPercent: 25"))
    (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    body = {"name": "shop", "waves": plan["waves"], "description": "changed by another", "version": 1}

    def agree_late() -> bool:
        assert product.request("PUT", f"/recovery-plans/{plan['planId']}", body).status == 200
        return True

    monkeypatch.setattr(plans, "_confirm", agree_late)
    late = run(api_server, "apply", file)
    assert late.exit_code == 3
    assert "VersionConflict" in late.output
    assert product.request("GET", f"/recovery-plans/{plan['planId']}").body["description"] == "changed by another"


def test_a_change_of_a_plan_that_runs_says_that_the_run_keeps_its_own(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(2)
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    api_server.instead["GET", "/recovery-plans"] = [
        (200, {"recoveryPlans": [{**plan, "activeExecutionId": "drill-1"}], "nextToken": None})
    ]
    file.write_text(FILE.replace("maxFailedPercent: 10", "maxFailedPercent: 25"))
    shown = run(api_server, "apply", file, "--yes")
    assert shown.exit_code == 0, shown.output
    assert "run drill-1 of this plan is on: it keeps the plan and the groups that it was started with" in shown.output


def test_an_exported_file_describes_the_plan_in_the_api(
    product: Product, api_server: ApiHttpServer, file: Path, tmp_path: Path
) -> None:
    product.seed(2)
    file.write_text(FILE.replace("\n  waves:", "\n  readinessEveryHours: 12\n  waves:", 1))
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    assert plan["readinessEveryHours"] == 12
    for name in ("again.yaml", "again.json"):
        path = tmp_path / name
        assert run(api_server, "export", "shop", "--output", path).exit_code == 0
        unchanged = run(api_server, "diff", path)
        assert unchanged.output.endswith("Nothing to change.\n"), unchanged.output
    assert json.loads((tmp_path / "again.json").read_text()) == yaml.safe_load((tmp_path / "again.yaml").read_text())
    nobody = run(api_server, "export", "nobody")
    assert (nobody.exit_code, "no plan 'nobody'" in nobody.output) == (1, True)


def test_an_account_is_registered_with_a_secret_from_the_environment(
    product: Product, api_server: ApiHttpServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.emulator.seed(NEW_ACCOUNT, WEST, [{"hostname": "db-1"}])
    role = f"arn:aws:iam::{NEW_ACCOUNT}:role/drs-waves-target"
    account = {"accountId": NEW_ACCOUNT, "roleArn": role, "regions": [WEST], "externalIdVariable": VARIABLE}
    data = yaml.safe_load(FILE)
    data["targetAccounts"] = [account]
    data["protectionGroups"][0] |= {"accountId": NEW_ACCOUNT, "sourceServers": ["db-1"]}
    data["recoveryPlan"]["waves"][1]["groups"].pop()
    file.write_text(json.dumps(data, indent=1))
    monkeypatch.delenv(VARIABLE, raising=False)
    without = run(api_server, "apply", file)
    assert (without.exit_code, api_server.writes) == (2, [])
    assert "Apply this?" not in without.output
    assert VARIABLE in without.output
    shown = f"the external id in the environment variable {VARIABLE} goes to {role}"
    for difference in (without, run(api_server, "diff", file)):
        assert "sourceServers:\n      [db-1]" in difference.output
        assert "sourceServerIds" not in difference.output
        assert f"sourceServers are not looked up: account {NEW_ACCOUNT} is not registered" in difference.output
        assert shown in " ".join(difference.output.split())

    monkeypatch.setenv(VARIABLE, "fifteen-letters")
    short = run(api_server, "apply", file, "--yes")
    assert (short.exit_code, api_server.writes) == (2, [])
    where = f"targetAccounts[0].externalIdVariable: {VARIABLE} contains no external id: it must have at least 16"
    assert where in " ".join(short.output.split())
    assert "fifteen-letters" not in short.output

    monkeypatch.setenv(VARIABLE, "a-secret-of-two-parties")
    applied = run(api_server, "apply", file, "--yes")
    assert applied.exit_code == 0, applied.output
    assert "a-secret-of-two" not in applied.output
    (row,) = [row for row in product.items("TargetAccounts") if row["accountId"] == NEW_ACCOUNT]
    assert (row["externalId"], row["regions"]) == ("a-secret-of-two-parties", [WEST])
    monkeypatch.delenv(VARIABLE)
    assert run(api_server, "diff", file).output.endswith("Nothing to change.\n")

    other = role.replace("drs-waves-target", "another-role")
    file.write_text(file.read_text().replace(role, other))
    moved = run(api_server, "diff", file)
    assert f"the external id that drs-waves has stored goes to {other}" in " ".join(moved.output.split())


@pytest.fixture
def in_sandbox(api_server: ApiHttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--sandbox` finds the API of the test."""
    addresses = {"apiUrl": api_server.url, "region": WEST, "account": HUB, "secret": "test", "sessionToken": "any"}
    monkeypatch.setattr(checkout, "SANDBOX_FILE", tmp_path / "sandbox.json")
    checkout.SANDBOX_FILE.write_text(json.dumps(addresses))


@pytest.mark.usefixtures("in_sandbox")
def test_nothing_is_to_change_in_a_sandbox_that_was_started_with_the_file(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(2)
    roles = {HUB: "drs-waves-of-the-file", OTHER: "drs-waves-target"}
    accounts = [
        {"accountId": each, "name": "prod", "roleArn": f"arn:aws:iam::{each}:role/{role}", "regions": [EUROPE, WEST]}
        for each, role in roles.items()
    ]
    file.write_text(json.dumps({"targetAccounts": accounts, **yaml.safe_load(FILE)}, indent=1))
    registered = find_accounts(json.loads(file.read_text()), [])
    for account_id, fields in registered.items():
        before = product.request("GET", f"/target-accounts/{account_id}").body
        body = {"roleArn": before["roleArn"], "version": before["version"], **fields}
        assert product.request("PUT", f"/target-accounts/{account_id}", body).status == 200
    applied = CliRunner().invoke(app, ["plan", "apply", str(file), "--yes", "--sandbox"])
    assert applied.exit_code == 0, applied.output
    assert ("PUT", f"/target-accounts/{HUB}") not in api_server.writes
    assert CliRunner().invoke(app, ["plan", "diff", str(file), "--sandbox"]).output.endswith("Nothing to change.\n")


@pytest.mark.usefixtures("in_sandbox")
def test_the_sandbox_refuses_a_file_of_accounts_that_it_does_not_have_before_anything_is_changed(
    api_server: ApiHttpServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRS_WAVES_EXTERNAL_ID", "an-invented-external-id")
    role = f"arn:aws:iam::{NEW_ACCOUNT}:role/drs-waves-target"
    data = yaml.safe_load(FILE.replace(HUB, NEW_ACCOUNT))
    for accounts in ([{"accountId": NEW_ACCOUNT, "roleArn": role, "regions": [WEST]}], []):
        file.write_text(json.dumps({**data, "targetAccounts": accounts}, indent=1))
        refused = CliRunner().invoke(app, ["plan", "apply", str(file), "--yes", "--sandbox"])
        assert (refused.exit_code, api_server.writes) == (3, []), refused.output
        assert f"this sandbox has no account {NEW_ACCOUNT}" in refused.output
        assert f"make sandbox PLAN={file}" in refused.output
        assert len(refused.output.splitlines()) < 5
        shown = CliRunner().invoke(app, ["plan", "diff", str(file), "--sandbox"])
        assert f"make sandbox PLAN={file}" in shown.output


def test_an_apply_that_an_account_stops_says_what_is_applied_and_how_to_go_on(
    product: Product, api_server: ApiHttpServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"arn:aws:iam::{NEW_ACCOUNT}:role/drs-waves-target"
    data = yaml.safe_load(FILE.replace(HUB, NEW_ACCOUNT))
    file.write_text(
        json.dumps({"targetAccounts": [{"accountId": NEW_ACCOUNT, "roleArn": role, "regions": [WEST]}], **data})
    )
    monkeypatch.setenv("DRS_WAVES_EXTERNAL_ID", "an-invented-external-id")
    denial = {"code": "TargetAccessDenied", "message": "cannot assume the role"}
    api_server.instead["GET", f"/targets/{NEW_ACCOUNT}/{WEST}/source-servers"] = [(403, denial)]
    stopped = run(api_server, "apply", file, "--yes")
    assert stopped.exit_code == 3, stopped.output
    assert f"Applied: target account {NEW_ACCOUNT}.\n" in stopped.output
    assert "Not applied: protection group databases, protection group web, recovery plan shop.\n" in stopped.output
    assert f"cannot use the role of an account that is registered now ({NEW_ACCOUNT})" in stopped.output
    assert "apply the file again" in stopped.output
    product.emulator.seed(NEW_ACCOUNT, WEST, [{"hostname": "srv-001"}, {"hostname": "srv-002"}])
    assert run(api_server, "apply", file, "--yes").exit_code == 0


def test_a_file_that_names_another_environment_variable_sends_nothing(
    product: Product, api_server: ApiHttpServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"arn:aws:iam::{NEW_ACCOUNT}:role/drs-waves-target"
    account = {"accountId": NEW_ACCOUNT, "roleArn": role, "regions": [WEST], "externalIdVariable": "TOKEN_OF_CI"}
    file.write_text(json.dumps({**yaml.safe_load(FILE), "targetAccounts": [account]}, indent=1))
    monkeypatch.setenv("TOKEN_OF_CI", "a-token-that-is-worth-stealing")
    for command in (("validate", file), ("diff", file), ("apply", file, "--yes")):
        refused = CliRunner().invoke(app, ["plan", *map(str, command)])
        if command[0] != "validate":
            refused = run(api_server, *command)
        assert refused.exit_code == 2
        assert "targetAccounts[0].externalIdVariable: must be DRS_WAVES_EXTERNAL_ID or begin with" in refused.output
        assert "worth-stealing" not in refused.output
    assert api_server.seen == []


@pytest.mark.parametrize(
    ("seeds", "says"),
    [([1], "no source server"), ([2, 1], "2 source servers")],
)
def test_a_host_name_without_exactly_one_server_is_reported_with_its_line(
    product: Product, api_server: ApiHttpServer, file: Path, seeds: list[int], says: str
) -> None:
    for number, count in enumerate(seeds):
        more = {"sourceServerID": f"s-{number:017}"} if count == 1 and number else {}
        product.seed(count, **more)
    result = run(api_server, "apply", file, "--yes")
    assert result.exit_code == 2, result.output
    assert f"{file}:6: protectionGroups[0].sourceServers[" in result.output
    assert says in result.output
    assert api_server.writes == []


def test_a_name_that_two_groups_have_is_reported_and_nothing_is_changed(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(2)
    product.group(tags={"a": "b"}, name="web")
    product.group(tags={"a": "c"}, name="web")
    result = run(api_server, "apply", file, "--yes")
    assert (result.exit_code, api_server.writes) == (2, [])
    assert "several resources named 'web'" in result.output


def test_a_document_that_only_the_api_misses_is_reported_with_the_line_of_its_step(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(2)
    step = "      before: [{name: freeze, ssmAutomation: {document: Shop-Frezze}}]"
    file.write_text(FILE.replace("      groups: [databases]", f"      groups: [databases]\n{step}"))
    line = file.read_text().splitlines().index(step) + 1
    shown = run(api_server, "diff", file)
    assert shown.exit_code == 0
    assert "only apply looks in the targets" in shown.output
    refused = run(api_server, "apply", file, "--yes")
    assert refused.exit_code == 2
    assert f"{file}:{line}: recoveryPlan.waves[0].before[0]: needs the automation document Shop-Frezze" in (
        refused.output.replace("\n", "")
    )
    assert "Correct the file and apply it again" in refused.output
    assert "send the request again" not in refused.output
    assert product.request("GET", "/recovery-plans").body["recoveryPlans"] == []


def test_a_refusal_of_the_api_ends_with_3_and_a_failure_with_1(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(2)
    api_server.refuse["GET", "/recovery-plans"] = 403
    refused = run(api_server, "diff", file)
    assert (refused.exit_code, "played by the test" in refused.output) == (3, True)
    api_server.refuse["GET", "/recovery-plans"] = 500
    assert run(api_server, "diff", file).exit_code == 1
    elsewhere = CliRunner().invoke(
        app, ["plan", "diff", str(file), "--api-url", "http://127.0.0.1:9", "--region", WEST]
    )
    assert (elsewhere.exit_code, "does not answer" in elsewhere.output) == (1, True)
    both = CliRunner().invoke(app, ["plan", "diff", str(file), "--sandbox", "--stack", "x"])
    assert both.exit_code == 2


def test_a_read_with_a_transient_error_is_repeated_and_a_write_is_not(
    product: Product, api_server: ApiHttpServer
) -> None:
    api = ApiClient.on_aws(url=api_server.url, region=WEST)
    api_server.refuse["GET", "/executions"] = api_server.refuse["POST", "/recovery-plans"] = 503
    assert api.request("GET", "/executions").status == 503
    assert api.request("POST", "/recovery-plans", {}).status == 503
    assert [method for method, _ in api_server.seen] == ["GET", "GET", "GET", "POST"]


def test_the_sandbox_is_found_by_its_file(
    api_server: ApiHttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sandbox.json"
    monkeypatch.setattr(checkout, "SANDBOX_FILE", path)
    with pytest.raises(ApiUnreachable, match="make sandbox"):
        ApiClient.in_sandbox()
    path.write_text("{}")
    with pytest.raises(ApiUnreachable, match="delete it"):
        ApiClient.in_sandbox()
    path.write_text(
        json.dumps({"apiUrl": api_server.url, "region": WEST, "account": HUB, "secret": "test", "sessionToken": "any"})
    )
    status, body = ApiClient.in_sandbox().request("GET", "/protection-groups", limit="1")
    assert (status, body["protectionGroups"]) == (200, [])


# --- names, order and shared groups ------------------------------------------------------------------------------
def write_plan(
    path: Path, plan: str, servers: list[str], used: list[str], group: str = "databases", **more: str
) -> Path:
    place = {"accountId": HUB, "region": WEST, **more}
    content = {
        "protectionGroups": [{"name": group, **place, "sourceServerIds": servers}],
        "recoveryPlan": {
            "name": plan,
            "waves": [{"name": "db", "groups": [{"group": group, "sourceServerIds": used}]}],
        },
    }
    path.write_text(yaml.safe_dump(content))
    return path


def group_rows(product: Product) -> dict[str, Any]:
    return {row["name"]: row for row in product.request("GET", "/protection-groups").body["protectionGroups"]}


@pytest.mark.parametrize("typed", ["shop ", "shop\u00a0", ">-\n    shop\n", "'shop\n\n'"])
def test_a_plan_is_found_again_however_its_name_is_spaced(
    product: Product, api_server: ApiHttpServer, file: Path, typed: str
) -> None:
    product.seed(3)
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    file.write_text(FILE.replace("name: shop", f"name: {typed}").replace("name: databases", 'name: "databases\u2003"'))
    again = run(api_server, "apply", file)
    assert "Nothing to change" in again.output, again.output


def test_a_name_is_composed_once_so_that_both_forms_are_one_plan(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(3)
    for form in ("caf\u00e9", "cafe\u0301"):
        file.write_text(FILE.replace("name: shop", f"name: {form}"))
        assert run(api_server, "apply", file, "--yes").exit_code == 0
    (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    assert plan["name"] == "caf\u00e9"


def test_a_name_that_looks_like_another_of_the_api_is_refused(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(3)
    file.write_text(FILE.replace("name: shop", "name: coco"))
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    file.write_text(FILE.replace("name: shop", "name: \u0441\u043e\u0441\u043e"))
    refused = run(api_server, "apply", file, "--yes")
    assert refused.exit_code == 2
    assert "a name that looks like" in refused.output
    assert len(product.request("GET", "/recovery-plans").body["recoveryPlans"]) == 1


def test_a_server_leaves_a_group_and_the_wave_that_names_it_by_one_file(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    one, two, three = product.seed(3)
    file = tmp_path / "order.yaml"
    for servers in ([one, two], [one], [one, three], [three], [one, two, three]):
        applied = run(api_server, "apply", write_plan(file, "ord", servers, servers), "--yes")
        assert applied.exit_code == 0, applied.output
        assert sorted(group_rows(product)["databases"]["sourceServerIds"]) == sorted(servers)
        (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
        assert sorted(plan["waves"][0]["groups"][0]["sourceServerIds"]) == sorted(servers)
        assert "Nothing to change" in run(api_server, "apply", file).output


@pytest.mark.parametrize("writes", [1, 2])
def test_an_apply_that_was_cut_off_while_a_server_leaves_is_completed_by_the_next(
    product: Product, api_server: ApiHttpServer, tmp_path: Path, writes: int
) -> None:
    one, two = product.seed(2)
    file = tmp_path / "order.yaml"
    run(api_server, "apply", write_plan(file, "ord", [one, two], [one, two]), "--yes")
    api_server.seen.clear()
    api_server.writes_allowed = writes
    assert run(api_server, "apply", write_plan(file, "ord", [one], [one]), "--yes").exit_code != 0
    api_server.writes_allowed = None
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    assert group_rows(product)["databases"]["sourceServerIds"] == [one]


def test_a_wave_that_names_a_server_outside_its_group_is_refused_before_anything_is_written(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    one, two = product.seed(2)
    file = tmp_path / "order.yaml"
    run(api_server, "apply", write_plan(file, "ord", [one, two], [one, two]), "--yes")
    api_server.seen.clear()
    refused = run(api_server, "apply", write_plan(file, "ord", [one], [one, two]), "--yes")
    assert (refused.exit_code, api_server.writes) == (2, [])
    assert "not in protection group 'databases'" in refused.output


def test_a_group_that_another_plan_uses_is_changed_only_after_its_name_is_given(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    one, two, three = product.seed(3)
    (far,) = product.seed(1, account=OTHER, region=EUROPE)
    payments = write_plan(tmp_path / "payments.yaml", "payments", [one, two], [one])
    assert run(api_server, "apply", payments, "--yes").exit_code == 0
    crm = tmp_path / "crm.yaml"
    for servers, place in (([one, two, three], {}), ([one, far], {"accountId": OTHER, "region": EUROPE})):
        write_plan(crm, "crm", servers, servers[-1:], **place)
        api_server.seen.clear()
        refused = run(api_server, "apply", crm, "--yes")
        assert (refused.exit_code, api_server.writes) == (3, []), refused.output
        assert "other plans use this group and change with it: payments (rp-" in refused.output
        assert "--change-group databases" in refused.output
    assert group_rows(product)["databases"]["accountId"] == HUB
    agreed = run(api_server, "apply", crm, "--yes", "--change-group", "databases")
    assert agreed.exit_code == 0, agreed.output
    assert group_rows(product)["databases"]["accountId"] == OTHER


def test_the_name_of_a_shared_group_can_be_typed_at_the_prompt(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    one, two = product.seed(2)
    run(api_server, "apply", write_plan(tmp_path / "a.yaml", "payments", [one], [one]), "--yes")
    other = write_plan(tmp_path / "b.yaml", "crm", [one, two], [two])
    assert run(api_server, "apply", other, answer="yes\n").exit_code == 3
    assert run(api_server, "apply", other, answer="databases\ny\n").exit_code == 0
    assert sorted(group_rows(product)["databases"]["sourceServerIds"]) == sorted([one, two])


def test_servers_that_another_plan_names_are_not_taken_out_of_a_group(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    one, two = product.seed(2)
    run(api_server, "apply", write_plan(tmp_path / "a.yaml", "payments", [one, two], [two]), "--yes")
    api_server.seen.clear()
    other = write_plan(tmp_path / "b.yaml", "crm", [one], [one])
    refused = run(api_server, "apply", other, "--yes", "--change-group", "databases")
    assert (refused.exit_code, api_server.writes) == (2, [])
    assert "other plans name servers that this group would lose: payments (rp-" in refused.output


def test_the_api_moves_a_group_that_plans_use_only_with_a_word_of_its_own(product: Product) -> None:
    (one,) = product.seed(1)
    group = product.group([one])
    product.plan({"name": "web", "groups": [group]})
    row = product.request("GET", f"/protection-groups/{group}").body
    body = {"name": row["name"], "accountId": OTHER, "region": EUROPE, "sourceServerIds": [one], "version": 1}
    refused = product.request("PUT", f"/protection-groups/{group}", body)
    assert (refused.status, refused.body["code"]) == (409, "GroupInUse")
    assert refused.body["recoveryPlans"]
    moved = product.request("PUT", f"/protection-groups/{group}", {**body, "changeTarget": True})
    assert (moved.status, moved.body["accountId"]) == (200, OTHER)


def test_init_offers_the_tags_of_the_servers_and_makes_a_wave_of_each_value(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    for tier, count in (("web", 3), ("database", 2), ("batch", 1)):
        product.seed(count, prefix=tier, tags={"Name": tier, "Tier": tier, "env": "prod"})
    product.seed(1, prefix="lone", tags={"env": "prod"})
    file = tmp_path / "shop.yaml"
    written = run(api_server, "init", file, "--name", "shop", "--account", HUB, answer="\ndatabase,web\n")
    assert written.exit_code == 0, written.output
    assert "Tags of the 7 servers" in written.output
    assert "Tier: web (3), database (2), batch (1)" in written.output
    assert "[batch,database,web]" in written.output
    assert "2 servers of the target are in none of them" in written.output
    assert "2 servers now" in file.read_text()
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    assert [wave["name"] for wave in plan["waves"]] == ["database", "web"]
    record = product.drill(plan["planId"])
    assert record["servers"]["launched"] == 5


def test_a_plan_that_has_been_checked_is_as_its_file_says(
    product: Product, api_server: ApiHttpServer, file: Path
) -> None:
    product.seed(3)
    assert run(api_server, "apply", file, "--yes").exit_code == 0
    (plan,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    product.finish(product.start(plan["planId"], "readiness"))
    assert "lastReadiness" in product.request("GET", f"/recovery-plans/{plan['planId']}").body
    compared = run(api_server, "diff", file)
    assert "recovery plan shop  unchanged" in compared.output
    assert "lastReadiness" not in compared.output
