"""What the engine notes of the functions that it runs, if it is asked to measure."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import FUNCTIONS, METER, TIMES_HEADER
from tests.support.ministack import run_ministack
from tests.support.processes import free_ports


def test_the_engine_notes_the_peak_memory_of_each_function_and_sends_the_times_of_each_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METER, str(tmp_path / "dynamodb.json"))
    with run_ministack(tmp_path, *free_ports(1), without="") as engine:
        times = []
        for _ in range(2):
            reply = engine.client("lambda").invoke(FunctionName=engine.outputs["Toy"], Payload=b'{"import": "decimal"}')
            times.append(json.loads(reply["ResponseMetadata"]["HTTPHeaders"][TIMES_HEADER]))
            assert {"pid", "ahead"} <= json.loads(reply["Payload"].read()).keys()
        noted = _await_note(tmp_path / FUNCTIONS, engine.outputs["Toy"])
    for each in times:
        assert each["cpu"] > 0
        assert 0 < each["function"] < each["total"]
    assert times[1]["start"] == 0, "the first call has left its environment behind"
    # The fork of a Python that has imported boto3 and its clients.
    assert 30 < noted["peakMegabytes"] < 1_000
    assert noted["invocations"] == 2


def _await_note(path: Path, function: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        noted: dict[str, Any] = json.loads(path.read_text()).get(function, {}) if path.exists() else {}
        if noted.get("invocations") == 2:
            return noted
        time.sleep(0.1)
    raise AssertionError(path.read_text())
