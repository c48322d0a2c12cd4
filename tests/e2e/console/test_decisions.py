"""A person starts runs and decides about them in the browser; each click counts once, and only with a question."""

import pytest
from playwright.sync_api import Page, expect

from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox
from tests.support.browser import Person, focused
from tests.support.console_of_sandbox import Maker
from tests.support.deployed import Operator, decide, wait_until, waits_for
from tests.support.foreign_page import NEEDS_CHROMIUM

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]


def click_decision(tab: Page, decision: str, **about: str) -> None:
    """Open the dialog of a decision and confirm it."""
    open_decision(tab, decision, **about)
    tab.locator("dialog [type=submit]").click()
    expect(tab.locator("#dialog")).to_be_hidden()


def open_decision(tab: Page, decision: str, **about: str) -> None:
    parts = "".join(f"[hx-get*='{name}={value}']" for name, value in about.items())
    tab.locator(f"#live button[hx-get*='/{decision}']{parts}").first.click()
    expect(tab.locator("#dialog")).to_be_visible()


def start_drill(tab: Page) -> str:
    """Start a drill from the page of a plan, and return the id of the run whose page is shown then."""
    tab.locator("button[hx-get$='/start/drill']").click()
    expect(tab.get_by_role("dialog").get_by_role("heading").first).to_contain_text("drill")
    tab.get_by_role("button", name="Start the drill").click()
    tab.wait_for_url("**/runs/*")
    return tab.url.rsplit("/", 1)[1].partition("?")[0]


def test_a_drill_is_started_watched_approved_and_read_in_the_browser(
    person: Person, maker: Maker, operator: Operator
) -> None:
    plan = maker.approval_plan("from the page")
    tab = person.open(f"/plans/{plan}")
    run = start_drill(tab)
    loads: list[str] = []
    tab.on("load", lambda page: loads.append(page.url))
    expect(tab.locator("#live button[hx-get*='/decide/approve']").first).to_be_visible()
    watcher = person.open(f"/runs/{run}")
    expect(watcher.locator("#live button[hx-get*='/decide/approve']").first).to_be_visible()
    overview = person.open("/")
    expect(overview.locator("#live")).to_contain_text("from the page")

    click_decision(tab, "decide/approve", wave="web")
    expect(tab.locator("#notice")).to_be_visible()
    for each in (tab, watcher):
        expect(each.locator("#live button[hx-get*='/decide/approve']")).to_have_count(0)
    record = operator.finish(run)
    assert record["status"] == "COMPLETED"
    assert [each["decision"] for each in record["decisions"]] == ["approve"]
    for each in (tab, watcher):
        expect(each.locator("#live .tag.good").first).to_be_visible()
        expect(each.locator("#live")).to_contain_text("completed", ignore_case=True)
    assert loads == []  # all of it came without a reload

    tab.get_by_role("link", name="Report", exact=True).first.click()
    expect(tab.locator("#live")).to_contain_text("RTO")


def failing_run(maker: Maker, operator: Operator, name: str) -> tuple[str, str]:
    """A run that asks about its failed wave, and the server whose launch fails."""
    broken = maker.seed(f"{name}-broken", failsAt="LAUNCH")
    wave = maker.wave("web", broken + maker.seed(f"{name}-whole"), onFailure="ask")
    run = operator.start(maker.plan(name, wave))
    wait_until(operator, run, waits_for("DECISION", "web"))
    return run, broken[0]


def test_a_failed_wave_is_retried_in_the_browser(
    person: Person, maker: Maker, operator: Operator, sandbox: Sandbox
) -> None:
    run, broken = failing_run(maker, operator, "retried")
    tab = person.open(f"/runs/{run}")
    expect(tab.locator("#live")).to_contain_text("retried-broken")  # why it waits
    mend = {"accountId": HUB_ACCOUNT, "region": REGION, "server": {"failsAt": ""}}
    sandbox.control_emulator("PATCH", f"/source-servers/{broken}", mend)
    click_decision(tab, "decide/retry", wave="web")
    assert operator.finish(run)["status"] == "COMPLETED"
    expect(tab.locator("#live")).to_contain_text("completed", ignore_case=True)


def test_a_failed_wave_is_accepted_in_the_browser(person: Person, maker: Maker, operator: Operator) -> None:
    run, _ = failing_run(maker, operator, "accepted")
    tab = person.open("/")
    link = tab.locator("#live button[hx-get*='/decide/accept']", has_text="ccept").first
    expect(link).to_be_visible()  # what waits is the first thing of the overview
    tab.goto(f"{person.origin}/runs/{run}")
    open_decision(tab, "decide/accept", wave="web")
    comment = tab.locator("dialog [name=comment]")
    comment.fill("one server is enough for this rehearsal")
    tab.locator("dialog [type=submit]").click()
    expect(tab.locator("#dialog")).to_be_hidden()
    record = operator.finish(run)
    assert "one server is enough" in str(record)
    expect(tab.locator("#live")).to_contain_text("one server is enough")


def test_a_run_is_cancelled_in_the_browser(person: Person, maker: Maker, operator: Operator) -> None:
    run = operator.start(maker.approval_plan("cancelled"))
    tab = person.open(f"/runs/{run}")
    open_decision(tab, "decide/cancel")
    tab.get_by_role("button", name="Do nothing").click()
    expect(tab.locator("#dialog")).to_be_hidden()
    assert operator.request("GET", f"/executions/{run}").body["status"] in ("PENDING", "POLLING", "PAUSED")
    click_decision(tab, "decide/cancel")
    assert operator.finish(run)["status"] == "CANCELLED"
    expect(tab.locator("#live")).to_contain_text("cancelled", ignore_case=True)
    expect(tab.locator("#live button[hx-get*='/decide/cancel']")).to_have_count(0)


def test_a_recovery_starts_only_with_the_name_of_the_plan(person: Person, maker: Maker, operator: Operator) -> None:
    plan = maker.approval_plan("typed name")
    tab = person.open(f"/plans/{plan}")
    tab.locator("button[hx-get$='/start/recovery']").click()
    submit = tab.locator("dialog button[type=submit]")
    tab.locator("#start-words").fill("typed nam")
    submit.click()
    expect(tab.locator("dialog [role=alert]")).to_contain_text("exactly")
    assert operator.request("GET", f"/executions?planId={plan}").body["executions"] == []
    tab.locator("#start-words").fill("typed name")
    submit.click()
    tab.wait_for_url("**/runs/*")
    run = tab.url.rsplit("/", 1)[1]
    decide(operator, run, "cancel")
    assert operator.finish(run)["mode"] == "RECOVERY"


def test_a_decision_that_comes_too_late_shows_who_was_earlier_and_what_the_api_says(
    person: Person, maker: Maker, operator: Operator
) -> None:
    run = operator.start(maker.approval_plan("too late"))
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    tab = person.open(f"/runs/{run}")
    open_decision(tab, "decide/approve", wave="web")
    decide(operator, run, "waves/web/reject")
    tab.locator("dialog [type=submit]").click()
    expect(tab.locator("dialog [role=alert]")).to_contain_text("has rejected web at")
    tab.locator("dialog summary").click()
    expect(tab.locator("dialog details")).to_contain_text("orrelation id")
    operator.finish(run)


def press_until(tab: Page, holds: str, key: str = "Tab", tries: int = 80) -> None:
    """Press a key until the element that has the focus matches this selector."""
    for _ in range(tries):
        if tab.evaluate("selector => document.activeElement.matches(selector)", holds):
            return
        tab.keyboard.press(key)
    raise AssertionError(f"{tries} times {key} do not reach {holds}")


def test_a_drill_is_started_and_approved_with_the_keyboard_alone(
    person: Person, maker: Maker, operator: Operator
) -> None:
    plan = maker.approval_plan("by keyboard")
    tab = person.open(f"/plans/{plan}")
    opener = "button[hx-get$='/start/drill']"
    press_until(tab, opener)
    tab.keyboard.press("Enter")
    expect(tab.locator("#dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("#dialog")).to_be_hidden()
    expect(tab.locator(opener)).to_be_focused()  # the focus returns to what opened the dialog
    tab.keyboard.press("Enter")
    expect(tab.locator("#dialog")).to_be_visible()
    press_until(tab, "dialog button[type=submit]")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/runs/*")
    run = tab.url.rsplit("/", 1)[1]
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    approve = "#live button[hx-get*='/decide/approve']"
    expect(tab.locator(approve).first).to_be_visible()
    press_until(tab, approve)
    tab.keyboard.press("Enter")
    expect(tab.locator("#dialog")).to_be_visible()
    press_until(tab, "dialog [type=submit]")
    assert focused(tab).evaluate("element => getComputedStyle(element).outlineStyle") != "none"
    tab.keyboard.press("Enter")
    expect(tab.locator("#dialog")).to_be_hidden()
    assert operator.finish(run)["status"] == "COMPLETED"


def test_a_double_click_starts_one_drill(person: Person, maker: Maker, operator: Operator) -> None:
    plan = maker.approval_plan("clicked twice")
    tab = person.open(f"/plans/{plan}")
    tab.locator("button[hx-get$='/start/drill']").click()
    tab.get_by_role("button", name="Start the drill").dblclick()
    tab.wait_for_url("**/runs/*")
    runs = operator.request("GET", f"/executions?planId={plan}").body["executions"]
    assert len(runs) == 1
    decide(operator, runs[0]["executionId"], "cancel")
    operator.finish(runs[0]["executionId"])
