"""The commands about runs against the product, through HTTP: what they start, show and ask, and their exit status."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import run_client
from cli.api_client import ApiClient
from cli.commands import runs
from cli.main import app
from cli.views.capacity import CapacityPoller, describe_capacity
from report.collect import collect_facts
from report.waits import find_waits
from tests.support.api_http_server import CUT, ApiHttpServer
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import wait_until, wait_until_asked_for

FAST = ("--interval", "0.2")
COMMAND = [str(Path(sys.executable).with_name("drs-waves"))]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the environment variables of the developer."""
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)


def run(api_server: ApiHttpServer, *words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST], input=answer)


def lines(result: Result) -> list[dict[str, Any]]:
    """Standard output as JSON lines. The product's functions run in this process and log to it too, in JSON."""
    return [line for line in map(json.loads, result.stdout.splitlines()) if "type" in line]


def shell(api_server: ApiHttpServer, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a shell runs it."""
    command_line = [*COMMAND, *words, "--api-url", api_server.url, "--region", WEST]
    return subprocess.run(command_line, capture_output=True, text=True, env=environment(), timeout=60)


def client(api_server: ApiHttpServer) -> ApiClient:
    return ApiClient.on_aws(url=api_server.url, region=WEST)


def posts(api_server: ApiHttpServer) -> list[str]:
    return [path for method, path in api_server.seen if method == "POST"]


# --- to the end -----------------------------------------------------------------------------------------------------
def test_a_drill_is_started_by_name_followed_and_reported(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    plan = product.plan(make_wave(product, "db", 2), make_wave(product, "web"), name="shop", rtoTargetMinutes=600)
    result = run(api_server, "run", "shop", *FAST, "--report", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "COMPLETED  all 2 waves were completed" in result.stdout
    assert "3 of 3 launched" in result.stdout
    assert "of 10:00:00 RTO" in result.stdout
    assert posts(api_server) == [f"/recovery-plans/{plan}/drills"]
    told = json.loads((tmp_path / "report.json").read_text())
    assert (told["verdict"]["status"], told["rto"]["whole"]["met"], len(told["sourceServers"])) == (
        "COMPLETED",
        True,
        3,
    )
    assert set(told["versions"]) == {"command", "deployment"}
    assert told["executionId"] in (tmp_path / "report.html").read_text()
    assert [job["launched"] for job in told["jobs"]] == [2, 1]


def test_waves_carry_their_own_rto_target_into_the_record(product: Product, api_server: ApiHttpServer) -> None:
    plan = product.plan(make_wave(product, "db", rtoTargetMinutes=1), make_wave(product, "web"), rpoTargetMinutes=15)
    record = product.drill(plan)
    assert [wave["rtoTargetMinutes"] for wave in record["waves"]] == [1, None]
    assert (record["rpoTargetMinutes"], record["rtoTargetMinutes"]) == (15, None)


def test_json_output_is_json_lines_that_end_with_the_result(product: Product, api_server: ApiHttpServer) -> None:
    plan = product.plan(make_wave(product))
    result = shell(api_server, "run", plan, "--json", *FAST)
    assert (result.returncode, result.stderr) == (0, ""), result
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["type"] for line in told[:-1]} == {"progress"}
    assert told[-1] | {"execution": None} == {"type": "result", "exitStatus": 0, "execution": None}
    assert told[-1]["execution"]["status"] == "COMPLETED"


def test_a_server_with_older_data_is_shown_beside_those_that_failed(
    product: Product, api_server: ApiHttpServer
) -> None:
    servers = product.seed(1, prefix="bad", failsAt="LAUNCH") + product.seed(1, prefix="old")
    product.fault("PREVIOUS_SNAPSHOT", sourceServerId=servers[1])
    result = run(api_server, "run", product.plan({"name": "web", "groups": [product.group(servers)]}), *FAST)
    summary = result.stdout.split("\nFAILED  ")[1]
    assert re.search(r"^  FAILED    bad-001 \(web\): drsjob-", summary, re.M), result.stdout
    assert re.search(r"^  WARN  1 server \(old-001\): DRS could not take a snapshot", summary, re.M), result.stdout
    assert result.stdout.count("DRS could not take a snapshot") == 1


def test_servers_with_one_reason_share_a_line(product: Product, api_server: ApiHttpServer) -> None:
    servers = product.seed(7, prefix="gone", replicationState="STOPPED")
    result = run(api_server, "run", product.plan({"name": "web", "groups": [product.group(servers)]}), *FAST)
    assert result.exit_code == 3, result.output
    (line,) = re.findall(r"^  EXCLUDED  (.*)$", result.stdout, re.M)
    assert re.match(r"gone-\d+(, gone-\d+){4} and 2 more \(web\): ", line), line


def test_a_failed_run_ends_with_1_and_shows_how_to_continue(product: Product, api_server: ApiHttpServer) -> None:
    plan = product.plan(make_failing_wave(product, "web"), make_wave(product, "next"))
    result = run(api_server, "run", plan, *FAST)
    assert result.exit_code == 1, result.output
    (execution_id,) = re.findall(r"^  the rest  drs-waves continue (\S+) --api-url", result.stdout, re.M)
    assert "FAILED" in result.stdout
    assert run(api_server, "status", execution_id).exit_code == 1
    listed = run(api_server, "status", execution_id, "--servers", "--wave", "web")
    assert re.search(r"^s-\S+ +bad-001 +web +FAILED +drsjob-", listed.stdout, re.M), listed.stdout
    assert "next" not in listed.stdout.split("server ")[1]
    advice = "CAPACITY: EC2 has too little capacity"
    assert advice in result.stdout
    assert advice in listed.stdout
    told = json.loads(shell(api_server, "status", execution_id, "--servers", "--json").stdout)
    assert len(told["sourceServers"]) == told["servers"]["total"]
    assert run(api_server, "status", execution_id, "--servers", "--wave", "nowhere").exit_code == 3
    again = run(api_server, "continue", execution_id, *FAST)
    assert again.exit_code == 1, again.output  # what cannot be launched still cannot
    (next_id,) = set(re.findall(r"drs-waves continue (\S+)", again.stdout))
    assert product.request("GET", f"/executions/{next_id}").body["continues"] == execution_id
    chain = f"chain: {execution_id} \\w+, {next_id} \\w+; 1 of 3 servers launched, [\\d:]+ since the first request"
    assert re.search(chain, run(api_server, "status", execution_id).stdout)


def test_readiness_ends_with_0_or_3_and_shows_what_prevents_a_run(product: Product, api_server: ApiHttpServer) -> None:
    good = product.plan(make_wave(product), name="good")
    assert run(api_server, "readiness", good, *FAST).exit_code == 0
    group = product.group(product.seed(1, prefix="new", replicationState="INITIAL_SYNC"))
    product.plan({"name": "web", "groups": [group]}, name="bad")
    for words in (("readiness", "bad"), ("run", "bad")):
        result = run(api_server, *words, *FAST)
        assert result.exit_code == 3, result.output
        assert "NOT_READY" in result.stdout
        assert re.search(r"new-001 \(web\): .*INITIAL_SYNC", result.stdout), result.stdout
    assert "StartRecovery" not in product.calls()


def test_with_no_wait_a_run_is_only_started(product: Product, api_server: ApiHttpServer) -> None:
    plan = product.plan(make_wave(product, approval={"required": True}))
    result = shell(api_server, "run", plan, "--no-wait", "--json")
    assert result.returncode == 0, result
    execution_id = json.loads(result.stdout)["executionId"]
    # The product's functions run in this process, and fail if they write to the output of a command that has ended.
    # So a command runs in this process only while the run waits.
    wait_until_asked_for(product, execution_id, "APPROVAL")
    busy = run(api_server, "run", plan, "--no-wait")
    assert busy.exit_code == 3
    assert f"drs-waves watch {execution_id} --api-url" in busy.stderr
    on = shell(api_server, "status", execution_id, "--json")
    assert (on.returncode, json.loads(on.stdout)["executionId"]) == (0, execution_id)
    product.request("POST", f"/executions/{execution_id}/waves/web/approve")
    watched = shell(api_server, "watch", execution_id, *FAST)
    assert (watched.returncode, "COMPLETED" in watched.stdout) == (0, True), watched
    listed = json.loads(run(api_server, "list", "--plan", plan, "--json").stdout)["executions"]
    assert [each["executionId"] for each in listed] == [execution_id]
    assert execution_id in run(api_server, "list", "--status", "completed").stdout
    assert "There are no runs" in run(api_server, "list", "--status", "failed").stdout
    got = json.loads(run(api_server, "get", "/executions?status=COMPLETED&limit=1").stdout)
    assert [each["executionId"] for each in got["executions"]] == [execution_id]
    nothing = run(api_server, "get", "/executions/drill-none")
    assert (nothing.exit_code, "ExecutionNotFound" in nothing.output) == (3, True), nothing.output


# --- what is refused ------------------------------------------------------------------------------------------------
def test_a_plan_name_that_is_unknown_or_ambiguous_is_refused_with_a_list_of_plans(
    product: Product, api_server: ApiHttpServer
) -> None:
    ids = [product.plan(make_wave(product, f"w{number}"), name="shop") for number in range(2)]
    twice = run(api_server, "run", "shop")
    assert twice.exit_code == 3
    assert all(plan_id in twice.stderr for plan_id in ids)
    nobody = run(api_server, "run", "Shop")
    assert (nobody.exit_code, "There is no plan 'Shop'" in nobody.stderr) == (3, True)
    assert posts(api_server)[2:] == []


@pytest.mark.parametrize(
    "words",
    [
        ("run", "shop", "--no-wait", "--cleanup"),
        ("run", "shop", "--no-wait", "--report", "x"),
        ("run", "shop", "--mode", "recovery", "--cleanup", "--yes"),
        ("run", "shop", "--mode", "readiness"),
        ("run",),
        ("list", "--plan", "x", "--status", "y"),
        ("watch", "../recovery-plans"),
        ("approve", "drill-1", "a/b"),
        ("cancel", "x?y"),
        ("status", "drill-1", "--stack", "x"),
    ],
)
def test_an_invalid_command_ends_with_2_and_sends_nothing(api_server: ApiHttpServer, words: tuple[str, ...]) -> None:
    assert run(api_server, *words).exit_code == 2
    assert api_server.seen == []


@pytest.mark.parametrize(
    "words",
    [
        ("status", "drill-none"),
        ("watch", "drill-none"),
        ("approve", "drill-none", "web"),
        ("cancel", "drill-none"),
        ("continue", "drill-none"),
        ("report", "drill-none", "--to", "x"),
    ],
)
def test_an_unknown_run_ends_with_3(api_server: ApiHttpServer, words: tuple[str, ...]) -> None:
    result = run(api_server, *words)
    assert (result.exit_code, "ExecutionNotFound" in result.stderr) == (3, True), result.output
    # The product's functions run in this process, and may log to the same standard output.
    assert [line for line in result.stdout.splitlines() if not line.startswith('{"level"')] == []


def test_an_api_that_does_not_answer_ends_with_1(api_server: ApiHttpServer) -> None:
    nowhere = CliRunner().invoke(app, ["cancel", "drill-1", "--api-url", "http://127.0.0.1:9", "--region", WEST])
    assert (nowhere.exit_code, "does not answer" in nowhere.stderr) == (1, True)


# --- recoveries -----------------------------------------------------------------------------------------------------
def test_a_recovery_requires_the_plans_name_or_yes(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = product.plan(make_wave(product), name="shop")
    blind = run(api_server, "run", plan, "--mode", "recovery", answer="shop\n")
    assert (blind.exit_code, "--yes" in blind.stderr, api_server.seen) == (2, True, [])
    monkeypatch.setattr(runs, "has_terminal", lambda: True)
    for wrong in ("yes\n", plan + "\n", "\n", None):
        refused = run(api_server, "run", plan, "--mode", "recovery", answer=wrong)
        assert (refused.exit_code, posts(api_server)) == (3, []), refused.output
    started = run(api_server, "run", plan, "--mode", "recovery", *FAST, answer="shop\n")
    assert started.exit_code == 0, started.output
    assert posts(api_server) == [f"/recovery-plans/{plan}/recoveries"]
    monkeypatch.undo()
    assert run(api_server, "run", plan, "--mode", "recovery", "--yes", "--no-wait").exit_code == 0


# --- decisions ------------------------------------------------------------------------------------------------------
def test_every_decision_has_the_command_that_messages_to_operators_name(
    product: Product, api_server: ApiHttpServer
) -> None:
    gate = {"approval": {"required": True}}
    plan = product.plan(
        make_failing_wave(product, "bad", onFailure="ask", dependsOn=[]),
        make_wave(product, "web", dependsOn=[], **gate),
        make_wave(product, "left-out", dependsOn=[], **gate),
        make_wave(product, "held", dependsOn=["web"], pauseBefore=True),
    )
    run_id = product.start(plan)
    wait_until(product, run_id, lambda record: len(record["waitingFor"]) >= 3)
    shown = run(api_server, "status", run_id)
    assert "wave web waits for approval" in shown.stdout
    assert f"drs-waves retry {run_id} bad --api-url" in shown.stdout
    approved = run(api_server, "approve", run_id, "web", "--comment", "checked <b>twice</b>")
    assert (approved.exit_code, "approve is recorded" in approved.stdout) == (0, True), approved.output
    twice = run(api_server, "approve", run_id, "web")
    assert (twice.exit_code, "DecisionRefused" in twice.stderr) == (3, True)
    assert run(api_server, "reject", run_id, "left-out").exit_code == 0
    assert run(api_server, "accept", run_id, "bad", "--json").exit_code == 0
    wait_until_asked_for(product, run_id, "RESUME")
    assert run(api_server, "pause", run_id).exit_code == 0
    assert run(api_server, "resume", run_id).exit_code == 0
    record = product.finish(run_id)
    said = [(each["decision"], each["wave"]) for each in record["decisions"]]
    assert said[0] == ("approve", "web")
    assert {("reject", "left-out"), ("accept", "bad"), ("pause", None), ("resume", None)} <= set(said)
    assert record["decisions"][0]["comment"] == "checked <b>twice</b>"
    assert run(api_server, "cancel", run_id).exit_code == 3
    assert run(api_server, "watch", run_id).exit_code == 1  # PARTIAL
    document = collect_facts(client(api_server), record)
    assert {(wait.wave, wait.kind) for wait in find_waits(document.record)} >= {
        ("web", "approval"),
        ("bad", "decision"),
    }
    assert {group["groupId"] for group in document.groups} == {
        row["groupId"] for row in product.items("ProtectionGroups")
    }
    assert (document.cleanup or {})["status"] == "NONE"
    assert set(document.versions) == {"deployment"}  # the command adds its own


def test_a_watch_shows_what_the_run_waits_for_and_the_command_that_answers(
    product: Product, api_server: ApiHttpServer
) -> None:
    run_id = product.start(product.plan(make_wave(product, approval={"required": True})))
    wait_until_asked_for(product, run_id, "APPROVAL")
    watching = subprocess.Popen(
        [*COMMAND, "watch", run_id, "--api-url", api_server.url, "--region", WEST, *FAST],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert watching.stdout is not None
    for line in watching.stdout:
        if found := re.search(r"drs-waves (approve .*)", line):
            break
    else:
        pytest.fail("the watch ended without asking")
    answered = subprocess.run(
        [*COMMAND, *found[1].split()], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert answered.returncode == 0, answered.stdout + answered.stderr
    rest = watching.stdout.read()
    assert (watching.wait(60), "approve web by" in rest) == (0, True), rest


# --- trouble --------------------------------------------------------------------------------------------------------
class Screen:
    """Records what a watch showed."""

    def __init__(self) -> None:
        self.said: list[str | None] = []
        self.records: list[Any] = []

    def show(self, record: Any) -> None:
        self.records.append(record)

    def trouble(self, message: str | None) -> None:
        self.said.append(message)


def test_a_watch_survives_any_number_of_transient_errors_and_shows_them(
    product: Product, api_server: ApiHttpServer
) -> None:
    run_id = product.start(product.plan(make_wave(product)))
    product.finish(run_id)
    path = ("GET", f"/executions/{run_id}")
    bad: list[tuple[int, Any]] = [(503, {}), (500, {}), (429, {}), (504, None), (CUT, None), (502, "gone")] * 2
    api_server.instead[path] = list(bad)
    screen, slept = Screen(), list[float]()
    record = run_client.watch_run(client(api_server), run_id, screen, 5, slept.append)
    assert record["status"] == "COMPLETED"
    assert len(screen.said) == len(bad) + 1
    assert screen.said[-1] is None
    assert "503" in (screen.said[0] or "")
    assert "does not answer" in (screen.said[4] or "")
    most = [min(2.0**number, run_client.MAX_RETRY_PAUSE) for number in range(len(bad))]
    assert len(slept) == len(bad)
    for pause, bound in zip(slept, most, strict=True):
        assert bound / 2 <= pause <= bound


def test_a_transient_error_is_shown_on_a_line_of_its_own(product: Product, api_server: ApiHttpServer) -> None:
    run_id = product.start(product.plan(make_wave(product)))
    product.finish(run_id)
    path = ("GET", f"/executions/{run_id}")
    api_server.instead[path] = [(503, {})]
    plain = run(api_server, "watch", run_id, *FAST)
    assert (plain.exit_code, "answered 503; asking again" in plain.stdout) == (0, True)
    assert "the API answers again" in plain.stdout
    api_server.instead[path] = [(503, {})]
    told = lines(run(api_server, "watch", run_id, "--json", *FAST))
    assert [line["type"] for line in told] == ["trouble", "progress", "result"]


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------
def test_ctrl_c_does_not_stop_the_run_and_shows_how_to_watch_it_again(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = product.plan(make_wave(product, approval={"required": True}))
    watching = subprocess.Popen(
        [*COMMAND, "run", plan, "--api-url", api_server.url, "--region", WEST, "--cleanup", *FAST],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert watching.stdout is not None
    for line in watching.stdout:
        if "approve" in line:
            break
    watching.send_signal(signal.SIGINT)
    rest, said = watching.communicate(timeout=60)
    assert watching.returncode == 130, rest + said
    assert "The run continues" in said
    assert "Traceback" not in said
    (run_id,) = re.findall(r"drs-waves watch (\S+) --api-url", said)
    assert f"drs-waves cleanup {run_id}" in said
    assert product.request("GET", f"/executions/{run_id}").body["status"] == "PENDING"
    assert posts(api_server) == [f"/recovery-plans/{plan}/drills"]
    product.request("POST", f"/executions/{run_id}/cancel")
    product.finish(run_id)


# --- clean-up -------------------------------------------------------------------------------------------------------
def cleaning(status: str, terminated: int, **more: Any) -> dict[str, Any]:
    """A clean-up as the API returns it."""
    count = {"total": 2, "terminated": terminated, "failed": 0}
    return {
        "executionId": "x",
        "executions": ["x"],
        "status": status,
        "reason": None,
        "instances": count,
        "failures": [],
        "jobs": [],
        **more,
    }


def test_a_clean_up_is_requested_until_it_is_accepted_and_followed_to_its_end(api_server: ApiHttpServer) -> None:
    path = "/executions/drill-1/cleanup"
    api_server.instead["POST", path] = [(503, {}), (202, cleaning("RUNNING", 0))]
    api_server.instead["GET", path] = [(200, cleaning("RUNNING", 1)), (503, {}), (200, cleaning("COMPLETED", 2))]
    result = run(api_server, "cleanup", "drill-1", *FAST)
    assert result.exit_code == 0, result.output
    assert "clean-up COMPLETED  2/2 terminated" in result.stdout
    assert posts(api_server) == [path, path]


def test_a_clean_up_that_leaves_an_instance_ends_with_1_and_names_it(api_server: ApiHttpServer) -> None:
    path = "/executions/drill-1/cleanup"
    left = {
        "recoveryInstanceId": "i-1",
        "sourceServerId": "s-1",
        "accountId": HUB,
        "region": WEST,
        "reason": "protected",
    }
    api_server.instead["POST", path] = [(202, cleaning("RUNNING", 0))]
    gone = "1 of 2 instances are gone"
    api_server.instead["GET", path] = [(200, cleaning("PARTIAL", 1, failures=[left], reason=gone))]
    result = run(api_server, "cleanup", "drill-1", *FAST)
    assert (result.exit_code, "i-1 of s-1: protected" in result.stdout) == (1, True)
    assert result.stdout.count(gone) == 1
    api_server.instead["POST", path] = [(409, {"code": "NotADrill", "message": "is a RECOVERY"})]
    assert run(api_server, "cleanup", "drill-1", *FAST).exit_code == 3


@pytest.mark.parametrize(
    ("is_failing", "cleaned", "status"), [(False, "COMPLETED", 0), (True, "COMPLETED", 1), (False, "FAILED", 1)]
)
def test_a_drill_is_cleaned_up_whatever_its_result_and_the_result_stays_the_exit_status(
    product: Product,
    api_server: ApiHttpServer,
    monkeypatch: pytest.MonkeyPatch,
    is_failing: bool,
    cleaned: str,
    status: int,
) -> None:
    plan = product.plan((make_failing_wave if is_failing else make_wave)(product, "web"))
    asked: list[str] = []

    def clean_up(api: ApiClient, execution_id: str, *_: Any) -> dict[str, Any]:
        asked.append(execution_id)
        return cleaning(cleaned, 0)

    monkeypatch.setattr(run_client, "clean_up", clean_up)
    result = run(api_server, "run", plan, "--cleanup", "--json", *FAST)
    assert result.exit_code == status, result.output
    told = lines(result)[-1]
    assert (told["type"], told["exitStatus"], asked) == ("result", status, [told["execution"]["executionId"]])


def test_a_refused_clean_up_does_not_hide_the_result_of_the_run(product: Product, api_server: ApiHttpServer) -> None:
    plan = product.plan(make_wave(product))
    execution_id: list[str] = []
    original = product.request

    def request(method: str, path: str, *rest: Any, **query: Any) -> Any:
        if method == "POST" and path.endswith("/cleanup"):
            execution_id.append(path.split("/")[2])
            return original(method, "/nowhere", *rest, **query)
        return original(method, path, *rest, **query)

    product.request = request  # type: ignore[method-assign]
    result = run(api_server, "run", plan, "--cleanup", "--json", *FAST)
    assert (result.exit_code, len(execution_id)) == (1, 1), result.output
    assert "NoSuchRoute" in result.stderr
    assert lines(result)[-1]["execution"]["status"] == "COMPLETED"


# --- reports and views ----------------------------------------------------------------------------------------------
def test_a_report_of_an_unfinished_run_shows_its_progress(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    run_id = product.start(product.plan(make_wave(product, approval={"required": True}), name="<i>shop</i>"))
    wait_until_asked_for(product, run_id, "APPROVAL")
    result = run(api_server, "report", run_id, "--to", str(tmp_path), "--json")
    assert (result.exit_code, set(json.loads(result.stdout))) == (0, {"html", "json", "csv"}), result.output
    html = (tmp_path / "report.html").read_text()
    assert "The run was still on" in html
    assert "&lt;i&gt;shop&lt;/i&gt;" in html
    product.request("POST", f"/executions/{run_id}/cancel")
    product.finish(run_id)


def test_transitions_of_the_run_and_its_targets_are_counted(
    product: Product, api_server: ApiHttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = product.drill(product.plan(make_wave(product)))
    product.drill(product.plan(make_wave(product, "other")))
    result = run(api_server, "report", record["executionId"], "--to", str(tmp_path), "--with-transitions")
    assert result.exit_code == 0, result.output
    counted = json.loads((tmp_path / "report.json").read_text())["costs"]["stateTransitions"]
    entered = [
        len([event for event in execution.history if event["type"].endswith("StateEntered")])
        for machine in ("recover-plan", "recover-target")
        for execution in product.engine.executions(machine)
        if execution.name.split("_")[0] == record["executionId"]
    ]
    assert (counted, len(entered)) == (sum(entered), 2)


def test_capacity_is_read_rarely_in_the_background_and_errors_are_ignored() -> None:
    asked: list[tuple[str, str]] = []

    def ask(account: str, region: str) -> dict[str, Any]:
        asked.append((account, region))
        if region == "eu-west-1":
            raise RuntimeError("no")
        return {"jobs": {"used": 1, "quota": 20}, "serversInJobs": {"used": 7, "quota": 500}}

    look = CapacityPoller(ask, every=60)
    record = {"batches": [{"accountId": HUB, "region": region} for region in (WEST, "eu-west-1", WEST)]}
    deadline = time.monotonic() + 60
    while not (known := look(record)) or len(asked) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert asked == [(HUB, "eu-west-1"), (HUB, WEST)]
    (line,) = describe_capacity(known)
    assert line == f"{HUB}/{WEST}  1/20 jobs, 7/500 servers in jobs  (as of 0:00 ago)"
