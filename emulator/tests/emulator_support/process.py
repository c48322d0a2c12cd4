"""Starts the emulator as a process."""

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loopback.guard import SECRET_HEADER

COMMAND = [sys.executable, "-m", "drs_emulator"]


class Started(subprocess.Popen[str]):
    """A running emulator, with its address and the file that it wrote for its clients."""

    url: str
    env_file: Path

    @property
    def secret(self) -> str:
        found = re.search(r"^export AWS_SESSION_TOKEN=(\w+)$", self.env_file.read_text(), re.MULTILINE)
        assert found
        return found[1]

    def control(self, method: str, path: str) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_emulator/{path}", None, {SECRET_HEADER: self.secret}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def started(*options: str) -> Iterator[Started]:
    """Start the command with the file for clients below a home folder of its own, where it is by default."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home}
        process = Started([*COMMAND, "--port", "0", *options], stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert process.stdout
            process.url = process.stdout.readline().split()[3].rstrip(",")
            process.env_file = Path(process.stdout.readline().split()[1])
            yield process
        finally:
            process.kill()
            process.communicate()
