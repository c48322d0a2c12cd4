"""Each page is usable by everyone: with a screen reader, on a phone, in the dark and on paper."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.stack import Sandbox
from tests.support.browser import NEEDS_AXE, PHONE, find_violations, person_at, widest_overflow
from tests.support.console_of_sandbox import Maker, deployment
from tests.support.console_server import ServedConsole, serving
from tests.support.deployed import Operator, decide, wait_until, waits_for
from tests.support.foreign_page import NEEDS_CHROMIUM

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def shown(sandbox: Sandbox) -> Iterator[tuple[ServedConsole, dict[str, str]]]:
    """A console, and the ids of a run that waits after a failure and of one that has ended."""
    operator = Operator(sandbox)
    maker = Maker(operator)
    broken = maker.seed("a-server-whose-host-name-is-as-long-as-dns-lets-it-be-0123456789", failsAt="LAUNCH")
    approval = {"required": True, "timeoutMinutes": 6000}
    plan = maker.plan(
        "A plan with a name that is long enough to need two lines on a phone",
        maker.wave("database", broken + maker.seed("database-1", "database-2"), onFailure="ask"),
        maker.wave("web", maker.seed("web-1", "web-2"), approval=approval, dependsOn=[]),
        maker.wave("last", maker.seed("last-1"), dependsOn=["database", "web"], pauseBefore=True),
    )
    run = operator.start(plan)
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    wait_until(operator, run, waits_for("DECISION", "database"))
    policy = {"everyDays": 90, "timezone": "Europe/Berlin"}
    drilled = maker.plan("ended", maker.wave("web", maker.seed("ended-1")), drillPolicy=policy)
    ended = operator.start(drilled)
    operator.finish(ended)
    finding = {"title": "DNS was changed by hand", "owner": "network team", "due": "2199-12-31"}
    assert operator.request("POST", f"/executions/{ended}/drill-findings", finding).status == 201
    server = operator.request("GET", f"/executions/{run}/servers").body["servers"][0]["sourceServerId"]
    with serving(deployment(sandbox)) as console:
        yield console, {"plan": plan, "run": run, "drilled": drilled, "ended": ended, "server": server}
    decide(operator, run, "cancel")
    operator.finish(run)


PAGES = [
    *("/", "/runs", "/fleet", "/reports", "/plans/{plan}", "/plans/{drilled}", "/no-such-page"),
    *("/compliance", "/compliance/servers", "/history/plan/{plan}", "/runs/{ended}/assessment"),
    *("/runs/{run}", "/runs/{run}/servers", "/runs/{run}/servers/{server}", "/runs/{run}/actions", "/runs/{run}/jobs"),
    *("/runs/{run}/findings", "/runs/{run}/events", "/runs/{run}/report", "/runs/{ended}", "/runs/{ended}/report"),
]
DIALOGS = {
    "start a drill": ("/plans/{plan}", "/start/drill"),
    "start a recovery": ("/plans/{plan}", "/start/recovery"),
    "check readiness": ("/plans/{plan}", "/start/readiness"),
    "approve": ("/runs/{run}", "/decide/approve"),
    "retry": ("/runs/{run}", "/decide/retry"),
    "cancel": ("/runs/{run}", "/decide/cancel"),
    "pause the schedule": ("/plans/{drilled}", "/schedule/pause"),
    "reject a drill": ("/runs/{ended}/assessment", "/verdict/reject"),
    "open a finding": ("/runs/{ended}/assessment", "/drill-findings/open"),
    "close a finding": ("/plans/{drilled}", "/close"),
}


def visit(tab: Page, path: str) -> None:
    tab.goto(path)
    expect(tab.locator("h1").first).to_be_visible()
    expect(tab.locator(".htmx-request")).to_have_count(0)


@NEEDS_AXE
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["wide", "phone"])
def test_no_page_has_a_serious_finding_of_axe(
    browser: Browser,
    shown: tuple[ServedConsole, dict[str, str]],
    scheme: str,
    size: tuple[int, int] | None,
) -> None:
    console, ids = shown
    window = {} if size is None else {"viewport": {"width": size[0], "height": size[1]}}
    found = dict[str, list[str]]()
    with person_at(browser, console, bypass_csp=True, color_scheme=scheme, **window) as person:
        tab = person.open("/")
        for path in PAGES:
            visit(tab, person.origin + path.format(**ids))
            found[path] = find_violations(tab)
        for name, (path, opener) in DIALOGS.items():
            visit(tab, person.origin + path.format(**ids))
            tab.locator(f"button[hx-get*='{opener}']").first.click()
            expect(tab.locator("#dialog")).to_be_visible()
            expect(tab.locator(".htmx-request")).to_have_count(0)
            found[name] = find_violations(tab)
    assert "\n".join(f"{name}: {finding}" for name, each in found.items() for finding in each) == ""


def test_no_page_scrolls_sideways_on_a_phone(browser: Browser, shown: tuple[ServedConsole, dict[str, str]]) -> None:
    console, ids = shown
    width, height = PHONE
    too_wide = dict[str, int]()
    with person_at(browser, console, viewport={"width": width, "height": height}) as person:
        tab = person.open("/")
        for path in PAGES:
            visit(tab, person.origin + path.format(**ids))
            if pixels := widest_overflow(tab):
                too_wide[path] = pixels
        for name, (path, opener) in DIALOGS.items():
            visit(tab, person.origin + path.format(**ids))
            tab.locator(f"button[hx-get*='{opener}']").first.click()
            expect(tab.locator("#dialog")).to_be_visible()
            box = tab.locator("#dialog").bounding_box()
            assert box is not None
            assert box["x"] >= 0, name
            assert box["x"] + box["width"] <= width, name
            if pixels := widest_overflow(tab):
                too_wide[name] = pixels
    assert too_wide == {}


def test_the_dark_page_is_dark_and_paper_is_white_without_controls(
    browser: Browser, shown: tuple[ServedConsole, dict[str, str]]
) -> None:
    console, ids = shown
    brightness = """() => {
      const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
      return (r + g + b) / 3;
    }"""
    with person_at(browser, console, color_scheme="dark") as person:
        tab = person.open(f"/runs/{ids['run']}")
        assert tab.evaluate(brightness) < 80
        tab.emulate_media(media="print")
        assert tab.evaluate(brightness) > 250
        for control in tab.locator("#live button").all():
            expect(control).to_be_hidden()
        expect(tab.locator("h1")).to_be_visible()
        assert len(tab.pdf()) > 5000
        tab.emulate_media(media="screen", color_scheme="light")
        assert tab.evaluate(brightness) > 200


def test_the_first_stop_of_the_keyboard_leads_past_the_header(
    browser: Browser, shown: tuple[ServedConsole, dict[str, str]]
) -> None:
    console, _ = shown
    with person_at(browser, console) as person:
        tab = person.open("/")
        tab.keyboard.press("Tab")
        expect(tab.locator(":focus")).to_have_text("Skip to the contents")
        expect(tab.locator(":focus")).to_be_in_viewport()
        tab.keyboard.press("Enter")
        assert tab.url.endswith("#live")
