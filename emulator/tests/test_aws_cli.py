"""The AWS CLI as a client."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

AWS = Path(sys.executable).with_name("aws")


@pytest.mark.skipif(not AWS.exists(), reason="the AWS CLI is not installed")
def test_the_aws_cli_drills_a_server(emulator: EmulatorClient, tmp_path: Path) -> None:
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": emulator.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }

    def aws(*words: str) -> Any:
        command = [str(AWS), "drs", *words, "--endpoint-url", emulator.url, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
        return json.loads(done.stdout)

    server = emulator.seed()[0]
    job = aws("start-recovery", "--is-drill", "--source-servers", f"sourceServerID={server}")["job"]
    emulator.advance(DRILL)
    ended = aws("describe-jobs", "--filters", f"jobIDs={job['jobID']}")["items"][0]
    assert (ended["status"], ended["participatingServers"][0]["launchStatus"]) == ("COMPLETED", "LAUNCHED")
