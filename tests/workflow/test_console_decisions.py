"""People decide in the console: each dialog says what will happen, and its form is recorded once."""

import socket
import time
from collections.abc import Iterator

import pytest

from console import sending
from tests.support.action_runs import FREEZE, action, answer, one_wave, wait_for_action
from tests.support.api_http_server import CUT, ApiHttpServer
from tests.support.console_forms import buttons_of, hidden_fields, notice_of, press, text_of
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.lossy_proxy import Loss, LossyProxy
from tests.support.plans import make_failing_wave, make_plan, make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, launching_run, wait_until, wait_until_asked_for, wave_statuses
from tests.support.shops import open_shop, rule

APPROVAL = {"required": True, "timeoutMinutes": 60}
SIGN = {"name": "sign-off", "manual": {"instructions": "Place an order."}}
CHECK = {"tcp": {"port": 5432}}


@pytest.fixture
def server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as running:
        yield running


@pytest.fixture
def console(server: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(server)) as served:
        yield served.enter()


def waiting_run(product: Product, **more: object) -> str:
    """A drill whose first wave waits for approval."""
    waves = make_wave(product, "web", 2, approval=APPROVAL), make_wave(product, "mail", dependsOn=["web"])
    run = product.start(product.plan(*waves, **more))
    wait_until_asked_for(product, run, "APPROVAL")
    return run


def failed_run(product: Product, **more: object) -> str:
    """A drill whose first wave has failed and asks."""
    waves = make_failing_wave(product, "web", onFailure="ask"), make_wave(product, "mail", dependsOn=["web"])
    run = product.start(product.plan(*waves, launchAttempts=1, **more))
    wait_until_asked_for(product, run, "DECISION")
    return run


def decisions_of(product: Product, run: str) -> list[tuple[str, str]]:
    return [(each["decision"], each["comment"]) for each in product.record(run)["decisions"]]


# --- waves --------------------------------------------------------------------------------------------------------
def test_a_wave_is_approved_after_the_dialog_has_said_what_it_launches(
    product: Product, console: ServedConsole
) -> None:
    run = waiting_run(product)
    page = console.get(f"/runs/{run}")
    assert {"Approve web", "Reject web", "Pause the run", "Cancel the run"} <= set(buttons_of(page))
    path = f"/runs/{run}/decide/approve?wave=web"
    dialog = text_of(console.get(path))
    assert f"Wave web starts and launches 2 servers in {HUB}/{WEST} (2)." in dialog
    assert "DRS cannot stop a job that runs" in dialog
    assert notice_of(press(console, path, comment="databases work")) == "Approved web: it starts now."
    assert decisions_of(product, run) == [("approve", "databases work")]
    assert product.finish(run)["status"] == "COMPLETED"
    assert "databases work" in console.get(f"/runs/{run}").text


def test_a_wave_is_rejected_and_the_dialog_names_what_is_skipped_with_it(
    product: Product, console: ServedConsole
) -> None:
    run = waiting_run(product)
    path = f"/runs/{run}/decide/reject?wave=web"
    dialog = text_of(console.get(path))
    assert "Wave web is skipped: none of its 2 servers is launched." in dialog
    assert "Skipped with it, because they need it: mail." in dialog
    notice_of(press(console, path))
    assert wave_statuses(product.finish(run)) == {"web": "SKIPPED", "mail": "SKIPPED"}


@pytest.mark.parametrize(
    ("decision", "says", "statuses"),
    [
        ("accept", "The wave is PARTIAL, and the waves after it start.", {"web": "PARTIAL", "mail": "COMPLETED"}),
        ("abort", "No further wave starts; what has been launched keeps", {"web": "FAILED", "mail": "SKIPPED"}),
    ],
)
def test_a_failed_wave_is_answered_after_the_page_has_said_why(
    product: Product, console: ServedConsole, decision: str, says: str, statuses: dict[str, str]
) -> None:
    run = failed_run(product)
    page = console.get(f"/runs/{run}")
    asked = {"Retry what failed in wave web", "Accept wave web as it is", "Give up wave web and stop the run"}
    assert asked <= set(buttons_of(page))
    [failed] = [each for each in product.servers(run) if each["status"] == "FAILED"]
    assert failed["cause"] in page.text
    assert failed["hostname"] in page.text
    path = f"/runs/{run}/decide/{decision}?wave=web"
    dialog = text_of(console.get(path))
    assert says in dialog
    assert f"What failed: {failed['hostname']}: {failed['reason'].rstrip('.')} [{failed['cause']}]. " in dialog
    assert failed["advice"] in dialog
    assert failed["advice"] in text_of(console.get("/"))
    notice_of(press(console, path))
    assert wave_statuses(product.finish(run)) == statuses


def test_a_failed_wave_is_retried_with_the_number_of_servers_said_before(
    product: Product, console: ServedConsole
) -> None:
    run = failed_run(product)
    path = f"/runs/{run}/decide/retry?wave=web"
    dialog = text_of(console.get(path))
    assert "Launches the 1 failed server again." in dialog
    assert "It takes one DRS job. A DRS job " in dialog
    notice_of(press(console, path))
    wait_until(product, run, lambda record: record["waves"][0]["round"] == 1)
    decide(product, run, "cancel")
    product.finish(run)


def test_servers_of_an_ended_run_are_checked_again(product: Product, console: ServedConsole) -> None:
    failing = product.emulator.control.add_rule({"kind": "COMMAND", "hostname": "web-002", "effect": "FAILS"})
    wave = make_wave(product, "web", 2, checks=[CHECK], checksTimeoutMinutes=60)
    run = product.drill(product.plan(wave))["executionId"]
    assert "Verify web again" in buttons_of(console.get(f"/runs/{run}"))
    product.emulator.control.remove_rules(failing)
    path = f"/runs/{run}/decide/verify?wave=web"
    assert "Checks 1 unverified server of wave web again, and launches nothing." in text_of(console.get(path))
    notice_of(press(console, path))
    wait_until(product, run, lambda record: record["status"] == "COMPLETED")
    assert "Verify web again" not in buttons_of(console.get(f"/runs/{run}"))


# --- actions ------------------------------------------------------------------------------------------------------
def test_a_task_is_confirmed_only_with_a_comment(product: Product, console: ServedConsole) -> None:
    run = product.start(one_wave(product, before=[SIGN]))
    wait_for_action(product, run, "sign-off", "WAITING")
    page = console.get(f"/runs/{run}")
    assert {"Confirm sign-off", "Reject sign-off"} <= set(buttons_of(page))
    path = f"/runs/{run}/decide/confirm?action=sign-off"
    assert "The task: Place an order." in text_of(console.get(path))
    silent = press(console, path, comment="  ")
    assert (silent.status, "A comment is needed" in silent.text) == (422, True)
    assert decisions_of(product, run) == []
    notice_of(press(console, path, comment="Order 17 went through."))
    assert product.finish(run)["status"] == "COMPLETED"


def test_a_task_is_rejected(product: Product, console: ServedConsole) -> None:
    run = product.start(one_wave(product, before=[SIGN]))
    wait_for_action(product, run, "sign-off", "WAITING")
    notice_of(press(console, f"/runs/{run}/decide/reject?action=sign-off", comment="No order goes through."))
    assert wave_statuses(product.finish(run)) == {"web": "FAILED"}


@pytest.mark.parametrize(
    ("given", "says", "status"),
    [
        ("retry", "is run again from its beginning", "SUCCEEDED"),
        ("skip", "goes on as if it had succeeded", "SKIPPED"),
        ("abort", "stays failed", "FAILED"),
    ],
)
def test_a_failed_action_is_answered(
    product: Product, console: ServedConsole, given: str, says: str, status: str
) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS", count=1)
    run = product.start(one_wave(product, before=[{**FREEZE, "onFailure": "ask"}]))
    wait_for_action(product, run, "freeze-writes", "FAILED")
    path = f"/runs/{run}/decide/{given}?action=freeze-writes"
    assert says in text_of(console.get(path))
    notice_of(press(console, path))
    product.finish(run)
    assert action(product, run, "freeze-writes")["status"] == status


# --- the run ------------------------------------------------------------------------------------------------------
@pytest.mark.real_durations
def test_a_run_is_paused_resumed_and_cancelled_while_its_jobs_go_on(product: Product, console: ServedConsole) -> None:
    with launching_run(product, make_plan(product)) as run:
        says = "1 DRS job runs on with 3 servers. DRS cannot stop a job that runs."
        deadline = time.monotonic() + 60  # the console keeps for a moment what it read before the job began
        while says not in text_of(console.get(f"/runs/{run}/decide/pause")):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        notice_of(press(console, f"/runs/{run}/decide/pause"))
        paused = console.get(f"/runs/{run}")
        assert "Resume the run" in buttons_of(paused)
        assert "Pause the run" not in buttons_of(paused)
        notice_of(press(console, f"/runs/{run}/decide/resume"))
        dialog = text_of(console.get(f"/runs/{run}/decide/cancel"))
        assert "1 DRS job runs on with 3 servers, because DRS cannot stop jobs" in dialog
        notice_of(press(console, f"/runs/{run}/decide/cancel", comment="a mistake"))
        cancelling = console.get(f"/runs/{run}")
        assert "Cancel the run" not in buttons_of(cancelling)
        assert "nothing more starts" in cancelling.text
    assert product.finish(run)["status"] == "CANCELLED"
    assert [name for name, _ in decisions_of(product, run)] == ["pause", "resume", "cancel"]


# --- once, late and lost --------------------------------------------------------------------------------------------
def test_a_form_that_is_sent_twice_counts_once(product: Product, console: ServedConsole) -> None:
    run = waiting_run(product)
    path = f"/runs/{run}/decide/approve?wave=web"
    fields = hidden_fields(console.get(path))
    for _ in range(2):
        notice_of(console.post(path, fields))
    assert decisions_of(product, run) == [("approve", "")]
    product.finish(run)


@pytest.mark.parametrize("key", ["", "one\r\nX-Evil: yes", "k" * 256, "\u20ac"])
def test_a_form_with_a_key_that_is_none_of_the_consoles_is_refused(
    product: Product, console: ServedConsole, server: ApiHttpServer, key: str
) -> None:
    run = waiting_run(product)
    refused = console.post(f"/runs/{run}/decide/approve?wave=web", {"key": key})
    assert (refused.status, "Idempotency-Key" in refused.text) == (400, True)
    assert server.writes == []
    decide(product, run, "cancel")
    product.finish(run)


def test_a_lost_answer_is_said_and_the_same_button_sends_the_same_decision(
    product: Product, server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_SECONDS_OF_TRIES", 0.0)
    run = waiting_run(product)
    path = f"/runs/{run}/decide/approve?wave=web"
    with LossyProxy(server.url, "/approve", [Loss.TIMED_OUT_AFTER]) as proxy:
        server.url = proxy.url
        with serving(deployment_of(server)) as served:
            console = served.enter()
            fields = hidden_fields(console.get(path))
            lost = console.post(path, {**fields, "comment": "go"})
            assert lost.status == 504
            assert "It may have been recorded." in lost.text
            assert hidden_fields(lost) == fields  # the same key
            assert ">go</textarea>" in lost.text
            notice_of(console.post(path, {**hidden_fields(lost), "comment": "go"}))
    assert decisions_of(product, run) == [("approve", "go")]
    product.finish(run)


def test_an_answer_that_is_lost_once_is_asked_for_again_by_itself(
    product: Product, console: ServedConsole, server: ApiHttpServer
) -> None:
    run = waiting_run(product)
    asked = ("POST", f"/executions/{run}/waves/web/approve")
    server.instead[asked] = [(CUT, None)]
    notice_of(press(console, f"/runs/{run}/decide/approve?wave=web"))
    assert server.seen.count(asked) == 2
    assert decisions_of(product, run) == [("approve", "")]
    product.finish(run)


@pytest.mark.parametrize("decision", ["retry", "accept", "abort"])
def test_a_wave_that_has_asked_anew_is_not_answered_by_the_dialog_of_before(
    product: Product, console: ServedConsole, decision: str
) -> None:
    run = failed_run(product)
    path = f"/runs/{run}/decide/{decision}?wave=web"
    fields = hidden_fields(console.get(path))
    assert decide(product, run, "waves/web/retry").status == 200
    wait_until(product, run, lambda record: record["waves"][0]["round"] == 1 and record["waitingFor"])
    late = console.post(path, {**fields, "comment": "of before"})
    assert (late.status, "has asked anew" in late.text) == (409, True)
    assert decisions_of(product, run) == [("retry", "")]
    assert "of before</textarea>" in late.text
    assert hidden_fields(late)["key"] != fields["key"]
    notice_of(console.post(path, hidden_fields(late)))  # what is seen now can be answered
    assert [name for name, _ in decisions_of(product, run)] == ["retry", decision]
    decide(product, run, "cancel")
    product.finish(run)


def test_a_lost_decision_keeps_its_key_while_the_api_cannot_be_reached(
    product: Product, server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_SECONDS_OF_TRIES", 0.0)
    run = waiting_run(product)
    path = f"/runs/{run}/decide/pause"
    with LossyProxy(server.url, "/pause", [Loss.TIMED_OUT_AFTER]) as proxy:
        server.url, address = proxy.url, server.url
        with serving(deployment_of(server)) as served:
            console = served.enter()
            fields = hidden_fields(console.get(path))
            assert console.post(path, fields).status == 504
            with socket.create_server(("127.0.0.1", 0)) as closed:
                console.deployment.api.url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
            away = console.post(path, fields)
            assert (away.status, hidden_fields(away)["key"]) == (503, fields["key"])
            console.deployment.api.url = proxy.url
            assert decide(product, run, "resume").status == 200  # by another person, who knew of the pause
            notice_of(console.post(path, hidden_fields(away)))
        server.url = address
    assert [name for name, _ in decisions_of(product, run)].count("pause") == 1
    decide(product, run, "cancel")
    product.finish(run)


def test_a_decision_that_comes_too_late_shows_what_the_api_says_and_what_to_do(
    product: Product, console: ServedConsole
) -> None:
    run = waiting_run(product)
    path = f"/runs/{run}/decide/approve?wave=web"
    fields = hidden_fields(console.get(path))
    assert decide(product, run, "waves/web/reject").status == 200
    late = console.post(path, {**fields, "comment": "go"})
    assert late.status == 409
    assert "DecisionRefused" in late.text
    assert "Nothing was changed." in late.text
    assert "Correlation id" in late.text
    assert decisions_of(product, run) == [("reject", "")]
    product.finish(run)
    assert "Not now" in console.get(path).text
    by = product.record(run)["decisions"][0]["by"]
    for dialog in (text_of(late), text_of(console.get(path))):
        assert f"{by} has rejected web at " in dialog
        assert "Wave web does not wait for this answer now." in dialog
    assert text_of(late).index("has rejected web") < text_of(late).index("DecisionRefused")


def test_a_wave_whose_action_failed_is_accepted_after_the_dialog_has_said_which_action(
    product: Product, console: ServedConsole
) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS", count=1)
    wave = make_wave(product, "web", after=[{**FREEZE, "onFailure": "stop"}], onFailure="ask")
    run = product.start(product.plan(wave))
    wait_until_asked_for(product, run, "DECISION")
    path = f"/runs/{run}/decide/accept?wave=web"
    for page in (console.get(path), console.get(f"/runs/{run}"), console.get("/")):
        assert "Action freeze-writes failed: " in text_of(page)
    dialog = text_of(console.get(path))
    assert "Action freeze-writes stays failed" in dialog
    assert "unrecovered" not in dialog
    assert notice_of(press(console, path)) == "Accepted web as it is: the run goes on."
    assert product.finish(run)["status"] == "PARTIAL"


def test_four_eyes_and_required_comments_are_said_before_and_refused_after(
    product: Product, console: ServedConsole
) -> None:
    run = failed_run(product, fourEyes=True, commentsRequired=True)
    path = f"/runs/{run}/decide/accept?wave=web"
    dialog = console.get(path)
    assert "Four eyes" in dialog.text
    assert "(needed: why)" in dialog.text
    assert press(console, path).status == 422
    refused = press(console, path, comment="the rest works")
    assert (refused.status, "fourEyes" in refused.text) == (409, True)
    assert "the rest works</textarea>" in refused.text
    notice_of(press(console, f"/runs/{run}/decide/abort?wave=web", comment="not today"))
    product.finish(run)


# --- continue and clean up --------------------------------------------------------------------------------------------
def test_a_drill_is_continued_and_cleaned_up(product: Product, console: ServedConsole) -> None:
    run = failed_run(product)
    decide(product, run, "waves/web/abort")
    product.finish(run)
    page = console.get(f"/runs/{run}")
    assert {"Continue the run", "Clean up the drill"} <= set(buttons_of(page))
    assert f"1 in {HUB}/{WEST}" in text_of(console.get(f"/runs/{run}/continue/preview"))
    answered = press(console, f"/runs/{run}/continue")
    following = answered.headers["hx-redirect"].removeprefix("/runs/")
    assert product.record(following)["continues"] == run
    wait_until_asked_for(product, following, "DECISION")
    decide(product, following, "waves/web/accept")
    product.finish(following)
    assert "Continue the run" not in buttons_of(console.get(f"/runs/{run}"))
    assert f'href="/runs/{run}"' in console.get(f"/runs/{following}").text
    listed = console.get(f"/runs/{following}/cleanup/preview")
    assert "This terminates 2 recovery instances" in text_of(listed)
    began = console.post(f"/runs/{following}/cleanup", hidden_fields(listed))
    assert notice_of(began) == "the clean-up has begun; the page of the run shows how far it is"
    wait_until(
        product,
        following,
        lambda _: product.request("GET", f"/executions/{following}/cleanup").body["status"] == "COMPLETED",
    )
    after = console.get(f"/runs/{following}")
    assert "2 of 2 instances terminated" in text_of(after)
    assert "Clean up the drill" not in buttons_of(after)


def test_a_continuation_after_the_clean_up_launches_what_was_cleaned_up_as_its_page_says(
    product: Product, console: ServedConsole
) -> None:
    plan = product.plan(make_failing_wave(product, "web", onFailure="continue"), launchAttempts=1)
    run = product.drill(plan)["executionId"]
    notice_of(console.post(f"/runs/{run}/cleanup", hidden_fields(console.get(f"/runs/{run}/cleanup/preview"))))
    wait_until(
        product, run, lambda _: product.request("GET", f"/executions/{run}/cleanup").body["status"] == "COMPLETED"
    )
    page = console.get(f"/runs/{run}")
    assert "A continuation would launch those servers again" in text_of(page)
    assert "Continue the run" in buttons_of(page)
    following = press(console, f"/runs/{run}/continue").headers["hx-redirect"].removeprefix("/runs/")
    product.finish(following)
    before = {each["sourceServerId"]: each["status"] for each in product.servers(run)}
    after = {each["sourceServerId"]: each["status"] for each in product.servers(following)}
    again = [each for each, status in before.items() if status == after.get(each) == "LAUNCHED"]
    assert len(again) == 1


def test_a_clean_up_terminates_only_what_its_dialog_has_shown(product: Product, console: ServedConsole) -> None:
    run = failed_run(product)
    decide(product, run, "waves/web/abort")
    product.finish(run)
    before = console.get(f"/runs/{run}/cleanup/preview")
    assert "1 recovery instance" in text_of(before)
    following = product.request("POST", f"/executions/{run}/continue").body["executionId"]
    wait_until_asked_for(product, following, "DECISION")
    decide(product, following, "waves/web/accept")
    product.finish(following)
    late = console.post(f"/runs/{run}/cleanup", hidden_fields(before))
    assert (late.status, "others than this dialog has shown" in late.text) == (409, True)
    assert "This terminates 2 recovery instances of 2 runs" in text_of(late)
    assert product.request("GET", f"/executions/{following}/cleanup").body["status"] == "NONE"
    notice_of(console.post(f"/runs/{run}/cleanup", hidden_fields(late)))


@pytest.mark.parametrize("typed", ["", "a Plan", "replace a plan"])
def test_a_recovery_is_continued_only_by_the_name_of_its_plan(
    product: Product, console: ServedConsole, typed: str
) -> None:
    plan = product.plan(make_failing_wave(product, "web", onFailure="stop"), launchAttempts=1)
    run = product.start(plan, "recoveries")
    product.finish(run)
    path = f"/runs/{run}/continue"
    refused = press(console, path, words=typed)
    assert (refused.status, "type the plan" in text_of(refused)) == (422, True)
    assert product.record(run)["continuedBy"] is None
    if not typed:
        answered = press(console, path, words="a plan")
        assert product.finish(answered.headers["hx-redirect"].removeprefix("/runs/"))["continues"] == run
    assert console.get(f"/runs/{run}/cleanup").status == 404  # the instances of a recovery stay


# --- what is no decision ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "decide/approve?wave=..%2F..%2Fother%2Fcancel",
        "decide/cancel?wave=web",
        "decide/approve",
        "decide/delete",
        "decide/continue",
        "decide/confirm?wave=web",
        "decide/approve?wave=web&action=web",
        "decide/approve?wave=gone",
        "decide/pause?run=other",
        "decide/..%2F..%2Fx?wave=web",
    ],
)
def test_words_that_are_no_decision_about_the_run_are_not_found_and_reach_no_path_of_the_api(
    product: Product, console: ServedConsole, server: ApiHttpServer, path: str
) -> None:
    run = waiting_run(product)
    assert console.get(f"/runs/{run}/{path}").status == 404
    assert console.post(f"/runs/{run}/{path}", {"key": "one"}).status == 404
    assert server.writes == []
    decide(product, run, "cancel")
    product.finish(run)


def test_a_read_only_console_shows_what_waits_without_a_button_and_sends_nothing(
    product: Product, server: ApiHttpServer
) -> None:
    run = waiting_run(product)
    with serving(deployment_of(server, read_only=True)) as served:
        console = served.enter()
        page = console.get(f"/runs/{run}")
        assert "Wave web waits for approval" in page.text
        assert buttons_of(page) == []
        for path in ("decide/approve?wave=web", "decide/cancel", "continue", "cleanup"):
            assert console.get(f"/runs/{run}/{path}").status == 403
            assert console.post(f"/runs/{run}/{path}", {"key": "one"}).status == 403
    assert server.writes == []
    decide(product, run, "cancel")
    product.finish(run)


def test_an_answer_given_elsewhere_is_on_the_page_of_the_run(product: Product, console: ServedConsole) -> None:
    run = product.start(one_wave(product, before=[SIGN]))
    wait_for_action(product, run, "sign-off", "WAITING")
    assert answer(product, run, "sign-off", "confirm", comment="<b>seen</b>").status == 200
    product.finish(run)
    page = console.get(f"/runs/{run}")
    assert "&lt;b&gt;seen&lt;/b&gt;" in page.text
    assert "action sign-off" in page.text
