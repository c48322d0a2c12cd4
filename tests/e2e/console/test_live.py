"""Open pages follow what happens without a reload, and say so when what they show may be old."""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from console.keys import Keys
from sandbox.stack import Sandbox
from tests.support.browser import Person, person_at
from tests.support.console_of_sandbox import Breakable, Maker, deployment
from tests.support.console_server import ServedConsole, serving
from tests.support.deployed import Operator, decide, wait_until, waits_for
from tests.support.foreign_page import NEEDS_CHROMIUM
from tests.support.lossy_proxy import Loss

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]

ANSWERS_THAT_ARE_LOST = 10_000
# What the browser itself says of a server that has gone.
GONE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "Failed to fetch",  # a part that loads by itself
    "403 (Forbidden)",
)


def is_live(tab_freshness: str) -> bool:
    return tab_freshness == "Live"


def test_a_page_follows_a_run_of_another_person_to_its_end(person: Person, maker: Maker, operator: Operator) -> None:
    run = operator.start(maker.approval_plan("followed"))
    tab, second = person.open(f"/runs/{run}"), person.open("/")
    expect(tab.locator("#freshness")).to_have_text("Live")
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    expect(tab.locator("#live button[hx-get*='/decide/approve']").first).to_be_visible()
    expect(second.locator("#live")).to_contain_text("followed")
    decide(operator, run, "waves/web/approve")
    operator.finish(run)
    expect(tab.locator("#live")).to_contain_text("completed", ignore_case=True)
    expect(tab.locator("#freshness")).to_have_text("Live")


def test_what_is_open_and_focused_stays_so_while_the_page_changes(
    person: Person, maker: Maker, operator: Operator
) -> None:
    run = operator.start(maker.approval_plan("stays open"))
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    tab = person.open(f"/runs/{run}")
    approve = tab.locator("#live button[hx-get*='/decide/cancel']").first
    approve.focus()
    version = tab.locator("#live").get_attribute("data-version")
    decide(operator, run, "pause")
    expect(tab.locator(f"#live[data-version='{version}']")).to_have_count(0)
    expect(tab.locator("#live button[hx-get*='/decide/cancel']").first).to_be_focused()
    decide(operator, run, "cancel")
    operator.finish(run)


def test_a_page_says_that_the_api_is_away_and_catches_up(
    browser: Browser, breakable: Breakable, maker: Maker, operator: Operator
) -> None:
    run = operator.start(maker.approval_plan("away and back"))
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    with person_at(browser, breakable.console) as person:
        tab = person.open(f"/runs/{run}")
        expect(tab.locator("#freshness")).to_have_text("Live")
        breakable.door.losses = [Loss.CUT_BEFORE] * ANSWERS_THAT_ARE_LOST
        expect(tab.locator("#trouble")).to_be_visible()
        expect(tab.locator("#trouble")).to_contain_text("what was read last")
        expect(tab.locator("#freshness")).to_contain_text("Not up to date: as of")
        expect(tab.locator("#live")).to_contain_text("away and back")
        tab.reload()  # a page that is opened now shows what was read last, and says so too
        expect(tab.locator("#live")).to_contain_text("away and back")
        expect(tab.locator("#trouble")).to_be_visible()
        decide(operator, run, "waves/web/approve")
        operator.finish(run)
        breakable.door.losses = []
        expect(tab.locator("#live")).to_contain_text("completed", ignore_case=True)
        expect(tab.locator("#trouble")).to_be_hidden()
        expect(tab.locator("#freshness")).to_have_text("Live")


def test_a_page_says_that_its_console_has_ended_and_was_started_anew(
    browser: Browser, sandbox: Sandbox, maker: Maker
) -> None:
    maker.approval_plan("of the first console")
    with serving(deployment(sandbox)) as first, person_at(browser, first) as person:
        tab = person.open("/")
        expect(tab.locator("#freshness")).to_have_text("Live")
        first.stop()
        expect(tab.locator("#freshness")).to_contain_text("Not connected")
        expect(tab.locator("#trouble")).to_contain_text("does not answer")
        expect(tab.locator("#live")).to_contain_text("of the first console")
        with serving(replace(first.deployment, keys=Keys()), first.port) as second:
            expect(tab.locator("#trouble")).to_contain_text("started anew")
            tab.goto(second.address)
            expect(tab.locator("#freshness")).to_have_text("Live")
        tab.close()  # it goes on asking a console that is gone
        person.complaints[:] = [each for each in person.complaints if not any(word in each for word in GONE)]


def test_only_tabs_that_are_seen_are_connected(person: Person, console: ServedConsole) -> None:
    tab = person.open("/")
    expect(tab.locator("#freshness")).to_have_text("Live")
    tab.clock.install()
    hide = """hidden => {
      Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    with tab.expect_event("requestfailed", lambda request: "/live" in request.url):
        tab.evaluate(hide, True)
        tab.clock.fast_forward("01:00")
    with tab.expect_event("request", lambda request: "/live" in request.url):
        tab.evaluate(hide, False)
    person.complaints.clear()
