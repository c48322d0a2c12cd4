"""Launch results on an event bus. No job depends on them."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from drs_emulator import Emulator
from drs_emulator.engine.access_keys import CREDENTIAL  # the form of a SigV4 header
from drs_emulator.engine.event_bus import EngineEventBus
from emulator_support.client import ACCOUNT, DRILL, REGION, wait_until


class EventBridge(ThreadingHTTPServer):
    """Records the events, or rejects them if `refuses` is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.refuses = False
        self.calls: list[tuple[str, list[dict[str, Any]]]] = []


class Answer(BaseHTTPRequestHandler):
    server: EventBridge

    def do_POST(self) -> None:
        entries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Entries"]
        self.server.calls.append((self.headers["Authorization"], entries))
        result = {"ErrorCode": "NotAuthorizedForSourceException"} if self.server.refuses else {"EventId": "1"}
        body = json.dumps({"FailedEntryCount": 0, "Entries": [result] * len(entries)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, template: str, *args: object) -> None:
        pass


@pytest.fixture
def bridge() -> Iterator[EventBridge]:
    server = EventBridge()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def drill(bridge: EventBridge, servers: list[dict[str, str]]) -> tuple[str, list[str]]:
    """Run a drill that publishes to the bridge, and return its job and servers."""
    with Emulator(speed=0) as emulator:
        emulator.world.event_bus = EngineEventBus(f"http://127.0.0.1:{bridge.server_port}")
        ids = emulator.seed(ACCOUNT, REGION, servers)  # type: ignore[arg-type]
        drs = emulator.client(ACCOUNT, REGION)
        asked: Any = [{"sourceServerID": one} for one in ids]
        job_id = drs.start_recovery(sourceServers=asked, isDrill=True)["job"]["jobID"]
        emulator.control.advance(DRILL)
        assert drs.describe_jobs()["items"][0]["status"] == "COMPLETED"
        wait_until(lambda: sum(len(entries) for _, entries in bridge.calls) == len(ids))
    return job_id, ids


def test_each_server_of_a_job_has_its_launch_result(bridge: EventBridge) -> None:
    job_id, (good, bad) = drill(bridge, [{"hostname": "good"}, {"hostname": "bad", "failsAt": "CONVERSION"}])
    entries = {entry["Resources"][0]: entry for _, entries in bridge.calls for entry in entries}
    for server, state in ((good, "RECOVERY_LAUNCH_SUCCEEDED"), (bad, "RECOVERY_LAUNCH_FAILED")):
        entry = entries[f"arn:aws:drs:{REGION}:{ACCOUNT}:source-server/{server}"]
        assert (entry["Source"], entry["DetailType"]) == ("aws.drs", "DRS Source Server Launch Result")
        assert json.loads(entry["Detail"]) == {"state": state, "job-id": job_id, "is-drill": "TRUE"}
    authorization = bridge.calls[0][0].replace("/events/", "/drs/")
    assert (match := CREDENTIAL.search(authorization))
    assert match.groups() == (ACCOUNT, REGION)


def test_no_call_has_more_than_ten_events(bridge: EventBridge) -> None:
    drill(bridge, [{"hostname": f"host-{number}"} for number in range(25)])
    assert max(len(entries) for _, entries in bridge.calls) <= 10


def test_a_bus_that_rejects_events_is_logged_once_and_the_job_ends(
    bridge: EventBridge, caplog: pytest.LogCaptureFixture
) -> None:
    bridge.refuses = True
    drill(bridge, [{"hostname": f"host-{number}"} for number in range(25)])
    assert caplog.text.count("NotAuthorizedForSourceException") == 1
