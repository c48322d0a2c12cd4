"""Runs are started from the console: once for each form, and recoveries only by the name of their plan."""

import html
import re
from collections.abc import Iterator

import pytest

from recovery.wording import plural
from tests.support.api_http_server import CUT, ApiHttpServer
from tests.support.console_forms import hidden_fields, text_of
from tests.support.console_server import Page, ServedConsole, deployment_of, serving
from tests.support.instance_cache import sync
from tests.support.plans import make_plan, make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import wait_until_asked_for

APPROVAL = {"required": True, "timeoutMinutes": 600}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as running:
        yield running


@pytest.fixture
def console(server: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(server)) as served:
        yield served.enter()


def fields_of(page: Page) -> dict[str, str]:
    """The fields of the form in a dialog, as a browser sends them untouched, without the token."""
    assert page.status == 200, page
    found = re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">', page.text)
    return {name: html.unescape(value) for name, value in found if name != "token"}


def runs_of(product: Product, plan_id: str) -> list[str]:
    listed = product.request("GET", "/executions", planId=plan_id)
    return [run["executionId"] for run in listed.body["executions"]]


def test_a_drill_started_by_the_form_runs_to_its_end(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/drill"
    answer = console.post(path, fields_of(console.get(path)))
    assert answer.status == 200, answer
    run = answer.headers["hx-redirect"].removeprefix("/runs/")
    record = product.finish(run)
    assert (record["mode"], record["status"]) == ("DRILL", "COMPLETED")


@pytest.mark.parametrize("mode", ["readiness", "recovery"])
def test_each_kind_of_run_is_started_by_its_form(product: Product, console: ServedConsole, mode: str) -> None:
    path = f"/plans/{make_plan(product)}/start/{mode}"
    answer = console.post(path, {**fields_of(console.get(path)), "words": "a plan"})
    run = answer.headers["hx-redirect"].removeprefix("/runs/")
    assert product.finish(run)["mode"] == mode.upper()


@pytest.mark.parametrize("typed", ["", "A plan", "a plan ", "another plan", "replace a plan"])
def test_a_recovery_without_exactly_the_name_starts_nothing(
    product: Product, console: ServedConsole, typed: str
) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/recovery"
    answer = console.post(path, {**fields_of(console.get(path)), "words": typed})
    assert answer.status == 422
    assert "type the plan" in answer.text
    assert runs_of(product, plan_id) == []


@pytest.mark.parametrize("mode", ["drill", "recovery"])
def test_instances_are_replaced_only_by_the_words_for_it(product: Product, console: ServedConsole, mode: str) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/{mode}"
    fields = {**fields_of(console.get(path)), "replaceExisting": "yes"}
    assert console.post(path, {**fields, "words": "a plan"}).status == 422
    assert runs_of(product, plan_id) == []
    answer = console.post(path, {**fields, "words": "replace a plan"})
    assert product.record(answer.headers["hx-redirect"].removeprefix("/runs/"))["replaceExisting"] is True


def test_a_form_that_is_sent_twice_starts_one_run(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/drill"
    fields = fields_of(console.get(path))
    first, second = console.post(path, fields), console.post(path, fields)
    assert first.headers["hx-redirect"] == second.headers["hx-redirect"]
    assert len(runs_of(product, plan_id)) == 1


def test_a_lost_answer_says_that_the_run_may_have_started_and_the_same_button_finds_it(
    product: Product, server: ApiHttpServer, console: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.sending.MAX_SECONDS_OF_TRIES", 0.0)
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/drill"
    fields = fields_of(console.get(path))
    server.instead["POST", f"/recovery-plans/{plan_id}/drills"] = [(CUT, None)]
    lost = console.post(path, fields)
    assert lost.status == 504
    assert "may have been started" in lost.text
    assert f'value="{fields["key"]}"' in lost.text, "the same key is sent again"
    assert "hx-redirect" in console.post(path, fields).headers
    assert len(runs_of(product, plan_id)) == 1


def test_a_refused_start_shows_the_advice_and_the_correlation_id(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product, approval={"required": True, "timeoutMinutes": 600}))
    running = product.start(plan_id)
    path = f"/plans/{plan_id}/start/drill"
    page = console.get(path)
    assert "It runs now" in page.text
    refused = console.post(path, fields_of(page))
    assert refused.status == 409
    assert "PlanAlreadyRunning" in refused.text
    assert "Wait for the end of that run or cancel it" in refused.text
    assert "Correlation id" in refused.text
    assert f'href="/runs/{running}"' in refused.text


def test_a_point_in_time_that_the_api_refuses_is_shown_with_what_was_typed(
    product: Product, console: ServedConsole
) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/drill"
    refused = console.post(path, {**fields_of(console.get(path)), "pointInTime": "yesterday", "actions": "skip"})
    assert refused.status == 400
    assert "pointInTime: is not a time with a time zone" in html.unescape(refused.text)
    assert 'value="yesterday"' in refused.text
    assert '<option value="skip" selected>skip them</option>' in refused.text
    assert runs_of(product, plan_id) == []


def test_the_options_of_a_form_are_those_of_the_run(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/drill"
    options = {"actions": "verifyOnly", "launchProfiles": "skip", "reserveCapacity": "yes"}
    answer = console.post(path, {**fields_of(console.get(path)), **options})
    record = product.record(answer.headers["hx-redirect"].removeprefix("/runs/"))
    assert (record["actionsOption"], record["profilesOption"], record["reserveCapacity"]) == (
        "verifyOnly",
        "skip",
        True,
    )


def test_a_plan_that_was_changed_since_the_dialog_was_opened_is_not_started(
    product: Product, console: ServedConsole
) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/drill"
    fields = fields_of(console.get(path))
    plan = product.request("GET", f"/recovery-plans/{plan_id}").body
    changed = {name: plan[name] for name in ("description", "waves", "version")}
    assert product.request("PUT", f"/recovery-plans/{plan_id}", {**changed, "name": "renamed"}).status == 200
    answer = console.post(path, fields)
    assert answer.status == 409
    assert "has been changed" in answer.text
    assert runs_of(product, plan_id) == []


@pytest.mark.parametrize("mode", ["drill", "recovery", "readiness"])
def test_a_plan_whose_group_was_changed_since_the_dialog_was_opened_is_not_started(
    product: Product, console: ServedConsole, mode: str
) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/{mode}"
    fields = fields_of(console.get(path))
    group_id = product.request("GET", f"/recovery-plans/{plan_id}").body["waves"][0]["groups"][0]["groupId"]
    group = product.request("GET", f"/protection-groups/{group_id}").body
    fewer = {
        **{name: group[name] for name in ("name", "version", "accountId", "region")},
        "sourceServerIds": group["sourceServerIds"][:1],
    }
    changed = product.request("PUT", f"/protection-groups/{group_id}", fewer)
    assert changed.status == 200, changed
    answer = console.post(path, {**fields, "words": "a plan"})
    assert answer.status == 409
    assert "A group of the plan has been changed" in answer.text
    assert runs_of(product, plan_id) == []
    if mode == "drill":
        assert "1 server in 1 wave" in console.get(f"{path}/preview").text
    assert "hx-redirect" in console.post(path, {**hidden_fields(answer), "words": "a plan"}).headers


def test_a_start_whose_answer_was_lost_is_never_said_to_have_started_nothing(
    product: Product, server: ApiHttpServer, console: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.sending.MAX_SECONDS_OF_TRIES", 0.0)
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/recovery"
    fields = {**fields_of(console.get(path)), "words": "a plan"}
    server.instead["POST", f"/recovery-plans/{plan_id}/recoveries"] = [(CUT, None)]
    lost = console.post(path, fields)
    assert lost.status == 504
    again = console.post(path, {**hidden_fields(lost), "words": "another plan"})
    assert (again.status, "may have started a run" in again.text) == (422, True)
    assert hidden_fields(again)["key"] == fields["key"]
    assert "may have started a run" in console.post(path, {**hidden_fields(again), "words": "another plan"}).text


def test_the_preview_says_what_would_be_launched_where_and_replaced(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    run = product.drill(plan_id)["executionId"]
    sync(product)
    preview = console.get(f"/plans/{plan_id}/start/recovery/preview")
    assert preview.status == 200, preview
    assert f"3 servers in 1 wave: 3 in {HUB}/{WEST}" in preview.text
    assert "DRS replaces 3 recovery instances of drills" in preview.text
    assert preview.text.count(f"launched by {run}") == 3
    assert "readiness has not been checked" in preview.text


def test_the_preview_names_instances_that_are_not_of_a_drill(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    product.finish(product.start(plan_id, "recoveries"))
    sync(product)
    preview = console.get(f"/plans/{plan_id}/start/drill/preview")
    assert "3 recovery instances not of a drill" in preview.text
    assert preview.text.count("NOT a drill&#39;s") == 3
    assert "0 servers in 1 wave" in preview.text, "what would really be launched"
    assert "3 of 3 servers would be left out" in preview.text
    assert "The API would refuse this drill as NOT_READY" in preview.text
    assert "Wave web would lack 3 of its 3 servers, and 0 % may be missing." in preview.text
    assert product.drill(plan_id)["status"] == "NOT_READY"


def test_the_preview_says_first_which_required_group_selects_no_server(
    product: Product, console: ServedConsole
) -> None:
    body = {"name": "empty databases", "accountId": HUB, "region": WEST, "tags": {"tier": "none"}}
    group = product.request("POST", "/protection-groups", body)
    assert group.status == 201, group
    database = {"name": "database", "groups": [{"groupId": group.body["groupId"]}]}
    plan_id = product.plan(make_wave(product), database)
    preview = text_of(console.get(f"/plans/{plan_id}/start/drill/preview"))
    assert "Wave database requires protection group empty databases, which selects no servers." in preview
    assert preview.index("would refuse this drill as NOT_READY") < preview.index("Launches")
    assert product.drill(plan_id)["status"] == "NOT_READY"


def test_the_preview_says_whom_the_run_asks_how_long_it_may_take_and_what_the_check_found(
    product: Product, console: ServedConsole
) -> None:
    task = {"name": "sign-off", "manual": {"instructions": "Place an order."}, "timeoutMinutes": 45}
    wave = make_wave(product, onFailure="ask", pauseBefore=True, before=[task], approval=APPROVAL)
    plan_id = product.plan(wave, rtoTargetMinutes=90)
    product.finish(product.start(plan_id, "readiness"))
    preview = text_of(console.get(f"/plans/{plan_id}/start/drill/preview"))
    assert "web: a person approves it within 10 h; without an answer, the wave is rejected: it is skipped" in preview
    assert "web: the run pauses before it until a person resumes it" in preview
    assert "sign-off before web: a person confirms it within 45 min; without an answer, it counts as failed" in preview
    assert "if wave web fails, a person decides" in preview
    assert "RTO target of the plan: 1 h 30 min" in preview
    findings = product.request("GET", f"/recovery-plans/{plan_id}/readiness").body["findings"]
    assert findings["WARNING"], findings
    assert f", with {plural(findings['WARNING'], 'warning')}" in preview


def test_the_preview_says_how_long_the_last_run_took(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    product.drill(plan_id)
    assert "the last drill took " in console.get(f"/plans/{plan_id}/start/drill/preview").text


def test_the_preview_names_other_runs_with_the_same_servers(product: Product, console: ServedConsole) -> None:
    wave = make_wave(product, approval={"required": True, "timeoutMinutes": 6000})
    group = wave["groups"][0]
    plan_id, other = product.plan({"name": "web", "groups": [group]}, name="one"), product.plan(wave, name="other")
    run = product.start(other)
    wait_until_asked_for(product, run, "APPROVAL")
    preview = console.get(f"/plans/{plan_id}/start/drill/preview")
    assert "Also in" in preview.text
    assert f"{run} of other" in preview.text
    assert "1 of these servers" in preview.text


def test_a_preview_that_cannot_be_read_does_not_prevent_the_start(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    plan_id = make_plan(product)
    path = f"/plans/{plan_id}/start/recovery"
    server.refuse["GET", f"/recovery-plans/{plan_id}/readiness"] = 403
    preview = console.get(f"{path}/preview")
    assert "3 servers in 1 wave" in preview.text
    assert "its readiness: GET" in preview.text
    group = product.request("GET", f"/recovery-plans/{plan_id}").body["waves"][0]["groups"][0]["groupId"]
    server.refuse["GET", f"/protection-groups/{group}"] = 403
    console.deployment.snapshots.forget(f"groups/{plan_id}/1")
    refused = console.get(f"{path}/preview")
    assert "played by the test" in refused.text
    assert 'id="dialog-title"' not in refused.text, "the dialog has its title already"
    answer = console.post(path, {**fields_of(console.get(path)), "words": "a plan"})
    assert "hx-redirect" in answer.headers


def test_a_name_that_is_markup_is_shown_as_text(product: Product, console: ServedConsole) -> None:
    wave = make_wave(product)
    plan_id = product.plan(wave, name=SCRIPT, description=SCRIPT)
    product.drill(plan_id)
    paths = (
        "",
        "/start/readiness",
        "/start/drill",
        "/start/recovery",
        "/start/drill/preview",
        "/launches",
        "/last-drill",
    )
    for path in ("/", "/runs", *(f"/plans/{plan_id}{each}" for each in paths)):
        page = console.get(path)
        assert page.status == 200, page
        assert "<script>alert" not in page.text, path
    assert html.escape(SCRIPT) in console.get(f"/plans/{plan_id}/start/recovery").text
    answer = console.post(
        f"/plans/{plan_id}/start/recovery",
        {**fields_of(console.get(f"/plans/{plan_id}/start/recovery")), "words": '"><script>alert(2)</script>'},
    )
    assert answer.status == 422
    assert "<script>alert" not in answer.text


def test_words_that_are_no_start_and_choices_that_are_none_are_refused(
    product: Product, console: ServedConsole
) -> None:
    plan_id = make_plan(product)
    assert console.get(f"/plans/{plan_id}/start/everything").status == 404
    assert console.get("/plans/..%2Fexecutions/start/drill").status == 404
    fields = fields_of(console.get(f"/plans/{plan_id}/start/drill"))
    assert console.post(f"/plans/{plan_id}/start/drills", fields).status == 404
    assert console.post(f"/plans/{plan_id}/start/drill", {**fields, "actions": "all"}).status == 400
    assert console.get("/plans/rp-none/start/drill").status == 404
    assert runs_of(product, plan_id) == []


def test_a_console_that_is_read_only_starts_nothing_and_has_no_buttons(product: Product, server: ApiHttpServer) -> None:
    plan_id = product.plan(make_wave(product, "web", approval={"required": True, "timeoutMinutes": 6000}))
    wait_until_asked_for(product, product.start(plan_id), "APPROVAL")
    with serving(deployment_of(server, read_only=True)) as served:
        console = served.enter()
        overview = console.get("/").text
        assert "Wave web waits for approval" in overview
        assert "/decide/" not in overview
        assert "/start/" not in console.get(f"/plans/{plan_id}").text
        assert console.get(f"/plans/{plan_id}/start/drill").status == 403
        answer = console.post(f"/plans/{plan_id}/start/drill", {"key": "a", "version": "1"})
    assert answer.status == 403
    assert server.writes == []
