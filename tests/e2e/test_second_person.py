"""A second person in the sandbox: DRS_WAVES_PERSON."""

from pathlib import Path

import pytest

from cli import checkout
from cli.api_client import ApiClient, ApiUnreachable
from sandbox.stack import Sandbox

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def published(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(checkout, "SANDBOX_FILE", tmp_path / "sandbox.json")
    monkeypatch.setattr(checkout, "SANDBOX_VARIABLES", tmp_path / "sandbox.env")
    with checkout.published_sandbox(sandbox.addresses()):
        yield


def author_of_a_group(name: str) -> str:
    body = {"name": name, "accountId": "111122223333", "region": "us-west-2", "tags": {"tier": name}}
    group = ApiClient.in_sandbox().request("POST", "/protection-groups", body)
    assert group.status == 201, group.body
    return str(group.body["updatedBy"])


def test_each_name_is_a_person_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    authors = [author_of_a_group("by-root")]
    for name in ("maria", "ben", "maria"):
        monkeypatch.setenv("DRS_WAVES_PERSON", name)
        authors.append(author_of_a_group(f"by-{name}-{len(authors)}"))
    assert "root" in authors[0]
    assert ["on-duty-maria" in each for each in authors] == [False, True, False, True]
    assert "on-duty-ben" in authors[2]


def test_what_is_no_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRS_WAVES_PERSON", "maria/x")
    with pytest.raises(ApiUnreachable, match="DRS_WAVES_PERSON: 'maria/x' is no name for a person"):
        ApiClient.in_sandbox()
