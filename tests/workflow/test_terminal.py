"""What the command prints and asks: any encoding, no control characters, questions, signals, and notices of a run."""

import builtins
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from cli.api_client import ApiClient
from cli.commands import records, runs
from cli.main import app
from cli.notices import Notices, summarize_warnings
from cli.views.capacity import MAX_READS_MISSED, CapacityPoller, describe_capacity
from tests.support.api_http_server import ApiHttpServer
from tests.support.plans import make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import wait_until_asked_for

FAST = ("--interval", "0.2")
COMMAND = [str(Path(sys.executable).with_name("drs-waves"))]
NAME = "Zahlungen \u2192 \u00dc \U0001f680 \u05d0\u05d1\u05d2 :bug:"  # letters that are read from right to left too
TEXT = f"{NAME} \u200fabc\u202e"  # with characters that turn the direction, which names do not take
ESCAPE = "\x1b[2J\x9b31m\x07"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST], input=answer)


def posts(api_server: ApiHttpServer) -> list[str]:
    return [path for method, path in api_server.seen if method == "POST"]


# --- encodings ------------------------------------------------------------------------------------------------------
ENCODINGS: dict[str, dict[str, str]] = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp437": {"PYTHONIOENCODING": "cp437:strict"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "the locale C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_command_fails_for_a_letter_that_the_terminal_cannot_show(
    product: Product, api_server: ApiHttpServer, encoding: str, tmp_path: Path
) -> None:
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONIOENCODING", "LC_ALL")}

    def shell(*words: str) -> subprocess.CompletedProcess[bytes]:
        command_line = [*COMMAND, *words, "--api-url", api_server.url, "--region", WEST]
        environment = {**inherited, **ENCODINGS[encoding]}
        done = subprocess.run(command_line, capture_output=True, env=environment, timeout=60, check=False)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    servers = product.seed(1, prefix="d\u00e4-\u2192\u200f\u202e")
    group = product.group(servers, name=NAME)
    plan = product.plan({"name": "web", "groups": [group]}, name=NAME)
    for table in ("ProtectionGroups", "RecoveryPlans"):  # as a version stored it that did not refuse such characters
        for row in product.items(table):
            product.put(table, {**row, "description": TEXT})
    result = shell("run", plan, "--cleanup", "--report", str(tmp_path), *FAST)
    assert (result.returncode, b"clean-up COMPLETED  1/1" in result.stdout) == (0, True), result
    assert b"Zahlungen \\u2192 " in result.stdout
    assert "Zahlungen \u2192 \u00dc" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["planName"] == NAME
    (run_id,) = [execution.name for execution in product.engine.executions("recover-plan")]
    assert b":bug:" in shell("list").stdout
    listed = shell("status", run_id, "--servers")
    assert (listed.returncode, b"-\\u2192-001" in listed.stdout) == (0, True), listed
    told = json.loads(shell("status", run_id, "--json").stdout.decode("ascii"))
    assert told["planName"] == NAME
    lines = shell("watch", run_id, "--json").stdout.decode("ascii").splitlines()
    assert json.loads(lines[-1])["execution"]["planName"] == NAME
    exported = yaml.safe_load(shell("plan", "export", plan).stdout.decode("utf-8"))["recoveryPlan"]
    assert (exported["name"], exported["description"]) == (NAME, TEXT)
    unknown = shell("run", "nothing")
    assert (unknown.returncode, b"Zahlungen \\u2192 " in unknown.stderr) == (3, True), unknown


# --- control characters -----------------------------------------------------------------------------------------------
def poisoned(record: dict[str, Any]) -> dict[str, Any]:
    names = {"planName": f"shop{ESCAPE}", "reason": f"because{ESCAPE}", "notes": [f"note{ESCAPE}\nsecond line"]}
    by = {"decision": "pause", "wave": None, "by": f"arn{ESCAPE}", "at": record["requestedAt"], "comment": ESCAPE}
    return {**record, **names, "decisions": [by]}


@pytest.mark.parametrize(
    "words",
    [("status",), ("status", "--servers"), ("watch", *FAST), ("pause",), ("cleanup", *FAST), ("continue", "--no-wait")],
    ids=" ".join,
)
def test_control_characters_in_names_and_reasons_do_not_reach_the_terminal(
    product: Product, api_server: ApiHttpServer, words: tuple[str, ...]
) -> None:
    record = product.drill(product.plan(make_wave(product)))
    run_id = record["executionId"]
    read = product.request("GET", f"/executions/{run_id}").body
    servers = product.request("GET", f"/executions/{run_id}/servers").body
    for server in servers["servers"]:
        server |= {"hostname": f"web{ESCAPE}", "reason": ESCAPE, "warnings": [f"warn{ESCAPE}"]}
    api_server.instead["GET", f"/executions/{run_id}"] = [(200, poisoned(read))] * 3
    api_server.instead["GET", f"/executions/{run_id}/servers"] = [(200, servers)] * 3
    api_server.instead["POST", f"/executions/{run_id}/pause"] = [(200, poisoned(read))]
    refused = {"code": f"Refused{ESCAPE}", "message": f"no{ESCAPE}", "problems": [{"field": ESCAPE, "message": ESCAPE}]}
    for path in ("cleanup", "continue"):
        api_server.instead["POST", f"/executions/{run_id}/{path}"] = [(409, refused)]
    result = run(api_server, words[0], run_id, *words[1:])
    shown = "".join(line for line in result.output.splitlines() if not line.startswith('{"level"'))
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "\x07" not in shown


def test_names_of_plans_are_shown_without_control_characters(product: Product, api_server: ApiHttpServer) -> None:
    plans = {"recoveryPlans": [{"planId": "rp-1", "name": f"shop{ESCAPE}"}] * 2, "nextToken": None}
    api_server.instead["GET", "/recovery-plans"] = [(200, plans)]
    result = run(api_server, "run", "shop")
    assert (result.exit_code, ESCAPE[0] in result.output, "\x9b" in result.output) == (3, False, False)


# --- empty texts ------------------------------------------------------------------------------------------------------
def list_texts() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every argument and option that takes text, with the words of its command."""

    def walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(command, (*path, name))
            else:
                yield from (((*path, name), each) for each in command.params if not getattr(each, "is_flag", False))

    yield from walk(typer.main.get_command(app), ())


@pytest.mark.parametrize(
    ("words", "parameter"),
    list(list_texts()),
    ids=lambda each: "-".join(each) if isinstance(each, tuple) else each.name,
)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_text_is_refused_by_name_and_nothing_is_sent(
    words: tuple[str, ...], parameter: Any, empty: str
) -> None:
    if parameter.param_type_name == "argument":
        given, name = [empty], parameter.metavar or parameter.name
    else:
        given, name = [parameter.opts[0], empty], parameter.opts[0]
    result = CliRunner().invoke(app, [*words, *given])
    assert result.exit_code == 2, result.output
    assert name.lower().strip("{}") in result.output.lower()
    assert "is empty" in result.output


def test_an_unset_variable_for_the_point_in_time_does_not_recover_the_latest_data(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = product.plan(make_wave(product))
    for given in (["--point-in-time", ""], ["--point-in-time="]):
        result = run(api_server, "run", plan, "--mode", "recovery", "--yes", *given)
        assert (result.exit_code, api_server.seen) == (2, []), result.output


@pytest.mark.parametrize("moment", ["20261120", "2026-11-20", "2026-11-20T08:00:00", "yesterday", "1795160130"])
def test_a_point_in_time_that_is_none_is_refused_before_anything_is_sent(
    api_server: ApiHttpServer, moment: str
) -> None:
    for words in (("run", "x", "--mode", "recovery", "--yes"), ("readiness", "x")):
        result = run(api_server, *words, "--point-in-time", moment)
        assert (result.exit_code, api_server.seen) == (2, []), result.output
        assert "2026-11-22T08:15:30Z" in " ".join(result.output.split())


def test_a_get_sends_its_query_as_it_is_written(api_server: ApiHttpServer) -> None:
    for query, says in (
        ("status=", "status: has no value"),
        ("status=FAILED&status=COMPLETED", "status: must not be repeated"),
        ("stauts=FAILED", "stauts: is not a parameter"),
    ):
        result = run(api_server, "get", f"/executions?{query}")
        assert (result.exit_code, says in result.stderr) == (3, True), result.output


# --- questions --------------------------------------------------------------------------------------------------------
@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "has_terminal", lambda: True)
    monkeypatch.setattr(records, "has_terminal", lambda: True)


def test_a_recovery_shows_what_it_launches_before_it_asks(
    product: Product, api_server: ApiHttpServer, terminal: None
) -> None:
    tagged = product.seed(2, prefix="app", tags={"tier": "app"})
    assert tagged
    groups = [product.group(product.seed(3)), product.group(tags={"tier": "app"})]
    plan = product.plan({"name": "db", "groups": groups[:1]}, {"name": "app", "groups": groups[1:]}, name="shop")
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400))
    result = run(api_server, "run", plan, "--mode", "recovery", "--point-in-time", moment, answer="no\n")
    assert (result.exit_code, posts(api_server)) == (3, []), result.output
    assert "launches production servers" in result.stderr
    assert f"5 servers in 2 waves: 5 in {HUB}/{WEST}" in result.stderr
    assert f"point in time  {moment}" in result.stderr


def test_a_group_that_cannot_be_listed_is_named_and_does_not_prevent_the_question(
    product: Product, api_server: ApiHttpServer, terminal: None
) -> None:
    product.seed(1, tags={"tier": "app"})
    plan = product.plan({"name": "app", "groups": [product.group(tags={"tier": "app"}, name="app tier")]}, name="shop")
    api_server.refuse["GET", f"/targets/{HUB}/{WEST}/source-servers"] = 403
    result = run(api_server, "run", plan, "--mode", "recovery", "--no-wait", answer="shop\n")
    assert (result.exit_code, len(posts(api_server))) == (0, 1), result.output
    assert "the servers of protection group app tier" in result.stderr
    assert "launches       0 servers in 1 wave\n" in result.stderr


@pytest.mark.parametrize("how", [KeyboardInterrupt, EOFError])
@pytest.mark.parametrize("command", ["run", "continue", "cleanup", "replace"])
def test_ctrl_c_at_a_question_ends_with_130_and_no_answer_with_3(
    product: Product,
    api_server: ApiHttpServer,
    terminal: None,
    monkeypatch: pytest.MonkeyPatch,
    how: type[BaseException],
    command: str,
) -> None:
    plan = product.plan(make_wave(product), name="shop")
    words = {"run": ("run", plan, "--mode", "recovery"), "replace": ("run", plan, "--replace-existing")}
    if command == "cleanup":
        words["cleanup"] = ("cleanup", product.drill(plan)["executionId"])
    elif command == "continue":
        run_id = product.start(plan, "recoveries")
        product.request("POST", f"/executions/{run_id}/cancel")
        product.finish(run_id)
        words["continue"] = ("continue", run_id)

    def leave(*_: Any) -> str:
        raise how

    monkeypatch.setattr(builtins, "input", leave)
    result = run(api_server, *words[command])
    assert (result.exit_code, posts(api_server)) == (130 if how is KeyboardInterrupt else 3, []), result.output
    assert ("Nothing was terminated" if command == "cleanup" else "Nothing was started") in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_a_question_on_a_terminal_ends_with_130(
    product: Product, api_server: ApiHttpServer, number: signal.Signals
) -> None:
    plan = product.plan(make_wave(product), name="shop")
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [*COMMAND, "run", plan, "--mode", "recovery", "--api-url", api_server.url, "--region", WEST],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    os.close(theirs)
    assert asking.stderr is not None
    shown = ""
    while "to start it: " not in shown:
        letter = asking.stderr.read(1)
        assert letter, shown
        shown += letter
    asking.send_signal(number)
    _, rest = asking.communicate(timeout=60)
    os.close(ours)
    assert (asking.returncode, "Nothing was started" in rest, "Traceback" in rest) == (130, True, False), rest
    assert posts(api_server) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_watch_ends_by_a_signal_as_by_ctrl_c(
    product: Product, api_server: ApiHttpServer, number: signal.Signals
) -> None:
    run_id = product.start(product.plan(make_wave(product, approval={"required": True})))
    wait_until_asked_for(product, run_id, "APPROVAL")
    watching = subprocess.Popen(
        [*COMMAND, "watch", run_id, "--api-url", api_server.url, "--region", WEST, *FAST],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
    )
    assert watching.stdout is not None
    assert any("drs-waves approve" in line for line in watching.stdout)
    watching.send_signal(number)
    _, said = watching.communicate(timeout=60)
    assert (watching.returncode, f"drs-waves watch {run_id}" in said) == (130, True), said
    product.request("POST", f"/executions/{run_id}/cancel")
    product.finish(run_id)


# --- consent to replace, to continue and to terminate -----------------------------------------------------------------
def replaced_run(product: Product) -> tuple[str, list[str]]:
    """A plan whose servers have instances of a recovery in the cache, and the ids of these instances."""
    servers = product.seed(2)
    plan = product.plan({"name": "web", "groups": [product.group(servers)]}, name="shop")
    product.finish(product.start(plan, "recoveries"))
    product.request("POST", "/drs/recovery-instance-sync", {})
    for execution in product.engine.executions("sync-cache"):
        execution.wait(60)
    found = product.request("GET", "/recovery-instances", planId=plan).body["recoveryInstances"]
    assert len(found) == 2
    return plan, [each["recoveryInstanceId"] for each in found]


def answered(api_server: ApiHttpServer, path: str, status: str = "COMPLETED") -> None:
    """Let the API accept a start at this path, without a run."""
    record = {"executionId": "drill-1", "planId": "rp-1", "planName": "shop", "mode": "DRILL", "status": status}
    api_server.instead["POST", path] = [(202, record)]


@pytest.mark.parametrize("mode", ["drill", "recovery"])
def test_replacing_instances_takes_words_of_its_own_and_lists_them(
    product: Product, api_server: ApiHttpServer, terminal: None, mode: str
) -> None:
    plan, instances = replaced_run(product)
    path = f"/recovery-plans/{plan}/{'drills' if mode == 'drill' else 'recoveries'}"
    words = ("run", plan, "--mode", mode, "--replace-existing", "--no-wait")
    for options, answer in (((), "shop"), ((), "y"), (("--yes",), "shop"), (("--yes",), "")):
        refused = run(api_server, *words, *options, answer=f"{answer}\n")
        assert (refused.exit_code, posts(api_server)) == (3, []), refused.output
        for instance in instances:
            assert re.search(f"{instance} .*{HUB}/{WEST}, .*NOT a drill's, launched by recovery-", refused.stderr)
    answered(api_server, path)
    agreed = run(api_server, *words, answer="replace shop\n")
    assert "Type: replace shop\n" in agreed.stderr
    assert (agreed.exit_code, api_server.bodies) == (0, [{"replaceExisting": True}]), agreed.output


def test_without_a_terminal_replacing_takes_the_name_and_a_recovery_yes_as_well(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = product.plan(make_wave(product), name="shop")
    words = ("run", plan, "--mode", "recovery", "--replace-existing", "--no-wait")
    for options in ((), ("--yes",), ("--confirm-replace", "shop")):
        refused = run(api_server, *words, *options)
        assert (refused.exit_code, api_server.seen) == (2, []), refused.output
    assert run(api_server, "run", plan, "--confirm-replace", "shop").exit_code == 2
    other = run(api_server, *words, "--yes", "--confirm-replace", "Shop")
    assert (other.exit_code, posts(api_server)) == (3, []), other.output
    answered(api_server, f"/recovery-plans/{plan}/recoveries")
    agreed = run(api_server, *words, "--yes", "--confirm-replace", "shop")
    assert (agreed.exit_code, api_server.bodies) == (0, [{"replaceExisting": True}]), agreed.output


def test_the_continuation_of_a_recovery_asks_as_its_first_start_did(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = product.plan(make_wave(product, "web", 2, approval={"required": True}), name="shop")
    run_id = product.start(plan, "recoveries")
    wait_until_asked_for(product, run_id, "APPROVAL")
    product.request("POST", f"/executions/{run_id}/cancel")
    product.finish(run_id)
    blind = run(api_server, "continue", run_id)
    assert (blind.exit_code, "--yes" in blind.stderr, posts(api_server)) == (2, True, []), blind.output
    monkeypatch.setattr(runs, "has_terminal", lambda: True)
    for wrong in ("yes\n", "\n", f"{run_id}\n"):
        refused = run(api_server, "continue", run_id, answer=wrong)
        assert (refused.exit_code, posts(api_server)) == (3, []), refused.output
    assert f"2 servers in 1 wave: 2 in {HUB}/{WEST}" in refused.stderr
    assert "the latest data" in refused.stderr
    with_cleanup = run(api_server, "continue", run_id, "--cleanup")
    assert (with_cleanup.exit_code, posts(api_server)) == (2, [])
    answered(api_server, f"/executions/{run_id}/continue")
    assert run(api_server, "continue", run_id, "--no-wait", answer="shop\n").exit_code == 0
    answered(api_server, f"/executions/{run_id}/continue")
    monkeypatch.undo()
    assert run(api_server, "continue", run_id, "--no-wait", "--yes").exit_code == 0
    replaced = ("--replace-existing", "--confirm-replace", "shop")
    answered(api_server, f"/executions/{run_id}/continue")
    assert run(api_server, "continue", run_id, "--no-wait", "--yes", *replaced).exit_code == 0
    assert api_server.bodies == [None, None, {"replaceExisting": True}]


def test_a_clean_up_on_a_terminal_lists_what_it_terminates_and_asks(
    product: Product, api_server: ApiHttpServer, terminal: None
) -> None:
    record = product.drill(product.plan(make_wave(product)))
    (server,) = record["sourceServers"]
    for answer in ("n\n", "\n", None):
        kept = run(api_server, "cleanup", record["executionId"], answer=answer)
        assert (kept.exit_code, posts(api_server)) == (3, []), kept.output
        assert "terminates 1 recovery instance:" in kept.stderr
        assert server["recoveryInstanceId"] in kept.stderr
    agreed = run(api_server, "cleanup", record["executionId"], *FAST, answer="y\n")
    assert (agreed.exit_code, "1/1 terminated" in agreed.stdout) == (0, True), agreed.output


def test_a_clean_up_lists_the_instances_of_the_whole_chain_from_each_of_its_runs(
    product: Product, api_server: ApiHttpServer, terminal: None
) -> None:
    plan = product.plan(make_wave(product, "db"), make_wave(product, "web", approval={"required": True}))
    first_id = product.start(plan)
    wait_until_asked_for(product, first_id, "APPROVAL")
    product.request("POST", f"/executions/{first_id}/cancel")
    product.finish(first_id)
    last_id = product.request("POST", f"/executions/{first_id}/continue").body["executionId"]
    wait_until_asked_for(product, last_id, "APPROVAL")
    product.request("POST", f"/executions/{last_id}/waves/web/approve")
    product.finish(last_id)
    instances = {
        each["recoveryInstanceId"]
        for run_id in (first_id, last_id)
        for each in product.request("GET", f"/executions/{run_id}/servers").body["servers"]
        if each["recoveryInstanceId"]
    }
    assert len(instances) == 2
    for run_id in (first_id, last_id):
        kept = run(api_server, "cleanup", run_id, answer="n\n")
        assert (kept.exit_code, posts(api_server)) == (3, []), kept.output
        assert f"terminates 2 recovery instances of {first_id}, {last_id}:" in kept.stderr
        assert all(kept.stderr.count(instance) == 1 for instance in instances), kept.stderr
    api_server.refuse["GET", f"/executions/{first_id}/servers"] = 403
    unknown = run(api_server, "cleanup", last_id, answer="n\n")
    assert (unknown.exit_code, posts(api_server)) == (3, []), unknown.output
    assert f"unknown        the instances of {first_id}: " in unknown.stderr
    assert "terminates 1 recovery instance of " in unknown.stderr


def test_a_clean_up_with_yes_or_without_a_terminal_does_not_ask(
    product: Product, api_server: ApiHttpServer, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = product.drill(product.plan(make_wave(product)))
    assert run(api_server, "cleanup", record["executionId"], "--yes", *FAST).exit_code == 0
    monkeypatch.setattr(records, "has_terminal", lambda: False)
    assert run(api_server, "cleanup", record["executionId"], *FAST).exit_code == 0


# --- notices ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", ["run", "readiness"])
def test_warnings_are_counted_and_shown_before_the_waves(
    product: Product, api_server: ApiHttpServer, command: str
) -> None:
    servers = product.seed(12, prefix="old", replicationState="DISCONNECTED") + product.seed(1, prefix="new")
    plan = product.plan({"name": "web", "groups": [product.group(servers)]})
    result = run(api_server, command, plan, *FAST)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if not line.startswith('{"level"')]
    # A readiness check names the warnings of the catalogue at its end, each once.
    codes = [line.split()[1] for line in lines if line.startswith("  WARNING ")]
    assert codes == ([] if command == "run" else ["NOT_ISOLATED:", "REPLICATION_DISCONNECTED:"])
    warning, *launch_warnings = [number for number, line in enumerate(lines) if re.search(r"\bWARN\b", line)]
    assert re.search(r"WARN  12 servers \(old-001, old-002, old-003 and 9 more\): .*last snapshot", lines[warning])
    final = next(number for number, line in enumerate(lines) if re.search(r"\bCOMPLETED\b|\bREADY\b|SKIPPED", line))
    assert warning < final, lines
    # The launches have warnings of their own, from old snapshots. They come once, at the end of the summary.
    known = [line for line in lines[final:] if "12 servers" in line and "could not take a snapshot" in line]
    assert [lines[number] for number in launch_warnings] == known
    assert len(known) == (command == "run")


def test_json_has_the_notices_as_lines(product: Product, api_server: ApiHttpServer) -> None:
    servers = product.seed(2, replicationState="STALLED")
    result = run(api_server, "run", product.plan({"name": "w", "groups": [product.group(servers)]}), "--json", *FAST)
    told = [json.loads(line) for line in result.stdout.splitlines()]
    inspection, launch = [line["message"] for line in told if line.get("type") == "notice"]
    assert inspection.startswith("WARN  2 servers (srv-001, srv-002): ")
    assert launch.startswith("WARN  2 servers (srv-001, srv-002): DRS could not take a snapshot")
    types = [line["type"] for line in told if "type" in line]
    assert types[-3:] == ["notice", "progress", "result"], types


def test_warnings_that_differ_in_ids_and_numbers_are_one_line_and_others_are_not() -> None:
    text = "it already has recovery instance i-0{0}1 of drill-20261122-0815{0}-4f1c09, which a new launch replaces"
    servers: list[dict[str, Any]] = [
        {"hostname": f"web-{number}", "sourceServerId": "s-1", "warnings": [text.format(number)]}
        for number in range(11)
    ]
    servers += [
        {"hostname": None, "sourceServerId": "s-9", "warnings": ["its replica is behind", "its lag is 7 s"]},
        {"hostname": "x", "sourceServerId": "s-8", "warnings": []},
    ]
    lines = list(summarize_warnings(servers))
    assert lines == [
        "WARN  11 servers (web-0, web-1, web-10 and 8 more): it already has recovery instance \u2026 of \u2026, "
        "which a new launch replaces",
        "WARN  1 server (s-9): its replica is behind",
        "WARN  1 server (s-9): its lag is 7 s",
    ]


def test_a_note_that_names_another_moment_is_not_repeated() -> None:
    waits = "wave east waits for eu-west-1; the next attempt is at 2026-11-22T08:{}:00.000Z"
    other = waits.replace("east", "west").format(10)
    notices = Notices(ApiClient("http://127.0.0.1:9", WEST, None))
    record = {"executionId": "drill-1", "status": "POLLING", "batches": [], "waves": [], "notes": []}
    assert notices.find(record | {"notes": [waits.format(10)]}) == [f"note  {waits.format(10)}"]
    assert notices.find(record | {"notes": [waits.format(20), other]}) == [f"note  {other}"]
    assert notices.find(record | {"notes": [waits.format(30), "the Region answers"]}) == ["note  the Region answers"]


# --- capacity ---------------------------------------------------------------------------------------------------------
def wait_for(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_a_capacity_has_its_age_and_goes_when_it_is_old_or_its_batches_have_ended() -> None:
    now, answers = [100.0], [{"status": "UNREACHABLE", "message": f"{HUB}/{WEST} has not been answering"}]

    def read(account_id: str, region: str) -> dict[str, Any]:
        if not answers:
            raise RuntimeError("no answer")
        return answers.pop(0)

    poller = CapacityPoller(read, speed=60, every=10, now=lambda: now[0])
    batch = {"accountId": HUB, "region": WEST, "endedAt": None}
    wait_for(lambda: poller({"batches": [batch]}))
    now[0] += 5
    (line,) = describe_capacity(poller({"batches": [batch]}))
    assert line == f"{HUB}/{WEST}  has not been answering  (as of 5:00 ago)"
    assert poller({"batches": [{**batch, "endedAt": "2026-11-22T08:15:30Z"}]}) == {}
    now[0] += 10 * MAX_READS_MISSED
    assert poller({"batches": [batch]}) == {}
