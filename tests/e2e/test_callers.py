"""Who can call the deployed sandbox: programs that have its secret from a file of this user."""

import os
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import checkout
from sandbox import networks, seeding
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox
from tests.support.deployed import Operator
from tests.support.shell_blocks import ROOT, blocks

pytestmark = pytest.mark.e2e


@pytest.fixture
def published(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file for shells, as the command writes it."""
    monkeypatch.setattr(checkout, "SANDBOX_FILE", tmp_path / "sandbox.json")
    monkeypatch.setattr(checkout, "SANDBOX_VARIABLES", tmp_path / "sandbox.env")
    with checkout.published_sandbox(sandbox.addresses()):
        yield tmp_path / "sandbox.env"


def shell(script: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**clean, "PATH": path, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_the_documented_commands_work_with_the_file_and_not_without(
    operator: Operator, sandbox: Sandbox, published: Path
) -> None:
    operator.seed("for-a-shell", account=HUB_ACCOUNT, region=REGION)  # DRS is initialized, as in a loaded sandbox
    (block,) = [each for each in blocks(ROOT / "docs" / "sandbox.md") if "sandbox.env" in each.text]
    script = block.text.replace("build/sandbox.env", str(published)).replace("curl -s", "curl -sS --fail-with-body")
    done = shell(script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "recover-plan" in done.stdout
    keys = f"AWS_ACCESS_KEY_ID={HUB_ACCOUNT} AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={REGION}"
    keys += f" AWS_ENDPOINT_URL={sandbox.engine_url} AWS_ENDPOINT_URL_DRS={sandbox.drs_url}"  # never those of AWS
    for command in script.splitlines()[1:]:
        refused = shell(f"export {keys} AWS_SESSION_TOKEN=; {command}")
        assert refused.returncode != 0, command
        assert "AWS_SESSION_TOKEN" in refused.stdout + refused.stderr, command


@pytest.fixture
def mended(sandbox: Sandbox) -> Iterator[None]:
    """Remove what a test breaks, for the tests after it."""
    yield
    for kind in ("rules", "faults"):
        sandbox.control_emulator("DELETE", f"/{kind}")


@pytest.mark.usefixtures("mended")
def test_what_the_document_breaks_is_broken_until_its_last_block_mends_it(sandbox: Sandbox, published: Path) -> None:
    row = {"accountId": HUB_ACCOUNT, "region": REGION, "hostname": "broken-{n}", "count": 1, "os": "Ubuntu 24.04"}
    row |= {"cpus": 2, "ramGiB": 8, "disksGiB": [40], "tags": {}}
    seeding.open_shops(sandbox, [row], seeding.seed_source_servers(sandbox, [row]))
    text = (ROOT / "docs" / "sandbox.md").read_text()
    first, last = (
        text[: text.index(f"\n## {title}\n")].count("\n") for title in ("Break something", "Look behind the API")
    )
    *breaking, mending = [each.text for each in blocks(ROOT / "docs" / "sandbox.md") if first < each.line < last]
    before = {each["id"] for each in sandbox.control_emulator("GET", "/faults")["faults"]}
    *breaking, mending_one = breaking
    for script in breaking:
        done = shell(f". {published}\n{script.replace('curl -sS', 'curl -sS --fail-with-body')}")
        assert done.returncode == 0, done.stdout + done.stderr
    rules = sandbox.control_emulator("GET", "/rules")["rules"]
    assert len(rules) == breaking[0].count("\nrule '") == 13
    assert {each["kind"] for each in rules} == {"INSTANCE", "COMMAND", "AUTOMATION"}
    (http,) = [each["id"] for each in rules if each.get("contains") == ":8080/health"]
    done = shell(
        f". {published}\n{mending_one.replace('rule-7', http).replace('curl -sS', 'curl -sS --fail-with-body')}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    left = sandbox.control_emulator("GET", "/rules")["rules"]
    assert [each["id"] for each in left] == [each["id"] for each in rules if each["id"] != http]
    faults = {each["id"] for each in sandbox.control_emulator("GET", "/faults")["faults"]} - before
    assert len(faults) == breaking[1].count("\nfault '") == 4
    done = shell(f". {published}\n{mending.replace('curl -sS', 'curl -sS --fail-with-body')}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no connection to db-orders-01" in done.stdout
    assert sandbox.control_emulator("GET", "/rules")["rules"] == []
    assert sandbox.control_emulator("GET", "/faults")["faults"] == []


def test_what_the_document_changes_of_networks_and_templates_is_changed(sandbox: Sandbox, published: Path) -> None:
    networks.lay_networks(sandbox.control_emulator, HUB_ACCOUNT, REGION)
    Operator(sandbox).seed("has-a-template", account=HUB_ACCOUNT, region=REGION)
    text = (ROOT / "docs" / "sandbox.md").read_text()
    first, last = (
        text[: text.index(f"\n## {title}\n")].count("\n")
        for title in ("Change networks and launch templates", "How far to trust its times")
    )
    of_networks, of_templates = [each.text for each in blocks(ROOT / "docs" / "sandbox.md") if first < each.line < last]
    lines = of_networks.replace("curl -sS", "curl -sS --fail-with-body").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("resource "))
    for number, (kind, resource_id, member) in enumerate(
        [("RouteTable", networks.DRILL_ROUTES, "Routes"), ("Subnet", "subnet-0d11111a", "AvailableIpAddressCount")] * 2
    ):
        before = read_resource(sandbox, kind, resource_id)[member]
        commands = [line for line in lines[at:] if line.startswith(f"resource {kind} ")]
        done = shell("\n".join((f". {published}", *lines[:at], commands[number // 2])))
        assert done.returncode == 0, done.stdout + done.stderr
        assert read_resource(sandbox, kind, resource_id)[member] != before, commands[number // 2]
    (local,) = read_resource(sandbox, "RouteTable", networks.DRILL_ROUTES)["Routes"]
    assert local["GatewayId"] == "local"
    done = shell(f". {published}\n{of_templates}\necho $VERSION $TEMPLATE")
    assert done.returncode == 0, done.stdout + done.stderr
    version, template = done.stdout.split()[-2:]
    assert int(version) > 1
    left = sandbox.client("ec2").describe_launch_templates()["LaunchTemplates"]
    assert template not in {each["LaunchTemplateId"] for each in left}
    networks.lay_networks(sandbox.control_emulator, HUB_ACCOUNT, REGION)


def read_resource(sandbox: Sandbox, kind: str, resource_id: str) -> dict[str, Any]:
    """A resource of a network of the hub account in its Region."""
    listed = sandbox.control_emulator("GET", "/ec2-resources")["resources"]
    (found,) = [
        each["resource"]
        for each in listed
        if (each["kind"], each["id"], each["region"], each["accountId"]) == (kind, resource_id, REGION, HUB_ACCOUNT)
    ]
    return dict(found)


def test_a_stranger_is_refused_at_every_listener(sandbox: Sandbox) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for url in (f"{sandbox.engine_url}/_ministack/health", sandbox.api_url, f"{sandbox.drs_url}/_emulator/health"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            direct.open(url, timeout=20)
        assert refused.value.code == 403


def test_no_command_line_log_or_public_file_has_the_secret(sandbox: Sandbox) -> None:
    listed = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert "drs_emulator" in listed
    assert sandbox.secret not in listed
    assert stat.S_IMODE(sandbox.folder.stat().st_mode) == 0o700
    for path in sandbox.folder.rglob("*"):
        if path.is_file() and sandbox.secret.encode() in path.read_bytes():
            assert (path.name, stat.S_IMODE(path.stat().st_mode)) == ("drs.env", 0o600)
