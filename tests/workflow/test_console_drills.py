"""Compliance, schedules, assessments, evidence and histories in the console, as the API has them."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.httpsession import URLLib3Session

from tests.support.api_http_server import CUT, ApiHttpServer
from tests.support.console_forms import buttons_of, notice_of, press, text_of
from tests.support.console_server import Page, ServedConsole, deployment_of, serving
from tests.support.plans import make_wave
from tests.support.product import ANA, EVIDENCE_BUCKET, Product
from tests.support.time_travel import pass_hours

POLICY = {"everyDays": 30, "at": "02:00", "timezone": "Europe/Berlin"}
DAY = 24


@pytest.fixture
def server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as running:
        yield running


@pytest.fixture
def console(server: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(server, interval=0.0)) as served:
        yield served.enter()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is read anew."""
    monkeypatch.setattr("console.reading.drills.compliance.SECONDS_BETWEEN_READS", 0.0)
    monkeypatch.setattr("console.pages.drills.compliance.MAX_AGE_OF_FINDINGS", 0.0)


def drill(product: Product, plan_id: str) -> str:
    """A drill that has ended, and is on record."""
    run = str(product.drill(plan_id)["executionId"])
    product.engine.executions("keep-evidence")[-1].wait(60)
    return run


def row_of(page: Page, row: str) -> str:
    found = page.text.split(f'id="{row}"')
    assert len(found) == 2, (row, page.text)
    return found[1].split("</tr>")[0]


# --- compliance ---------------------------------------------------------------------------------------------------
@pytest.mark.evidence
def test_what_is_overdue_comes_before_what_is_drilled_and_what_has_no_policy(
    product: Product, console: ServedConsole
) -> None:
    late = product.plan(make_wave(product, "late"), name="late", drillPolicy={**POLICY, "automatic": False})
    pass_hours(product, 40 * DAY)
    done = product.plan(make_wave(product, "done"), name="done", drillPolicy=POLICY)
    product.plan(make_wave(product, "free"), name="free")
    run = drill(product, done)
    page = console.get("/compliance")
    assert page.status == 200, page
    order = [page.text.index(f'id="kind-{kind}"') for kind in ("overdue", "no-policy", "compliant")]
    assert order == sorted(order)
    assert page.text.index(f"compliance-{late}") < page.text.index(f"compliance-{done}")
    assert " ago" in row_of(page, f"compliance-{late}")
    assert f"/runs/{run}/assessment" in row_of(page, f"compliance-{done}")
    assert "counts" in row_of(page, f"compliance-{done}")
    assert "1 current" in row_of(page, f"compliance-{done}")
    only = console.get("/compliance?state=overdue&name=LATE")
    assert f"compliance-{late}" in only.text
    assert f"compliance-{done}" not in only.text
    assert 'value="LATE"' in only.text, "the filter stays"
    assert console.get("/compliance?state=odd").status == 400


@pytest.mark.evidence
def test_a_drill_that_does_not_count_says_why(product: Product, console: ServedConsole) -> None:
    wave = {"name": "web", "groups": [product.group(product.seed(1, failsAt="LAUNCH"))], "onFailure": "continue"}
    plan_id = product.plan(wave, name="broken", launchAttempts=1, drillPolicy=POLICY)
    run = drill(product, plan_id)
    row = row_of(console.get("/compliance"), f"compliance-{plan_id}")
    assert "does not count" in row
    (reason, *_) = product.request("GET", f"/executions/{run}/assessment").body["whyNot"]
    assert reason in text_of(Page(200, row, {}))
    assert reason in text_of(console.get(f"/runs/{run}/assessment"))


def test_servers_have_a_page_with_filters(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product, "web", 2), name="shop", drillPolicy=POLICY)
    other = product.plan(make_wave(product, "other"), name="other")
    every = console.get("/compliance/servers")
    assert every.text.count('<tr id="server-') == 3
    mine = console.get(f"/compliance/servers?plan={plan_id}&status=NEVER_DRILLED")
    assert mine.text.count('<tr id="server-') == 2
    assert f'<option value="{plan_id}" selected>' in mine.text
    assert f'/plans/{other}"' not in mine.text
    assert "No server matches" in console.get("/compliance/servers?status=OVERDUE").text
    for odd in ("plan=..%2f..", "status=odd", "page=" + "a" * 5000):
        assert console.get(f"/compliance/servers?{odd}").status == 400, odd


def test_the_overview_says_what_is_overdue_and_does_not_wait_for_it(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    plan_id = product.plan(make_wave(product), name="late", drillPolicy={**POLICY, "automatic": False})
    pass_hours(product, 40 * DAY)
    page = console.get("/")
    assert ("GET", "/compliance") not in server.seen
    assert 'hx-get="/compliance/summary"' in page.text
    summary = console.get("/compliance/summary", **{"HX-Request": "true"})
    assert "<html" not in summary.text
    assert "1 plan" in text_of(summary)
    assert 'href="/compliance?state=overdue"' in summary.text
    assert f'<span id="standing-{plan_id}" hx-swap-oob="true">' in summary.text
    assert "overdue" in row_of(console.get("/"), f"plan-{plan_id}"), "the next page has the standing in the row"


def test_compliance_that_is_refused_leaves_the_overview(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    product.plan(make_wave(product), name="shop")
    server.refuse["GET", "/compliance"] = 403
    assert console.get("/").status == 200
    assert "played by the test" in console.get("/compliance/summary", **{"HX-Request": "true"}).text
    assert console.get("/compliance").status == 403
    server.refuse.clear()
    server.refuse["GET", "/compliance/unplanned-servers"] = 403
    assert "What is in no plan cannot be read" in console.get("/compliance").text


@pytest.mark.evidence
def test_the_downloads_are_the_files_of_the_command(product: Product, console: ServedConsole) -> None:
    done = product.plan(make_wave(product, "done"), name="<done>", drillPolicy=POLICY)
    product.plan(make_wave(product, "free"), name="=free")
    drill(product, done)
    table = console.get("/compliance.csv")
    assert table.headers["content-disposition"] == 'attachment; filename="compliance.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert {row["planId"]: row["status"] for row in rows}[done] == "COMPLIANT"
    assert len(rows) == 2
    page = console.get("/compliance.html")
    assert page.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in page.headers["content-security-policy"]
    assert "&lt;done&gt;" in page.text
    assert "<done>" not in page.text


# --- schedules ----------------------------------------------------------------------------------------------------
def test_a_plan_shows_its_policy_and_its_appointments_in_its_zone(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=POLICY)
    page = console.get(f"/plans/{plan_id}")
    coming = product.request("GET", f"/recovery-plans/{plan_id}/drill-schedule").body["next"]
    assert "every 30 days at 02:00, Europe/Berlin" in page.text
    assert "Those after the first are a forecast" in page.text
    row = row_of(page, f"appointment-{coming[0]['at']}")
    assert coming[0]["at"][:16].replace("T", " ") in row
    assert re.search(r"\d 02:00 CES?T", row)
    assert buttons_of(page).count("Pause the schedule") == 1


@pytest.mark.parametrize(
    "policy",
    [
        {"schedule": "0 2 * * *"},
        {"schedule": "cron(0 2 ? * SAT *)", "automatic": False},
        {"everyDays": 1},
        {"everyDays": 90, "firstOn": "2099-01-01", "cleanUpAfterHours": 4, "timezone": "Europe/Berlin"},
        {"schedule": "0 2 * * *", "invalidatedBy": [], "skipIfNotReady": False},
    ],
)
def test_a_plan_with_any_kind_of_policy_shows_its_appointments(
    product: Product, console: ServedConsole, policy: dict[str, Any]
) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=policy)
    page = console.get(f"/plans/{plan_id}")
    assert page.status == 200, page
    assert page.text.count('<tr id="appointment-') == 5
    assert ("are a forecast" in page.text) == ("everyDays" in policy)
    assert console.get("/compliance").status == 200


@pytest.mark.parametrize("mode", ["drills", "recoveries", "readiness"])
def test_every_kind_of_run_has_a_page_about_its_assessment(product: Product, console: ServedConsole, mode: str) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy={"schedule": "0 2 * * *"})
    run = product.start(plan_id, mode)
    assert console.get(f"/runs/{run}/assessment").status == 200, "while it goes on"
    product.machine(run).wait(60)
    assert console.get(f"/runs/{run}/assessment").status == 200


def test_a_plan_without_a_policy_has_nothing_to_pause(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop")
    page = console.get(f"/plans/{plan_id}")
    assert "The plan has no drillPolicy" in page.text
    assert "Pause the schedule" not in buttons_of(page)
    dialog = console.get(f"/plans/{plan_id}/schedule/pause", **{"HX-Request": "true"})
    assert "<form" not in dialog.text


def test_a_schedule_is_paused_and_resumed_by_dialogs(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=POLICY)
    path = f"/plans/{plan_id}/schedule"
    stale = console.get(f"{path}/pause", **{"HX-Request": "true"})
    assert "No drill of this plan begins by itself" in stale.text
    assert "no drill" in notice_of(press(console, f"{path}/pause", comment="moving <house>")).lower()
    page = console.get(f"/plans/{plan_id}")
    assert "moving &lt;house&gt;" in page.text
    assert "Resume the schedule" in buttons_of(page)
    assert "paused" in row_of(console.get("/compliance"), f"compliance-{plan_id}")
    writes = list(server.writes)
    seen = re.search(r'name="seen" value="([^"]*)"', stale.text)
    assert seen
    late = console.post(f"{path}/pause", {"key": "k" * 20, "seen": seen[1]})
    assert late.status == 409
    assert "has changed since this dialog was opened" in late.text
    assert server.writes == writes
    assert "It is paused already" in console.get(f"{path}/pause", **{"HX-Request": "true"}).text
    notice_of(press(console, f"{path}/resume"))
    assert product.request("GET", f"/recovery-plans/{plan_id}/drill-schedule").body["paused"] is None
    page = console.get(f"/plans/{plan_id}")
    by = f'<span class="id">{ANA}</span>'
    assert f"paused by {by}: moving &lt;house&gt;; resumed by {by}" in page.text


def test_a_pause_whose_answer_is_lost_says_so_and_can_be_sent_again(
    product: Product, server: ApiHttpServer, console: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.sending.MAX_SECONDS_OF_TRIES", 0.0)
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=POLICY)
    server.instead["POST", f"/recovery-plans/{plan_id}/drill-schedule/pause"] = [(CUT, None)]
    lost = press(console, f"/plans/{plan_id}/schedule/pause")
    assert lost.status == 504
    assert "may have been recorded" in lost.text
    assert 'type="submit"' in lost.text


def test_a_past_appointment_has_its_result(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=POLICY)
    notice_of(press(console, f"/plans/{plan_id}/schedule/pause"))
    pass_hours(product, 3 * DAY)
    product.engine.invoke("StartDrills", {})
    (past, *_) = product.request("GET", f"/recovery-plans/{plan_id}/drill-schedule").body["past"]
    row = row_of(console.get(f"/plans/{plan_id}"), f"past-{past['at']}")
    assert past["status"].lower() in row
    assert past["reason"] in text_of(Page(200, row, {}))


@pytest.mark.parametrize("part", ["drill-schedule", "drill-findings", "evidence"])
def test_a_part_of_a_plan_that_is_refused_leaves_the_page(
    product: Product, server: ApiHttpServer, console: ServedConsole, part: str
) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=POLICY)
    server.refuse["GET", f"/recovery-plans/{plan_id}/{part}"] = 403
    page = console.get(f"/plans/{plan_id}")
    assert page.status == 200
    assert "cannot be read" in page.text


# --- assessments --------------------------------------------------------------------------------------------------
@pytest.mark.evidence
def test_a_verdict_is_given_about_what_the_dialog_has_shown(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=POLICY)
    run = drill(product, plan_id)
    page = console.get(f"/runs/{run}/assessment")
    assert {"Accept the drill", "Reject the drill", "Open a drill finding"} <= set(buttons_of(page))
    before = console.get(f"/runs/{run}/verdict/accept", **{"HX-Request": "true"})
    assert "is recorded: rejected" in notice_of(press(console, f"/runs/{run}/verdict/reject", comment="no orders"))
    writes = list(server.writes)
    seen = re.search(r'name="seen" value="([^"]*)"', before.text)
    assert seen
    late = console.post(f"/runs/{run}/verdict/accept", {"key": "k" * 20, "seen": seen[1], "comment": "fine"})
    assert late.status == 409
    assert "another person may have given a verdict" in late.text
    assert "fine" in late.text, "what was typed stays"
    assert server.writes == writes
    found = text_of(console.get(f"/runs/{run}/assessment"))
    assert "rejected" in found
    assert "no orders" in found
    assert "accepted" in notice_of(press(console, f"/runs/{run}/verdict/accept"))
    assert "1 earlier verdict" in console.get(f"/runs/{run}/assessment").text


def test_a_rejection_without_a_reason_sends_nothing(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    run = product.drill(product.plan(make_wave(product)))["executionId"]
    refused = press(console, f"/runs/{run}/verdict/reject", comment="  ")
    assert refused.status == 422
    assert "A comment is needed" in refused.text
    assert server.writes == []


def test_a_verdict_that_the_api_refuses_says_why(product: Product, console: ServedConsole) -> None:
    run = product.drill(product.plan(make_wave(product, onFailure="ask"), fourEyes=True))["executionId"]
    assert "Four eyes" in console.get(f"/runs/{run}/verdict/accept", **{"HX-Request": "true"}).text
    refused = press(console, f"/runs/{run}/verdict/accept")
    assert refused.status == 409
    assert "another person" in refused.text


def test_a_verdict_whose_answer_is_lost_says_so(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    run = product.drill(product.plan(make_wave(product)))["executionId"]
    server.instead["PUT", f"/executions/{run}/verdict"] = [(CUT, None)]
    lost = press(console, f"/runs/{run}/verdict/accept")
    assert lost.status == 504
    assert "may have been recorded" in lost.text


def test_a_finding_is_opened_closed_and_reopened(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop")
    run = product.drill(plan_id)["executionId"]
    path = f"/runs/{run}/drill-findings/open"
    refused = press(console, path, title="DNS by hand", owner="", due="2099-12-31")
    assert refused.status == 422
    assert 'value="DNS by hand"' in refused.text, "what was typed stays"
    assert "is recorded" in notice_of(press(console, path, title="DNS <by> hand", owner="network", due="2099-12-31"))
    (finding,) = product.request("GET", f"/recovery-plans/{plan_id}/drill-findings").body["drillFindings"]
    for page in (console.get(f"/runs/{run}/assessment"), console.get(f"/plans/{plan_id}")):
        assert "DNS &lt;by&gt; hand" in row_of(page, f"finding-{finding['findingId']}")
    change = f"/plans/{plan_id}/drill-findings/{finding['findingId']}"
    assert press(console, f"{change}/close", comment="").status == 422
    assert "closed" in notice_of(press(console, f"{change}/close", comment="an action does it"))
    assert "has closed it" in console.get(f"{change}/close", **{"HX-Request": "true"}).text
    assert "an action does it" in console.get(f"/runs/{run}/assessment").text
    assert "finding-" not in console.get(f"/plans/{plan_id}").text, "only open ones are on the page of the plan"
    assert "open again" in notice_of(press(console, f"{change}/reopen", comment="it did not"))
    assert console.get(f"/plans/{plan_id}/drill-findings/df-none/close").status == 404


@pytest.mark.evidence
def test_findings_that_are_overdue_are_on_the_overview(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop", drillPolicy=POLICY)
    run = drill(product, plan_id)
    tomorrow = product.request("GET", "/compliance").body["asOf"][:10]
    assert "is recorded" in notice_of(
        press(console, f"/runs/{run}/drill-findings/open", title="DNS", owner="network", due=tomorrow)
    )
    part = console.get("/compliance/findings?overdue", **{"HX-Request": "true"})
    assert "1 drill finding open, none overdue" in text_of(part)
    pass_hours(product, 3 * DAY)
    assert "1 drill finding" in text_of(console.get("/compliance/findings?overdue", **{"HX-Request": "true"}))
    assert "overdue" in console.get("/compliance/findings", **{"HX-Request": "true"}).text


def test_a_finding_is_shown_before_its_drill_is_on_record(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop")
    run = product.drill(plan_id)["executionId"]
    assert "No drill finding is open" in text_of(console.get("/compliance/findings"))
    words = {"title": "no dns", "owner": "net", "due": "2030-01-01"}
    assert "recorded" in notice_of(press(console, f"/runs/{run}/drill-findings/open", **words))
    assert "no dns" in text_of(console.get("/compliance/findings"))


@pytest.mark.evidence
def test_the_head_of_a_run_says_that_it_was_rejected_and_that_the_verdict_is_of_who_started_it(
    product: Product, console: ServedConsole
) -> None:
    run = drill(product, product.plan(make_wave(product), name="shop"))
    page = console.get(f"/runs/{run}")
    assert f'hx-get="/runs/{run}/verdict"' in page.text
    assert text_of(console.get(f"/runs/{run}/verdict")).strip() == ""
    press(console, f"/runs/{run}/verdict/reject", comment="no orders")
    product.engine.executions("keep-evidence")[-1].wait(60)
    head = console.get(f"/runs/{run}/verdict")
    assert "rejected" in text_of(head)
    assert "does not count" in text_of(head)
    assert "This may be the person who started the run" in text_of(console.get(f"/runs/{run}/assessment"))


def test_a_readiness_check_has_no_verdict(product: Product, console: ServedConsole) -> None:
    run = product.finish(product.start(product.plan(make_wave(product)), "readiness"))["executionId"]
    page = console.get(f"/runs/{run}/assessment")
    assert page.status == 200
    assert not {"Accept the drill", "Open a drill finding"} & set(buttons_of(page))


# --- evidence -----------------------------------------------------------------------------------------------------
@pytest.fixture
def bucket(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses of objects lead to AWS, which is not here: what they ask for is read of the S3 of the product."""

    send = URLLib3Session.send

    def answer(session: URLLib3Session, request: Any) -> Any:
        parts = urlsplit(request.url)
        if not parts.netloc.startswith(EVIDENCE_BUCKET):
            return send(session, request)
        query = parse_qs(parts.query)
        assert "X-Amz-Signature" in query
        key, version = unquote(parts.path.removeprefix("/")), query["versionId"][0]
        found = product.engine.client("s3").get_object(Bucket=EVIDENCE_BUCKET, Key=key, VersionId=version)
        return SimpleNamespace(status_code=200, content=found["Body"].read())

    monkeypatch.setattr(URLLib3Session, "send", answer)


@pytest.mark.evidence
def test_evidence_is_downloaded_through_the_console_and_compared_with_its_sum(
    product: Product, console: ServedConsole, bucket: None
) -> None:
    plan_id = product.plan(make_wave(product), name="shop")
    run = drill(product, plan_id)
    page = console.get(f"/runs/{run}/assessment")
    assert "X-Amz" not in page.text, "the address in the bucket is good for whoever has it"
    (each,) = product.request("GET", f"/executions/{run}/evidence").body["evidence"]
    assert each["manifestSha256"] in page.text
    for file in each["files"]:
        assert file["sha256"] in page.text
        assert f'/runs/{run}/evidence/end/{file["name"]}"' in page.text
        content = console.download(f"/runs/{run}/evidence/end/{file['name']}")
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    answer = console.get(f"/runs/{run}/evidence/end/report.html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert console.get(f"/runs/{run}/evidence/end/none.txt").status == 404
    assert console.get(f"/runs/{run}/evidence/verdict-9/report.html").status == 404
    assert each["manifestSha256"] in console.get(f"/plans/{plan_id}").text


@pytest.mark.evidence
def test_evidence_that_is_not_as_it_was_written_is_not_handed_out(
    product: Product, server: ApiHttpServer, console: ServedConsole, bucket: None
) -> None:
    run = drill(product, product.plan(make_wave(product)))
    found: dict[str, Any] = product.request("GET", f"/executions/{run}/evidence").body
    file = next(each for each in found["evidence"][0]["files"] if each["name"] == "report.json")
    file["sha256"] = hashlib.sha256(b"what an attacker would like to be read").hexdigest()
    server.instead["GET", f"/executions/{run}/evidence"] = [(200, found)]
    refused = console.get(f"/runs/{run}/evidence/end/report.json")
    assert refused.status == 409
    assert "has not the SHA-256 that is on record" in refused.text
    assert "X-Amz" not in refused.text
    server.instead["GET", f"/executions/{run}/evidence"] = [(200, found)]
    part = console.get(f"/runs/{run}/evidence/end", **{"HX-Request": "true"})
    assert "not verified" in text_of(part)


@pytest.mark.evidence
def test_a_verification_says_what_the_command_says(product: Product, console: ServedConsole, bucket: None) -> None:
    run = drill(product, product.plan(make_wave(product)))
    assert f'hx-get="/runs/{run}/evidence/end"' in console.get(f"/runs/{run}/assessment").text
    part = console.get(f"/runs/{run}/evidence/end", **{"HX-Request": "true"})
    assert part.status == 200, part
    assert "<html" not in part.text
    assert "✓ verified Each file has the sum" in text_of(part)
    assert "is not signed" in text_of(part), "what it does not prove"
    assert console.get(f"/runs/{run}/evidence/none").status == 404


# --- histories ----------------------------------------------------------------------------------------------------
def test_a_plan_shows_who_changed_it_and_what(product: Product, console: ServedConsole) -> None:
    wave = make_wave(product, "web")
    plan_id = product.plan(wave, name="shop")
    body = product.request("GET", f"/recovery-plans/{plan_id}").body
    changed = {
        "name": "shop",
        "waves": [{**body["waves"][0], "pauseBefore": True}],
        "version": body["version"],
    }
    assert product.request("PUT", f"/recovery-plans/{plan_id}", changed).status == 200
    page = console.get(f"/plans/{plan_id}")
    path = re.search(r'hx-get="(/plans/[^"]*/newest-history[^"]*)"', page.text)
    assert path
    part = console.get(path[1], **{"HX-Request": "true"})
    assert "wave web: pause before it: " in text_of(part)
    whole = console.get(f"/history/plan/{plan_id}")
    assert text_of(whole).index("changed") < text_of(whole).index("created")
    group = body["waves"][0]["groups"][0]["groupId"]
    assert f'href="/history/group/{group}"' in page.text
    assert "created" in console.get(f"/history/group/{group}").text


def test_a_deleted_plan_keeps_its_history(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop")
    assert product.request("DELETE", f"/recovery-plans/{plan_id}").status in (200, 204)
    assert "deleted" in console.get(f"/history/plan/{plan_id}").text
    assert console.get("/history/plan/rp-none").status == 404
    assert console.get(f"/history/run/{plan_id}").status == 404
