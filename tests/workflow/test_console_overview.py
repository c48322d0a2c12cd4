"""The first page, the list of runs and the page of a plan show what the API says."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from tests.support.api_http_server import ApiHttpServer
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.instance_cache import sync
from tests.support.plans import make_failing_wave, make_plan, make_wave
from tests.support.product import Product
from tests.support.runs import wait_until_asked_for


@pytest.fixture
def server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as running:
        yield running


@pytest.fixture
def console(server: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(server, interval=0.0)) as served:
        yield served.enter()


APPROVAL = {"required": True, "timeoutMinutes": 6000, "onTimeout": "reject"}


# --- the first page -----------------------------------------------------------------------------------------------
def test_a_deployment_without_plans_says_what_to_do(console: ServedConsole) -> None:
    page = console.get("/")
    assert "drs-waves plan init" in page.text
    assert "drs-waves plan apply FILE" in page.text


def test_what_waits_comes_first_with_a_button_for_each_answer(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product, "web", approval=APPROVAL), name="shop", fourEyes=True)
    run = product.start(plan_id)
    wait_until_asked_for(product, run, "APPROVAL")
    page = console.get("/")
    assert "<title>(1) Overview" in page.text
    assert page.text.index("What waits for you") < page.text.index("What runs")
    assert "Wave web waits for approval since" in page.text
    assert "then rejected; to approve, another person than" in page.text
    assert "Needs another person" in page.text
    assert f'hx-get="/runs/{run}/decide/approve?wave=web"' in page.text
    assert f'hx-get="/runs/{run}/decide/reject?wave=web"' in page.text
    assert ">Approve web</button>" in page.text


_ANSWERS = (
    ("retry", "Retry what failed in wave web"),
    ("accept", "Accept wave web as it is"),
    ("abort", "Give up wave web and stop the run"),
)


def test_a_failed_wave_offers_what_the_api_accepts_for_it(product: Product, console: ServedConsole) -> None:
    run = product.start(product.plan(make_failing_wave(product, "web", onFailure="ask"), launchAttempts=1))
    wait_until_asked_for(product, run, "DECISION")
    page = console.get("/")
    assert "1 of 2 servers" in page.text, "why the wave asks"
    for decision, words in _ANSWERS:
        assert f'hx-get="/runs/{run}/decide/{decision}?wave=web"' in page.text
        assert f">{words}</button>" in page.text


def test_a_paused_run_offers_to_resume_it(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product, "one", approval=APPROVAL))
    run = product.start(plan_id)
    assert product.request("POST", f"/executions/{run}/pause").status == 200
    page = console.get("/")
    assert f'hx-get="/runs/{run}/decide/resume"' in page.text


def test_what_runs_shows_its_progress(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product, "web", 2, approval=APPROVAL), rtoTargetMinutes=60)
    run = product.start(plan_id)
    page = console.get("/")
    row = page.text.split(f'id="run-{run}"')[1].split("</tr>")[0]
    assert "0/1" in row
    assert "of 1:00:00 RTO" in row


def test_more_open_runs_than_are_read_one_by_one_are_shown_as_the_list_has_them(
    product: Product, console: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.reading.overview.MAX_RECORDS", 0)
    run = product.start(product.plan(make_wave(product, "web", approval=APPROVAL)))
    wait_until_asked_for(product, run, "APPROVAL")
    page = console.get("/")
    assert "on its page" in page.text.split(f'id="run-{run}"')[1].split("</tr>")[0]
    assert "Approval of web until" in page.text
    assert f'hx-get="/runs/{run}/decide/approve?wave=web"' in page.text


def test_a_plan_shows_its_last_drill_against_its_targets(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product), name="shop", rtoTargetMinutes=6000, rpoTargetMinutes=600)
    run = product.drill(plan_id)["executionId"]
    page = console.get("/")
    path = re.search(r'hx-get="(/plans/[^"]*/last-drill[^"]*)"', page.text)
    assert path, "the figures are read when the row is seen"
    assert path[1] == f"/plans/{plan_id}/last-drill?run={run}"
    cell = console.get(path[1])
    assert "<html" not in cell.text
    assert f'href="/runs/{run}"' in cell.text
    assert "COMPLETED" in cell.text
    assert "of 100:00:00" in cell.text
    assert cell.text.count("met</span>") == 2
    assert "last-drill" not in console.get("/").text, "the next page has the figures"


def test_the_last_drill_of_a_plan_that_is_not_among_the_newest_runs_is_looked_for(
    product: Product, console: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.reading.overview.RUNS_LOOKED_AT", "1")
    plan_id, other = make_plan(product), product.plan(make_wave(product, "mail"), name="mail")
    run = product.drill(plan_id)["executionId"]
    product.finish(product.start(plan_id, "readiness"))
    product.drill(other)
    assert f'hx-get="/plans/{plan_id}/last-drill"' in console.get("/").text
    assert f'href="/runs/{run}"' in console.get(f"/plans/{plan_id}/last-drill").text


def test_a_plan_without_a_drill_says_so(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    assert "no drill yet" in console.get("/").text
    assert "no drill yet" in console.get(f"/plans/{plan_id}/last-drill").text


def test_a_plan_shows_its_readiness_and_what_blocks(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    run = product.finish(product.start(plan_id, "readiness"))["executionId"]
    row = console.get("/").text.split(f'id="plan-{plan_id}"')[1].split("</tr>")[0]
    assert f'href="/runs/{run}"' in row
    assert "READY" in row


def test_what_ended_lately_is_shown_whatever_became_of_it(product: Product, console: ServedConsole) -> None:
    shop = make_plan(product)
    drill = product.drill(shop)["executionId"]
    check = product.finish(product.start(shop, "readiness"))["executionId"]
    nothing = product.group(tags={"tier": "nowhere"})
    bad = product.plan(make_wave(product), {"name": "none", "groups": [nothing]}, name="mail")
    refused = product.finish(product.start(bad, "recoveries"))
    assert refused["status"] == "NOT_READY"
    page = console.get("/")
    assert "What ended lately" in page.text
    assert re.findall(r'<tr id="ended-([^"]+)"', page.text) == [refused["executionId"], check, drill]
    row = page.text.split(f'id="ended-{refused["executionId"]}"')[1].split("</tr>")[0]
    assert "NOT_READY" in row
    assert "RECOVERY</span>" in row, "a recovery does not look like a drill"
    assert refused["reason"][:100] in unescape(row)
    head = console.get(f"/runs/{refused['executionId']}").text
    assert 'class="tag recovery"' in head.split('class="run-head"')[1].split("</nav>")[0]
    assert 'class="tag recovery"' in console.get("/runs").text


def test_instances_that_drills_left_running_are_one_line_with_their_cost(
    product: Product, console: ServedConsole
) -> None:
    plan_id = product.plan(make_wave(product, "web", 2))
    product.drill(plan_id)
    assert "drills-left" not in console.get("/").text, "the cache knows of none"
    sync(product)
    console.deployment.snapshots.forget("drills-left")
    line = console.get("/").text.split('id="drills-left"')[1].split("</p>")[0]
    by_hour = sum(each["usdPerHour"] for each in product.request("GET", "/recovery-instances/drills").body["drills"])
    assert "2 instances of 1 drill still run" in line
    assert f"{by_hour:,.2f} USD an hour" in line
    assert 'href="/fleet#drills"' in line


def test_two_hundred_plans_cost_the_first_page_a_few_calls(product: Product, server: ApiHttpServer) -> None:
    group = product.group(product.seed(1))
    for number in range(200):
        product.plan({"name": "web", "groups": [group]}, name=f"plan {number:03}")
    with serving(deployment_of(server, interval=60.0)) as served:
        console = served.enter()
        page = console.get("/")
        assert page.text.count('<tr id="plan-rp-') == 200
        assert len(server.seen) <= 6, server.seen
        console.get("/")
        assert len(server.seen) <= 6, "a second tab costs nothing"


# --- the list of runs ---------------------------------------------------------------------------------------------
def test_runs_are_listed_newest_first_and_filtered(product: Product, console: ServedConsole) -> None:
    shop, mail = make_plan(product), product.plan(make_wave(product, "mail"), name="mail")
    first = product.drill(shop)["executionId"]
    second = product.finish(product.start(shop, "readiness"))["executionId"]
    third = product.drill(mail)["executionId"]

    def listed(query: str) -> list[str]:
        page = console.get(f"/runs{query}")
        assert page.status == 200, page
        return re.findall(r'<tr id="run-([^"]+)"', page.text)

    assert listed("") == [third, second, first]
    assert listed(f"?plan={shop}") == [second, first]
    assert listed(f"?plan={shop}&mode=drill") == [first]
    assert listed("?mode=readiness") == [second]
    assert listed("?state=COMPLETED") == [third, first]
    assert listed(f"?plan={mail}&state=READY&mode=") == []
    assert listed("?state=open") == []
    assert "No run matches." in console.get("/runs?state=open").text


def test_runs_that_have_not_ended_are_listed_by_that(product: Product, console: ServedConsole) -> None:
    plan_id = product.plan(make_wave(product, approval=APPROVAL))
    run = product.start(plan_id)
    for query in ("?state=open", f"?state=open&plan={plan_id}", "?state=open&mode=drill"):
        assert f'id="run-{run}"' in console.get(f"/runs{query}").text
    assert f'id="run-{run}"' not in console.get("/runs?state=open&mode=recovery").text


def test_older_runs_are_on_the_next_page(
    product: Product, console: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.reading.run_list.ROWS", 1)
    plan_id = make_plan(product)
    older, newer = product.drill(plan_id)["executionId"], product.drill(plan_id)["executionId"]
    page = console.get(f"/runs?plan={plan_id}")
    assert newer in page.text
    assert older not in page.text
    following = re.search(r'href="(/runs\?[^"]*page=[^"]*)">Older runs', page.text)
    assert following
    second = console.get(following[1].replace("&amp;", "&"))
    assert older in second.text
    assert newer not in second.text


def test_a_filter_that_there_is_not_is_refused(console: ServedConsole) -> None:
    assert console.get("/runs?state=EVERYTHING").status == 400
    assert console.get("/runs?mode=all").status == 400
    assert console.get("/runs?plan=../x").status == 400


# --- a plan -------------------------------------------------------------------------------------------------------
def test_a_plan_shows_its_waves_groups_and_settings(product: Product, console: ServedConsole) -> None:
    action = {"name": "sign-off", "manual": {"instructions": "look at the shop"}}
    waves = (
        make_wave(product, "data", 2, rtoTargetMinutes=30),
        make_wave(product, "web", approval=APPROVAL, dependsOn=["data"], after=[action]),
    )
    page = console.get(f"/plans/{product.plan(*waves, name='shop', fourEyes=True)}")
    assert page.status == 200, page
    row = page.text.split('id="wave-web"')[1].split("</tr>")[0]
    assert "data" in row
    assert "required within 6000 min, else reject" in row
    assert "sign-off" in row
    assert "2 servers" in page.text
    assert "Another person approves</dt><dd>yes" in page.text
    assert "It has not run yet" in page.text


def test_the_servers_that_a_run_would_launch_are_counted_apart(product: Product, console: ServedConsole) -> None:
    product.seed(2, prefix="tagged", tags={"app": "shop"})
    group = product.group(tags={"app": "shop"})
    plan_id = product.plan({"name": "web", "groups": [group]})
    assert "those with app=shop" in console.get(f"/plans/{plan_id}").text
    assert "2 servers in 1 wave" in console.get(f"/plans/{plan_id}/launches").text


def test_a_plan_says_what_has_changed_since_its_last_drill(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    run = product.drill(plan_id)["executionId"]
    assert "Nothing has changed" in console.get(f"/plans/{plan_id}").text
    plan = product.request("GET", f"/recovery-plans/{plan_id}").body
    waves = [{**plan["waves"][0], "maxFailedPercent": 25}]
    body = {"name": plan["name"], "description": "now with words", "waves": waves, "version": plan["version"]}
    assert product.request("PUT", f"/recovery-plans/{plan_id}", body).status == 200
    group = product.request("GET", f"/protection-groups/{plan['waves'][0]['groups'][0]['groupId']}").body
    renamed = {name: group[name] for name in ("accountId", "region", "sourceServerIds", "version", "description")}
    assert (
        product.request("PUT", f"/protection-groups/{group['groupId']}", {**renamed, "name": "web servers"}).status
        == 200
    )
    page = console.get(f"/plans/{plan_id}?since={run}")
    assert "3 differences" in page.text
    assert "wave web: failed servers tolerated, in %" in page.text
    assert "now with words" in page.text
    assert "group web servers" in page.text


def test_a_plan_is_not_compared_with_runs_of_others(product: Product, console: ServedConsole) -> None:
    plan_id, other = make_plan(product), product.plan(make_wave(product, "mail"), name="mail")
    run = product.drill(other)["executionId"]
    assert "This is no run of the plan" in console.get(f"/plans/{plan_id}?since={run}").text
    assert "ExecutionNotFound" in console.get(f"/plans/{plan_id}?since=drill-none").text
    assert console.get(f"/plans/{plan_id}?since=../x").status == 404


def test_a_plan_says_what_its_findings_count_beside_its_servers(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    run = product.finish(product.start(plan_id, "readiness"))["executionId"]
    findings = product.request("GET", f"/recovery-plans/{plan_id}/readiness").body["findings"]
    assert findings["WARNING"] or findings["NOTE"], findings
    page = console.get(f"/plans/{plan_id}").text
    assert "Readiness findings about servers, settings, quotas and networks together" in page
    assert f'href="/runs/{run}/findings"' in page


def test_the_address_of_plans_leads_to_those_of_the_overview(console: ServedConsole) -> None:
    page = console.get("/plans")
    assert (page.status, page.headers["location"]) == (303, "/#plans")


def test_a_plan_that_there_is_not_shows_the_words_of_the_api(console: ServedConsole) -> None:
    page = console.get("/plans/rp-none")
    assert page.status == 404
    assert "PlanNotFound" in page.text
