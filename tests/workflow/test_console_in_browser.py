"""What a person did not mean does not happen, and what a page says of itself is true: in a real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from console.deployment import Deployment
from tests.support.api_http_server import ApiHttpServer
from tests.support.browser import Person, launched, person_at
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.foreign_page import NEEDS_CHROMIUM
from tests.support.plans import make_plan, make_wave
from tests.support.product import Product
from tests.support.runs import wait_until_asked_for

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as running:
        yield running


@pytest.fixture
def console(server: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(server)) as served:
        yield served


@pytest.fixture
def person(browser: Browser, console: ServedConsole) -> Iterator[Person]:
    with person_at(browser, console) as someone:
        yield someone


def waiting_run(product: Product) -> str:
    wave = make_wave(product, "web", approval={"required": True, "timeoutMinutes": 6000})
    run = product.start(product.plan(wave))
    wait_until_asked_for(product, run, "APPROVAL")
    return run


def open_by_script(tab: Page, end: str) -> None:
    """Open the dialog, and press its button in the very moment in which it is there, as a double click may."""
    tab.evaluate(
        """end => new Promise(done => {
          const dialog = document.getElementById('dialog');
          document.addEventListener('htmx:after:swap', () => setTimeout(() => {
            dialog.querySelector('[type=submit]')?.click();
            done();
          }), {once: true});
          document.querySelector(`#live button[hx-get$='${end}']`).click();
        })""",
        end,
    )
    expect(tab.locator("#dialog")).to_be_visible()


def posts_of(tab: Page) -> list[str]:
    found: list[str] = []
    tab.on("request", lambda request: found.append(request.url) if request.method == "POST" else None)
    return found


def test_a_click_on_a_dialog_that_has_just_come_does_nothing(product: Product, person: Person) -> None:
    plan = make_plan(product)
    tab = person.open(f"/plans/{plan}")
    posts = posts_of(tab)
    open_by_script(tab, "/start/drill")
    expect(tab.locator("dialog [type=submit]")).to_be_enabled()
    assert posts == []
    tab.locator("dialog [type=submit]").click()
    tab.wait_for_url("**/runs/*")
    assert len(posts) == 1


def test_enter_in_a_field_of_a_dialog_starts_nothing(product: Product, person: Person) -> None:
    tab = person.open(f"/plans/{make_plan(product)}")
    posts = posts_of(tab)
    tab.locator("button[hx-get$='/start/recovery']").click()
    expect(tab.locator("dialog [type=submit]")).to_be_enabled()
    for field, text in (("#start-words", "a plan"), ("#start-moment", "")):
        tab.evaluate("document.getElementById('start-options').open = true")
        tab.locator(field).fill(text)
        tab.locator(field).press("Enter")
    tab.locator("dialog [data-close]").click()
    expect(tab.locator("#dialog")).to_be_hidden()
    assert posts == []


def test_a_dialog_that_comes_late_takes_no_place_of_another(product: Product, person: Person) -> None:
    run = waiting_run(product)
    tab = person.open(f"/runs/{run}")
    held: list[object] = []
    tab.route("**/decide/approve*", lambda route: held.append(route))
    tab.locator("#live button[hx-get*='/decide/approve']").first.click()
    tab.locator("#live button[hx-get$='/decide/cancel']").click()
    expect(tab.locator("#dialog-title")).to_have_text("Cancel the run")
    for route in held:
        route.continue_()  # type: ignore[attr-defined]
    expect(tab.locator("dialog [type=submit]")).to_be_enabled()
    tab.wait_for_timeout(500)
    expect(tab.locator("#dialog-title")).to_have_text("Cancel the run")
    tab.keyboard.press("Escape")


def test_a_part_of_a_closed_dialog_takes_no_place_of_another(product: Product, person: Person) -> None:
    run = product.drill(make_plan(product))["executionId"]
    tab = person.open(f"/runs/{run}")
    held: list[object] = []
    tab.route("**/cleanup/preview", lambda route: held.append(route))
    with tab.expect_request("**/cleanup/preview"):
        tab.locator("#live button[hx-get$='/cleanup']").click()
    tab.keyboard.press("Escape")
    expect(tab.locator("#dialog")).to_be_hidden()
    with tab.expect_response("**/cleanup/preview"):
        held[0].continue_()  # type: ignore[attr-defined]
    tab.wait_for_timeout(500)
    expect(tab.locator("#dialog")).to_be_hidden()


def test_a_dialog_stays_until_what_was_sent_is_answered_and_says_so_when_it_is_not(
    product: Product, person: Person
) -> None:
    run = waiting_run(product)
    tab = person.open(f"/runs/{run}")
    tab.locator("#live button[hx-get*='/decide/approve']").first.click()
    expect(tab.locator("dialog [type=submit]")).to_be_enabled()
    held: list[object] = []
    tab.route("**/decide/approve*", lambda route: held.append(route))
    key = tab.locator("dialog [name=key]").input_value()
    with tab.expect_request("**/decide/approve*"):
        tab.locator("dialog [type=submit]").click()
    for _ in range(3):
        tab.keyboard.press("Escape")
    expect(tab.locator("dialog [data-close]")).to_be_disabled()
    expect(tab.locator("#dialog")).to_be_visible()
    held[0].abort()  # type: ignore[attr-defined]
    expect(tab.locator("dialog .refused")).to_contain_text("may have been sent and recorded")
    tab.unroute("**/decide/approve*")
    assert tab.locator("dialog [name=key]").input_value() == key
    tab.locator("dialog [type=submit]").click()
    expect(tab.locator("#dialog")).to_be_hidden()
    expect(tab.locator("#notice")).to_contain_text("Approved web: it starts now.")
    person.complaints.clear()


def test_a_button_of_a_console_that_is_dead_says_so_where_it_is_seen(product: Product, person: Person) -> None:
    run = waiting_run(product)
    tab = person.open(f"/runs/{run}")
    tab.set_viewport_size({"width": 390, "height": 700})
    tab.route("**/decide/approve*", lambda route: route.abort())
    tab.locator("#live button[hx-get*='/decide/approve']").first.click()
    expect(tab.locator("dialog .refused")).to_contain_text("Nothing was sent.")
    expect(tab.locator("dialog .refused")).to_be_in_viewport()
    tab.locator("dialog [data-close]").click()
    tab.unroute("**/decide/approve*")
    tab.locator("#live button[hx-get*='/decide/approve']").first.click()
    expect(tab.locator("dialog [type=submit]")).to_be_enabled()
    tab.route("**/decide/approve*", lambda route: route.abort())
    tab.locator("dialog [type=submit]").click()
    expect(tab.locator("dialog .refused")).to_contain_text("may have been sent and recorded")
    expect(tab.locator("dialog .refused")).to_be_in_viewport()
    expect(tab.locator("dialog [type=submit]")).to_be_in_viewport()
    person.complaints.clear()


# --- what a page says of itself -----------------------------------------------------------------------------------
def test_a_page_that_cannot_be_drawn_anew_does_not_call_itself_live(product: Product, person: Person) -> None:
    make_plan(product)
    tab = person.open("/")
    expect(tab.locator("#freshness")).to_have_text("Live")
    tab.route("**/", lambda route: route.fulfill(status=500, body="played by the test"))
    waiting_run(product)
    expect(tab.locator("#freshness")).to_contain_text("Not up to date")
    expect(tab.locator("#trouble")).to_contain_text("could not be read anew")
    tab.unroute("**/")
    expect(tab.locator("#freshness")).to_have_text("Live")
    expect(tab.locator("#live")).to_contain_text("waits for approval")
    person.complaints.clear()


def test_a_page_that_has_heard_nothing_does_not_call_itself_live(product: Product, person: Person) -> None:
    tab = person.context.new_page()
    tab.route("**/live?*", lambda route: None)  # as when the browser has no connection left
    tab.goto(person.origin + "/")
    expect(tab.locator("#freshness")).to_contain_text("Not up to date: as of")
    tab.close()


def test_an_old_page_stays_old_while_the_api_hangs(
    product: Product, browser: Browser, server: ApiHttpServer, console: ServedConsole
) -> None:
    deployment: Deployment = console.deployment
    with person_at(browser, console) as person:
        tab = person.open("/")
        expect(tab.locator("#freshness")).to_have_text("Live")
        body = 'retry: 1000\n\nevent: state\ndata: {"version": null, "age": null, "trouble": null}\n\n'
        tab.route("**/live?*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
        tab.route(
            "**/",
            lambda route: route.fulfill(
                response=(answer := route.fetch()),
                body=answer.text().replace('data-age="', 'data-age="7200'),
            ),
        )
        tab.reload()
        expect(tab.locator("#freshness")).to_contain_text("h ago")
        assert deployment.snapshots.peek("overview") is not None
        person.complaints.clear()


def test_a_machine_that_has_slept_does_not_call_old_data_live(
    product: Product, person: Person, console: ServedConsole
) -> None:
    tab = person.open("/")
    expect(tab.locator("#freshness")).to_have_text("Live")
    console.deployment.api.url = "http://127.0.0.1:1/v1"  # as before the network is back
    tab.evaluate("() => { const real = Date.now; Date.now = () => real() + 8 * 3600e3; }")
    expect(tab.locator("#freshness")).to_contain_text("8 h ago")


def test_the_table_of_servers_cuts_neither_a_state_nor_a_region_at_the_width_of_a_laptop(
    product: Product, person: Person
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    tab = person.open(f"/runs/{run}/servers")
    tab.set_viewport_size({"width": 1280, "height": 800})
    expect(tab.locator("#servers td.s-target").first).to_be_visible()
    cut = tab.evaluate(
        """() => {
          const box = document.getElementById('servers'), row = box.querySelector('tbody tr');
          const longest = {'.s-target': '111122223333/eu-central-1', '.s-status .tag': '▶ LAUNCHING'};
          for (const [cell, text] of Object.entries(longest)) row.querySelector(cell).textContent = text;
          const cells = [box, ...row.querySelectorAll('.s-target, .s-status, .s-id, .s-instance')];
          return cells.filter(each => each.scrollWidth > each.clientWidth).map(each => each.className);
        }"""
    )
    assert cut == []
