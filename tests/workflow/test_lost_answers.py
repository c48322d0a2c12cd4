"""Commands whose answer is lost or late, or whose credentials expire: what they repeat, and what they say."""

import re
import shlex
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import api_client, repeat
from cli.api_client import ApiClient, CredentialsExpired
from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.lossy_proxy import Loss, LossyProxy
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import WEST, Product
from tests.support.runs import wait_until_asked_for

FAST = ("--interval", "0.2")
TRANSIENT = [loss for loss in Loss if loss is not Loss.EXPIRED]
FOR_EVER = [Loss.CUT_AFTER, *[Loss.TIMED_OUT_AFTER] * 20]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(repeat, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(api_client, "TIMEOUT_SECONDS", 1)


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", url, "--region", WEST])


def again(result: Result, url: str) -> Result:
    """Run the command that the message prints for a safe repetition."""
    (line,) = re.findall(r"drs-waves (.* --idempotency-key .*)", result.stderr)
    words = shlex.split(line)
    words[words.index("--api-url") + 1] = url
    return CliRunner().invoke(app, words)


def runs(product: Product) -> list[str]:
    return [execution.name for execution in product.engine.executions("recover-plan")]


def cancelled_run(product: Product) -> str:
    """A drill that an operator cancelled, so that it can be continued."""
    run_id = product.start(product.plan(make_wave(product, approval={"required": True})))
    product.request("POST", f"/executions/{run_id}/cancel")
    product.finish(run_id)
    return run_id


# --- repaired by a repetition ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", TRANSIENT, ids=lambda loss: loss.name)
@pytest.mark.parametrize("command", ["run", "readiness", "continue"])
def test_a_start_whose_answer_is_lost_is_sent_again_and_starts_one_run(
    product: Product, api_server: ApiHttpServer, command: str, loss: Loss
) -> None:
    subject = cancelled_run(product) if command == "continue" else product.plan(make_wave(product))
    before = set(runs(product))
    ending = {"run": "/drills", "readiness": "/readiness", "continue": "/continue"}[command]
    with LossyProxy(api_server.url, ending, [loss, loss]) as proxy:
        result = run(proxy.url, command, subject, "--no-wait")
        assert proxy.losses == []
    assert result.exit_code == 0, result.output
    (begun,) = set(runs(product)) - before
    assert begun in result.stdout
    assert "sending the same request again" in result.stderr
    assert len(set(api_server.keys)) == 1
    assert None not in api_server.keys
    product.request("POST", f"/executions/{begun}/cancel")
    product.finish(begun)


def test_each_command_has_a_key_of_its_own(product: Product, api_server: ApiHttpServer) -> None:
    plan = product.plan(make_wave(product))
    for _ in range(2):
        assert run(api_server.url, "run", plan, *FAST).exit_code == 0
    assert len(set(api_server.keys)) == len(api_server.keys) == 2
    assert len(runs(product)) == 2


@pytest.mark.parametrize("loss", [Loss.CUT_AFTER, Loss.TIMED_OUT_AFTER, Loss.CUT_BEFORE], ids=lambda loss: loss.name)
def test_a_decision_whose_answer_is_lost_is_sent_again_and_counts_once(
    product: Product, api_server: ApiHttpServer, loss: Loss
) -> None:
    plan = product.plan(
        make_failing_wave(product, "bad", onFailure="ask", dependsOn=[]),
        make_wave(product, "web", dependsOn=[], approval={"required": True}),
        make_wave(product, "held", dependsOn=["web"], pauseBefore=True),
    )
    run_id = product.start(plan)

    def decide(decision: str, *wave: str) -> None:
        ending = f"/{decision}"
        with LossyProxy(api_server.url, ending, [loss]) as proxy:
            result = run(proxy.url, decision, run_id, *wave, "--comment", "seen")
        assert (result.exit_code, f"{decision} is recorded" in result.stdout) == (0, True), result.output

    wait_until_asked_for(product, run_id, "APPROVAL")
    decide("approve", "web")
    wait_until_asked_for(product, run_id, "DECISION")
    decide("retry", "bad")
    wait_until_asked_for(product, run_id, "RESUME")
    decide("resume")
    wait_until_asked_for(product, run_id, "DECISION")
    decide("accept", "bad")
    record = product.finish(run_id)
    said = [(each["decision"], each["wave"]) for each in record["decisions"]]
    assert sorted(said) == sorted([("approve", "web"), ("retry", "bad"), ("resume", "held"), ("accept", "bad")]), (
        record["decisions"]
    )


@pytest.mark.parametrize("decision", ["pause", "cancel"])
def test_a_pause_or_cancel_whose_answer_is_lost_counts_once(
    product: Product, api_server: ApiHttpServer, decision: str
) -> None:
    run_id = product.start(product.plan(make_wave(product, approval={"required": True})))
    wait_until_asked_for(product, run_id, "APPROVAL")
    with LossyProxy(api_server.url, f"/{decision}", [Loss.TIMED_OUT_AFTER, Loss.CUT_AFTER]) as proxy:
        result = run(proxy.url, decision, run_id)
    assert result.exit_code == 0, result.output
    product.request("POST", f"/executions/{run_id}/cancel")
    record = product.finish(run_id)
    assert [each["decision"] for each in record["decisions"]].count(decision) == 1


def test_the_same_decision_by_another_command_is_a_second_one_and_refused(
    product: Product, api_server: ApiHttpServer
) -> None:
    run_id = product.start(product.plan(make_wave(product, approval={"required": True})))
    wait_until_asked_for(product, run_id, "APPROVAL")
    assert run(api_server.url, "approve", run_id, "web").exit_code == 0
    with LossyProxy(api_server.url, "/approve", [Loss.CUT_BEFORE]) as proxy:
        result = run(proxy.url, "approve", run_id, "web")
    assert (result.exit_code, "DecisionRefused" in result.stderr) == (3, True), result.output
    product.finish(run_id)


@pytest.mark.parametrize("loss", [Loss.CUT_AFTER, Loss.TIMED_OUT_AFTER, Loss.CUT_BEFORE], ids=lambda loss: loss.name)
def test_a_clean_up_whose_answer_is_lost_is_sent_again_and_shows_what_it_terminated(
    product: Product, api_server: ApiHttpServer, loss: Loss
) -> None:
    record = product.drill(product.plan(make_wave(product, "web", 2)))
    with LossyProxy(api_server.url, "/cleanup", [loss]) as proxy:
        result = run(proxy.url, "cleanup", record["executionId"], *FAST)
    assert (result.exit_code, "clean-up COMPLETED  2/2 terminated" in result.stdout) == (0, True), result.output
    assert len(product.engine.executions("clean-up-drill")) == 1


def test_a_clean_up_that_has_ended_is_shown_again_to_a_repetition_and_not_to_another_command(
    product: Product, api_server: ApiHttpServer
) -> None:
    execution_id = product.drill(product.plan(make_wave(product, "web", 2)))["executionId"]
    key = ("--idempotency-key", "clean-up-of-tuesday")
    for _ in range(2):
        result = run(api_server.url, "cleanup", execution_id, *key, *FAST)
        assert "clean-up COMPLETED  2/2 terminated" in result.stdout, result.output
    assert len(product.engine.executions("clean-up-drill")) == 1
    other = run(api_server.url, "cleanup", execution_id, *FAST)
    assert "clean-up COMPLETED  0/0 terminated" in other.stdout, other.output
    assert other.stdout.count("nothing to clean up") == 1, other.output


# --- not repaired: what may have begun, and how to go on --------------------------------------------------------------
def test_a_start_that_is_never_answered_says_how_to_look_and_to_go_on_and_that_starts_nothing_twice(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = product.plan(make_wave(product), name="it's a shop")
    with LossyProxy(api_server.url, "/drills", FOR_EVER) as proxy:
        result = run(proxy.url, "run", "it's a shop", *FAST)
    assert result.exit_code == 1, result.output
    assert "The run may have been started" in result.stderr
    assert f"drs-waves list --plan {plan} --api-url" in result.stderr
    assert len(api_server.keys) == repeat.MAX_TRIES
    assert len(set(api_server.keys)) == 1
    assert len(runs(product)) == 1
    repeated = again(result, api_server.url)
    assert repeated.exit_code == 0, repeated.output
    assert runs(product)[0] in repeated.stdout
    assert len(runs(product)) == 1


def test_a_recovery_is_sent_again_with_the_moment_and_the_consent_that_it_was_sent_with(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = product.plan(make_wave(product))
    moment = datetime.fromtimestamp(time.time() - 86_400, timezone(timedelta(hours=1))).isoformat(timespec="seconds")
    api_server.instead["POST", f"/recovery-plans/{plan}/recoveries"] = [(504, {})] * 20
    words = ("run", plan, "--mode", "recovery", "--yes", "--point-in-time", moment, "--no-wait")
    result = run(api_server.url, *words)
    again(result, api_server.url)
    assert api_server.bodies == [{"pointInTime": moment}] * 2 * repeat.MAX_TRIES
    assert len(set(api_server.keys)) == 1
    assert "--yes" in result.stderr


def test_a_continue_a_decision_and_a_clean_up_that_are_never_answered_say_how_to_go_on(
    product: Product, api_server: ApiHttpServer
) -> None:
    stopped = cancelled_run(product)
    with LossyProxy(api_server.url, "/continue", FOR_EVER) as proxy:
        result = run(proxy.url, "continue", stopped, "--no-wait")
    assert (result.exit_code, "may have been started" in result.stderr) == (1, True), result.output
    repeated = again(result, api_server.url)
    assert repeated.exit_code == 0, repeated.output
    assert len(runs(product)) == 2
    wait_until_asked_for(product, runs(product)[1], "APPROVAL")
    with LossyProxy(api_server.url, "/approve", FOR_EVER) as proxy:
        result = run(proxy.url, "approve", runs(product)[1], "web", "--comment", "it's checked")
    assert (result.exit_code, "may have been recorded" in result.stderr) == (1, True), result.output
    assert f"drs-waves status {runs(product)[1]}" in result.stderr
    assert again(result, api_server.url).exit_code == 0
    record = product.finish(runs(product)[1])
    assert [each["comment"] for each in record["decisions"]] == ["it's checked"]
    with LossyProxy(api_server.url, "/cleanup", FOR_EVER) as proxy:
        result = run(proxy.url, "cleanup", record["executionId"], *FAST)
    assert (result.exit_code, "may have begun" in result.stderr) == (1, True), result.output
    assert f"drs-waves get /executions/{record['executionId']}/cleanup" in result.stderr
    assert again(result, api_server.url).exit_code == 0


def test_a_request_that_could_not_be_sent_began_nothing_and_the_command_does_not_claim_it(
    api_server: ApiHttpServer,
) -> None:
    result = run("http://127.0.0.1:9", "cancel", "drill-1")
    assert (result.exit_code, "does not answer" in result.stderr) == (1, True), result.output
    assert "may have" not in result.stderr


# --- credentials that expire ------------------------------------------------------------------------------------------
def test_a_watch_whose_credentials_expire_says_that_the_run_continues_and_how_to_go_on(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    plan = product.plan(make_wave(product, approval={"required": True}))
    losses = [Loss.EXPIRED] * 20
    with LossyProxy(api_server.url, "", [], method="GET") as proxy:
        ending = proxy.url
        original = api_server.seen.append

        def expire_after_the_first_read(asked: tuple[str, str]) -> None:
            original(asked)
            if asked[0] == "GET" and asked[1].startswith("/executions/"):
                proxy.losses = list(losses)

        api_server.seen = type("Seen", (list,), {"append": lambda self, asked: expire_after_the_first_read(asked)})()
        result = run(ending, "run", plan, "--cleanup", "--report", str(tmp_path), *FAST)
    assert result.exit_code == 1, result.output
    assert "credentials have expired" in result.stderr
    assert "The run continues without this command" in result.stderr
    (run_id,) = runs(product)
    assert f"drs-waves watch {run_id} --report {tmp_path} --api-url" in result.stderr
    assert f"drs-waves cleanup {run_id} --api-url" in result.stderr
    product.request("POST", f"/executions/{run_id}/cancel")
    product.finish(run_id)


def test_a_start_or_a_clean_up_with_expired_credentials_has_begun_nothing_and_says_so(
    product: Product, api_server: ApiHttpServer
) -> None:
    record = product.drill(product.plan(make_wave(product)))
    with LossyProxy(api_server.url, "/cleanup", [Loss.EXPIRED] * 9) as proxy:
        result = run(proxy.url, "cleanup", record["executionId"])
    assert (result.exit_code, "has not begun" in result.stderr) == (1, True), result.output
    with LossyProxy(api_server.url, "/drills", [Loss.EXPIRED] * 9) as proxy:
        result = run(proxy.url, "run", record["planId"])
    assert (result.exit_code, "The run was not started" in result.stderr) == (1, True), result.output
    assert len(runs(product)) == 1


def test_a_start_whose_answer_was_lost_before_the_credentials_expired_may_have_begun(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = product.plan(make_wave(product))
    with LossyProxy(api_server.url, "/drills", [Loss.CUT_AFTER, *[Loss.EXPIRED] * 9]) as proxy:
        result = run(proxy.url, "run", plan)
    assert (result.exit_code, "may have been started" in result.stderr) == (1, True), result.output
    assert "Renew them" in result.stderr
    (run_id,) = runs(product)
    product.finish(run_id)


def test_renewed_credentials_are_read_from_the_profile_without_a_restart(
    product: Product, api_server: ApiHttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"

    def log_in(key: str) -> None:
        file.write_text(f"[prod]\naws_access_key_id = {key}\naws_secret_access_key = not-a-secret\n")

    log_in("AKIAOLD")
    with monkeypatch.context() as shell, LossyProxy(api_server.url, "/health", [], method="GET") as proxy:
        shell.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        shell.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            shell.delenv(name, raising=False)
        api = ApiClient.on_aws(url=proxy.url, profile="prod", region=WEST)
        assert api.get("/health")["status"] == "ok"
        proxy.losses = [Loss.EXPIRED]
        log_in("AKIANEW")
        assert api.get("/health")["status"] == "ok"
        assert api._credentials.access_key == "AKIANEW"
        proxy.losses = [Loss.EXPIRED] * 2
        with pytest.raises(CredentialsExpired, match="aws sso login --profile prod"):
            api.get("/health")
        file.unlink()
        proxy.losses = [Loss.EXPIRED]
        with pytest.raises(CredentialsExpired):
            api.get("/health")
