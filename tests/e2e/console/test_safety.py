"""Pages of other origins and names that are markup do nothing in the browser of a person who uses the console."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import Person
from tests.support.console_of_sandbox import Maker
from tests.support.console_server import ServedConsole
from tests.support.deployed import Operator, decide, wait_until, waits_for
from tests.support.foreign_page import (
    NEEDS_CHROMIUM,
    SITE,
    WAYS_OF_A_GET,
    WAYS_OF_A_POST,
    Attempt,
    foreign_page,
)

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]

SCRIPT = "<script>alert(1)</script>"
MARKUP = "<img src=x onerror=alert(2)>"
FORM = "application/x-www-form-urlencoded"


def every_way(console: ServedConsole, run: str) -> list[Attempt]:
    """Every way to read the console and to approve, also with a token that was found out."""
    root = f"http://127.0.0.1:{console.port}"
    reads = ["/", f"/runs/{run}", "/live?topic=overview", "/static/live.js", "/enter?key=wrong"]
    approve = f"{root}/runs/{run}/decide/approve?wave=web"
    fields = f"token={console.deployment.keys.form}&key=0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f&comment=mine"
    posts = [Attempt(way, approve, "POST", fields) for way in WAYS_OF_A_POST]
    return [
        *(Attempt(way, root + path) for path in reads for way in WAYS_OF_A_GET if way != "form"),
        *posts,
        Attempt("form", approve, "POST", fields, kind=FORM),
        Attempt("fetch", approve, "POST", fields, {"Content-Type": FORM}),
        Attempt("fetch", approve, "POST", fields, {"Content-Type": FORM, "HX-Request": "true"}),
        Attempt("fetch", approve, "PUT", fields, {"Origin": root}),
        Attempt("form", approve, "GET", fields, kind=FORM),
    ]


def test_a_page_of_another_origin_neither_reads_nor_approves(person: Person, maker: Maker, operator: Operator) -> None:
    """Also one on another port of this machine, which browsers call the same site."""
    run = operator.start(maker.approval_plan("attacked"))
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    for name in ("url", "local_url"):
        attempts = every_way(person.console, run)
        with foreign_page(attempts) as page:
            tab = person.context.new_page()
            tab.goto(getattr(page, name))
            seen = page.wait()
            tab.close()
        # A frame is loaded with the refusal in it, which the page cannot read.
        tried = [(each.way, each.url, what) for each, what in zip(attempts, seen, strict=True) if each.way != "frame"]
        assert [each for each in tried if each[2].startswith(("read", "loaded"))] == [], name
    record = operator.request("GET", f"/executions/{run}").body
    assert [wait["for"] for wave in record["waves"] for wait in record["waitingFor"] if wave["name"] == "web"] == [
        "APPROVAL"
    ]
    person.foreign.clear()
    tab = person.open(f"/runs/{run}")
    tab.locator("#live button[hx-get*='/decide/approve']").first.click()
    tab.locator("dialog [type=submit]").click()  # the same form, from the console's own page
    assert operator.finish(run)["status"] == "COMPLETED"


def test_a_link_of_another_site_leads_to_no_page(person: Person) -> None:
    """Not even with the key: a person opens the address, and no page does it for them."""
    with foreign_page([]) as page:
        tab = person.context.new_page()
        for target in (f"{person.origin}/fleet", person.console.address):
            tab.goto(page.url)
            tab.evaluate("url => { location = url; }", target)
            expect(tab.locator("body")).to_contain_text("does not answer web pages of other sites")
    person.foreign.clear()


def test_a_host_name_of_another_that_points_here_is_refused(person: Person) -> None:
    """DNS rebinding: the requests are of the page's own origin."""
    tab = person.context.new_page()
    tab.goto(person.console.address.replace("127.0.0.1", SITE))
    expect(tab.locator("body")).to_contain_text("This listener answers to")
    assert [each["name"] for each in person.context.cookies() if each["domain"] == SITE] == []
    person.foreign.clear()


def test_names_that_are_markup_are_text_on_every_page(person: Person, maker: Maker, operator: Operator) -> None:
    approval = {"required": True, "timeoutMinutes": 6000}
    servers = maker.seed(f"db {MARKUP}", tags={"Name": SCRIPT})
    broken = maker.seed(f"broken {MARKUP}", failsAt="LAUNCH")
    first = maker.wave("database", servers + broken)
    plan = maker.plan(SCRIPT, first, maker.wave("web", maker.seed(SCRIPT), approval=approval, dependsOn=[]))
    run = operator.start(plan)
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    tab = person.open("/")
    dialogs: list[str] = []
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    expect(tab.locator("#live")).to_contain_text(SCRIPT)
    for path in (f"/plans/{plan}", f"/runs/{run}"):
        tab.goto(person.origin + path)
        expect(tab.locator("#live")).to_contain_text(SCRIPT)
        assert SCRIPT in tab.title()
    tab.locator("#live button[hx-get*='/decide/approve']").first.click()
    expect(tab.locator("#dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    for part in ("servers", "actions", "jobs", "findings", "events", "report"):
        tab.goto(f"{person.origin}/runs/{run}/{part}")
        expect(tab.locator("#live")).to_contain_text(SCRIPT)
    tab.goto(f"{person.origin}/runs/{run}/servers")
    expect(tab.locator("#live")).to_contain_text(MARKUP)
    expect(tab.locator("#live img[src=x], #live script")).to_have_count(0)
    decide(operator, run, "cancel")
    operator.finish(run)
    assert dialogs == []
