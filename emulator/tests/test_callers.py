"""Who the emulator answers: callers with its secret, and no web page."""

import http.client
import json
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from drs_emulator import Emulator
from emulator_support.client import ACCOUNT, REGION, EmulatorClient
from emulator_support.process import COMMAND, started
from loopback.guard import SECRET_HEADER, issue_token

FAULT = {"kind": "REGION_DOWN", "region": REGION}


def send(emulator: EmulatorClient, method: str, path: str, body: Any, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=10)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, json.dumps(body), names)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("access-control-")]
    connection.close()
    return answer.status, text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SECRET_HEADER: "guessed"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "attacker.example"},
        {"Host": "attacker.example:4567"},
    ],
)
def test_a_stranger_sets_no_fault(emulator: EmulatorClient, headers: dict[str, str]) -> None:
    sent = {SECRET_HEADER: emulator.secret, **headers} if headers else {}
    status, text = send(emulator, "POST", "/_emulator/faults", FAULT, **sent)
    assert (status, "message" in json.loads(text)) == (403, True)
    assert emulator.control("GET", "faults") == (200, {"faults": []})


def test_the_preflight_of_a_browser_is_refused(emulator: EmulatorClient) -> None:
    asked = {"Origin": "https://attacker.example", "Access_Control_Request_Method": "PUT"}
    assert send(emulator, "OPTIONS", "/_emulator/settings", None, **asked)[0] == 403
    assert send(emulator, "OPTIONS", "/DescribeJobs", None, **{SECRET_HEADER: emulator.secret})[0] == 403


def drs(emulator: EmulatorClient, key: str, token: str | None) -> Any:
    return boto3.client(
        "drs",
        endpoint_url=emulator.url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key="any",
        aws_session_token=token,
    )


@pytest.mark.parametrize("key", [ACCOUNT, "ASIAQNZGKIQY56JQ7WML"], ids=["an account", "a key that contains an account"])
@pytest.mark.parametrize("token", [None, "guessed"])
def test_drs_answers_no_caller_without_the_secret(emulator: EmulatorClient, key: str, token: str | None) -> None:
    with pytest.raises(ClientError, match="not the secret of this emulator"):
        drs(emulator, key, token).describe_jobs()
    assert drs(emulator, key, emulator.secret).initialize_service()["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_the_tokens_of_a_guarded_engine_are_as_good_as_the_secret() -> None:
    with Emulator(speed=0, engine_token="made-up", account_of=lambda _: ACCOUNT) as running:
        emulator = EmulatorClient(running)
        emulator.seed()
        session = "ASIA0000000000000000"
        assert drs(emulator, session, issue_token("made-up")).describe_source_servers()["items"]
        for token in (None, "guessed", issue_token("of another engine")):
            with pytest.raises(ClientError, match="not the secret of this emulator"):
                drs(emulator, session, token).describe_source_servers()


def test_the_secret_is_in_a_file_of_this_user_and_nowhere_else() -> None:
    with started() as process:
        assert stat.S_IMODE(process.env_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(process.env_file.parent.stat().st_mode) == 0o700
        assert len(process.secret) == 40
        assert process.secret not in " ".join(map(str, process.args))  # type: ignore[arg-type]
        file, secret = process.env_file, process.secret
        process.terminate()
        assert process.wait(timeout=10) == 0
        assert process.stdout
        assert secret not in process.stdout.read()
        assert not file.exists()


def test_a_file_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [*COMMAND, "--port", "0", "--env-file", str(tmp_path / "file" / "any.env")]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert refused.returncode == 2
    assert refused.stderr.startswith("drs-emulator: cannot write ")
    assert refused.stderr.count("\n") == 1


def test_another_start_has_another_secret() -> None:
    with started() as first, started() as second:
        assert first.secret != second.secret
