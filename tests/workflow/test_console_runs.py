"""The page of a run in the console: what it says of the run, its waves and what it waits for."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api_http_server import ApiHttpServer
from tests.support.console_forms import buttons_of, text_of
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.instance_cache import sync
from tests.support.plans import make_failing_wave, make_plan, make_wave
from tests.support.product import Product
from tests.support.report_facts import NASTY, batch, decision, job, record, wave
from tests.support.runs import decide, wait_until_asked_for

MAX_BYTES = 300_000
RUN = "drill-20261122-080000-abcdef"


@pytest.fixture
def server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as running:
        yield running


@pytest.fixture
def console(server: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(server)) as served:
        yield served.enter()


def whole_record(*waves: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A made-up record with all that the API's have."""
    runs = [{"executionId": RUN, "status": "COMPLETED", "requestedAt": "2026-11-22T08:00:00.000Z", "endedAt": None}]
    chain = {"executions": runs, "servers": {"total": 2, "launched": 2}, "durationSeconds": 60}
    fields = {"batchesLeftOut": 0, "state": more.get("status", "COMPLETED"), "chain": chain, "fourEyes": False}
    options = {"commentsRequired": False, "replaceExisting": False, "actionsOption": "run", "profilesOption": "apply"}
    return record(*waves, **{**fields, **options, "reserveCapacity": False, "actions": [], "mode": "RECOVERY", **more})


def play(server: ApiHttpServer, run: dict[str, Any]) -> None:
    """Let the API answer with this record, as often as it is asked."""
    server.instead["GET", f"/executions/{RUN}"] = [(200, run)] * 20


def test_the_head_of_a_run_names_its_plan_its_state_and_its_pages(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    run = product.drill(plan_id)["executionId"]
    page = console.get(f"/runs/{run}")
    assert page.status == 200
    assert f'href="/plans/{plan_id}"' in page.text
    assert "COMPLETED" in page.text
    assert f'<a href="/runs/{run}" aria-current="page">Run</a>' in page.text
    assert f'<a href="/runs/{run}/servers">Servers</a>' in page.text


def test_the_page_draws_the_waves_and_the_timeline_and_has_a_row_for_each_wave(
    product: Product, console: ServedConsole
) -> None:
    approval = {"required": True, "timeoutMinutes": 60}
    waves = make_wave(product, "db", 2), make_wave(product, "web", 1, approval=approval, dependsOn=["db"])
    run = product.start(product.plan(*waves, rtoTargetMinutes=60))
    wait_until_asked_for(product, run, "APPROVAL")
    page = console.get(f"/runs/{run}")
    assert page.text.count('<a href="#wave-') == 2
    assert 'id="wave-web"' in page.text
    assert "needs approval within 60 min, else reject" in page.text
    assert f"Timeline of {run}" in page.text
    assert "Wave web waits for approval since" in page.text
    assert "Without an answer by then, the wave is rejected" in page.text
    assert "<title>(1) Drill of a plan" in page.text
    assert " style=" not in page.text
    decide(product, run, "cancel")
    product.finish(run)


def test_what_became_of_a_run_is_on_its_page_for_an_auditor(product: Product, console: ServedConsole) -> None:
    plan = product.plan(make_failing_wave(product, "web", onFailure="ask"), launchAttempts=1)
    run = product.start(plan)
    wait_until_asked_for(product, run, "DECISION")
    decide(product, run, "waves/web/accept", "the other server is enough")
    ended = product.finish(run)
    page = console.get(f"/runs/{run}")
    text = text_of(page)
    [told] = ended["decisions"]
    assert told["by"] in page.text
    assert "the other server is enough" in text
    assert "Servers that need attention" in text
    [failed] = [each for each in product.servers(run) if each["status"] == "FAILED"]
    assert failed["cause"] in text
    assert failed["advice"] in text
    assert ended["executionArn"] in page.text
    assert "1 instance stays and costs money" in text


def test_the_execution_is_linked_to_the_console_of_aws_and_in_the_sandbox_to_none(
    product: Product, server: ApiHttpServer
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    for speed, has_link in ((None, True), (60.0, False)):
        with serving(deployment_of(server, speed=speed)) as served:
            page = served.enter().get(f"/runs/{run}")
            assert ("console.aws.amazon.com/states/home?region=" in page.text) is has_link
            assert ("get-execution-history" in page.text) is not has_link


def test_a_run_of_forty_waves_and_five_hundred_batches_is_a_small_page(
    server: ApiHttpServer, console: ServedConsole
) -> None:
    waves = [
        wave(f"wave-{number:02}", "COMPLETED", number, number + 5, dependsOn=[f"wave-{number - 5:02}"][: number >= 5])
        for number in range(40)
    ]
    batches = [batch(f"wave-{n % 40:02}", job(1, n % 40, n % 40 + 4, 100), batch=n, servers=100) for n in range(500)]
    decisions = [decision("approve", number, f"wave-{number:02}", "c" * 200) for number in range(40)]
    play(server, whole_record(*waves, batches=batches, decisions=decisions))
    page = console.get(f"/runs/{RUN}")
    assert page.status == 200
    assert page.text.count('class="job"') == 500
    assert len(page.text.encode()) < MAX_BYTES


def test_a_page_stays_small_however_many_batches_wait_for_aws(server: ApiHttpServer, console: ServedConsole) -> None:
    wait: dict[str, Any] = {
        "wave": "db",
        "for": "DRS",
        "since": "2026-11-22T08:01:00.000Z",
        "text": "t" * 500,
        "answers": [],
    }
    open_run = {"status": "POLLING", "state": "RUNNING", "endedAt": None, "waitingFor": [wait] * 500}
    batches = [batch("db", *[job(each, 1, 4, 2) for each in range(1, 4)]) for _ in range(2000)]
    play(server, whole_record(wave("db", "IN_PROGRESS", 1, None), batches=batches, **open_run))
    page = console.get(f"/runs/{RUN}")
    assert "And 490 more waits" in page.text
    assert "too many to draw" in page.text
    assert len(page.text.encode()) < MAX_BYTES


def test_markup_in_what_people_wrote_is_text_on_the_page(server: ApiHttpServer, console: ServedConsole) -> None:
    told = {**decision("approve", 3, "web", NASTY), "by": NASTY}
    wait: dict[str, Any] = {"wave": "web", "for": "ACTION", "action": "x", "text": NASTY, "answers": []}
    run = whole_record(
        wave("web", "FAILED", 1, 2, reason=NASTY), decisions=[told], planName=NASTY, notes=[NASTY], waitingFor=[wait]
    )
    play(server, {**run, "reason": NASTY, "requestedBy": NASTY, "executionArn": NASTY, "cancelledBy": NASTY})
    page = console.get(f"/runs/{RUN}")
    assert page.status == 200
    assert "alert(1)" in page.text
    assert "<script>alert" not in page.text
    assert "</td></svg>" not in page.text.replace("</td></tr>", "")


def test_a_page_says_what_it_knows_when_the_api_answers_for_the_record_only(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    plan = product.plan(make_failing_wave(product, "web", onFailure="continue"), launchAttempts=1)
    run = product.drill(plan)["executionId"]
    for path in ("servers", "recovery-plan"):
        server.refuse["GET", f"/executions/{run}/{path}"] = 500
    page = console.get(f"/runs/{run}")
    assert page.status == 200
    assert "The API does not answer which servers these are." in page.text
    assert 'id="wave-web"' in page.text


@pytest.mark.parametrize("mode", ["readiness", "drills", "recoveries"])
def test_a_run_of_each_kind_has_its_page_from_its_start_to_its_end(
    product: Product, console: ServedConsole, mode: str
) -> None:
    run = product.start(make_plan(product), mode)
    assert console.get(f"/runs/{run}").status == 200
    ended = product.finish(run)
    page = console.get(f"/runs/{run}")
    assert (page.status, ended["status"] in page.text) == (200, True)
    assert ("Clean up the drill" in page.text) is (mode == "drills")


def test_a_refused_run_says_why_and_can_be_neither_continued_nor_cleaned_up(
    product: Product, console: ServedConsole
) -> None:
    nothing = product.group(tags={"tier": "nowhere"})
    run = product.start(product.plan(make_wave(product), {"name": "none", "groups": [nothing]}))
    ended = product.finish(run)
    assert ended["status"] == "NOT_READY", ended
    page = console.get(f"/runs/{run}")
    assert page.status == 200
    assert buttons_of(page) == []
    assert "NOT_READY" in page.text


def test_a_status_and_options_of_a_later_version_are_shown_as_they_are(
    server: ApiHttpServer, console: ServedConsole
) -> None:
    run = whole_record(wave("web", "HIBERNATING", 1, None), state="DREAMING", actionsOption="sometimes")
    play(server, run)
    page = console.get(f"/runs/{RUN}")
    assert page.status == 200
    assert "HIBERNATING" in page.text
    assert "DREAMING" in page.text
    assert "sometimes" in page.text


@pytest.mark.parametrize("run", ["drill-20261122-081530-4f1c09", "..%2Fhealth", "%2e%2e", "a%20b", "%00"])
def test_a_run_that_is_not_there_is_said_to_be_not_there(console: ServedConsole, run: str) -> None:
    assert console.get(f"/runs/{run}").status == 404


def test_the_style_of_the_drawings_is_served_and_has_no_address_in_it(console: ServedConsole) -> None:
    style = console.get("/static/drawings.css")
    assert (style.status, style.headers["content-type"].split(";")[0]) == (200, "text/css")
    assert "url(" not in style.text


# --- what is left of a drill, and its time ----------------------------------------------------------------------------
def test_a_drill_counts_the_instances_that_are_left_as_its_dialog_does(
    product: Product, console: ServedConsole
) -> None:
    first = product.group(product.seed(2))
    run = product.drill(product.plan({"name": "web", "groups": [first]}))["executionId"]
    assert "2 instances stay and cost money" in text_of(console.get(f"/runs/{run}"))
    unsynced = text_of(console.get(f"/runs/{run}/cleanup/preview"))
    assert "This terminates 2 recovery instances" in unsynced
    assert "the cache has not read these accounts and Regions yet" in unsynced
    one = product.group(product.servers(run)[0]["sourceServerId"].split())
    later = product.drill(product.plan({"name": "web", "groups": [one]}, name="later"))
    assert later["status"] == "COMPLETED"
    sync(product)
    console.deployment.snapshots.forget(f"instances/{run}")
    dialog = text_of(console.get(f"/runs/{run}/cleanup/preview"))
    assert "This terminates 1 recovery instance ." in dialog
    assert "1 other instance on record is gone: a later run replaced them, or they were terminated." in dialog
    assert "By the cache of recovery instances, as of 20" in dialog
    assert "asks DRS again right before it terminates" in dialog
    assert ">Terminate 1 instance</button>" in console.get(f"/runs/{run}/cleanup/preview").text
    page = text_of(console.get(f"/runs/{run}"))
    assert "1 instance stays and costs money; 1 on record is gone" in page


def test_what_the_cache_does_not_answer_for_is_not_said_to_be_gone(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    server.refuse["GET", "/recovery-instances"] = 403
    dialog = text_of(console.get(f"/runs/{run}/cleanup/preview"))
    assert "This terminates 3 recovery instances" in dialog
    assert "which of these still exist" in dialog
    assert "are gone" not in dialog


def test_a_clean_up_that_runs_is_at_the_top_and_a_continuation_is_not_suggested_after_it(
    product: Product, server: ApiHttpServer, console: ServedConsole
) -> None:
    plan = product.plan(make_failing_wave(product, "web", onFailure="continue"), launchAttempts=1)
    run = product.drill(plan)["executionId"]
    before = console.get(f"/runs/{run}").text
    assert 'class="main"' in before.split('id="run-buttons"')[1].split("</div>")[0]
    path = f"/executions/{run}/cleanup"
    none = product.request("GET", path).body
    running = {**none, "status": "RUNNING", "instances": {"total": 5, "terminated": 3, "failed": 0}}
    server.instead["GET", path] = [(200, running)] * 5
    console.deployment.snapshots.forget(f"run/{run}")
    page = console.get(f"/runs/{run}").text
    assert page.index('id="cleanup-progress"') < page.index('id="waves-heading"')
    assert "3 of 5 instances terminated" in page.split('id="cleanup-progress"')[1].split("</section>")[0]
    assert 'class="main"' not in page.split('id="run-buttons"')[1].split("</div>")[0]
    dialog = text_of(console.get(f"/runs/{run}/continue"))
    assert "The instances of this drill are being terminated : a continuation launches their servers again" in dialog
    assert "would launch those servers again" in page.split('id="continue-note"')[1].split("</p>")[0]


def test_a_run_over_its_rto_is_marked_while_it_runs(server: ApiHttpServer, console: ServedConsole) -> None:
    late = {"status": "POLLING", "state": "RUNNING", "endedAt": None, "rtoTargetMinutes": 60, "durationSeconds": 3796}
    play(server, whole_record(wave("web", "IN_PROGRESS", 1, None), **late))
    text = text_of(console.get(f"/runs/{RUN}"))
    assert "1:03:16 of 1:00:00 RTO, over by 3:16. ✗ over its RTO" in text
    assert "◆ RECOVERY" in text


def test_a_run_that_counts_its_servers_gives_no_total(server: ApiHttpServer, console: ServedConsole) -> None:
    early = {"status": "PENDING", "state": "STARTING", "endedAt": None, "durationSeconds": 4}
    counts = {"total": 4, "launched": 0, "failed": 0, "excluded": 0, "launching": 0}
    waiting = wave("web", "WAITING", None, None, servers=counts)
    play(server, whole_record(waiting, **early, servers=counts))
    text = text_of(console.get(f"/runs/{RUN}"))
    assert "counting servers" in text
    assert "0 of 4" not in text
    assert "0/4" not in text
