"""Files that hand a secret to its clients."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from cli import checkout
from loopback.private_files import write_environment, write_private


@pytest.mark.parametrize("before", [None, 0o644], ids=["a new file", "a file that all can read"])
def test_only_the_owner_can_read_the_file(tmp_path: Path, before: int | None) -> None:
    path = tmp_path / "folder" / "secret.env"
    if before is not None:
        path.parent.mkdir()
        path.write_text("old")
        path.chmod(before)
    mask = os.umask(0)
    try:
        write_private(path, "new")
    finally:
        os.umask(mask)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret.env"]


def test_a_shell_reads_the_values_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "any.env"
    write_environment(path, {"ONE": "it's $HOME `id`", "TWO": ""})
    shown = subprocess.run(
        ["bash", "-euc", f'. {path}; printf %s "$ONE|$TWO"'], capture_output=True, text=True, check=True
    ).stdout
    assert shown == "it's $HOME `id`|"


def test_a_running_sandbox_is_found_by_this_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses, variables = tmp_path / "sandbox.json", tmp_path / "sandbox.env"
    monkeypatch.setattr(checkout, "SANDBOX_FILE", addresses)
    monkeypatch.setattr(checkout, "SANDBOX_VARIABLES", variables)
    sandbox = {
        "account": "1" * 12,
        "secret": "test",
        "sessionToken": "made-up",
        "region": "us-west-2",
        "engineUrl": "http://127.0.0.1:4576",
        "drsUrl": "http://127.0.0.1:4577",
        "pid": os.getpid(),
    }
    with checkout.published_sandbox(sandbox):
        assert {stat.S_IMODE(path.stat().st_mode) for path in (addresses, variables)} == {0o600}
        assert checkout.read_sandbox() == sandbox
        assert "export AWS_SESSION_TOKEN=made-up\n" in variables.read_text()
        assert "export AWS_ENDPOINT_URL=http://127.0.0.1:4576\n" in variables.read_text()
        for service in ("DRS", "SSM", "EC2", "ELASTIC_LOAD_BALANCING_V2", "IAM", "SERVICE_QUOTAS"):
            assert f"export AWS_ENDPOINT_URL_{service}=http://127.0.0.1:4577\n" in variables.read_text()
    assert list(tmp_path.iterdir()) == []
