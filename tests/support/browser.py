"""The console in a real Chromium, driven by Playwright: what a person sees, and what the browser had to complain of."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from tests.support.console_server import ServedConsole
from tests.support.foreign_page import IS_REQUIRED, find_chromium

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
NEEDS_AXE = pytest.mark.skipif(not AXE.is_file() and not IS_REQUIRED, reason="there is no axe-core: npm ci installs it")
WIDE, PHONE = (1280, 800), (360, 740)
SECONDS = 60
expect.set_options(timeout=SECONDS * 1000)  # a busy machine must not fail a test
# What Chromium writes for each answer that is an error. Tests of such answers expect them.
_ANSWERED = re.compile(r"^Failed to load resource: ")


@contextmanager
def launched() -> Iterator[Browser]:
    """One Chromium, which resolves every name below .test to this machine. Close it before another event loop runs."""
    options = ["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=options)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(slots=True)
class Person:
    """Someone with a browser of their own, who has opened the address of the console.

    `complaints` are errors of scripts and breaches of the policy; `foreign` are requests to other servers. A test
    that ends with any of them fails, unless it has cleared them.
    """

    context: BrowserContext
    console: ServedConsole
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.console.port}"

    def open(self, path: str | None = None) -> Page:
        """A tab with this page, or with the address that the terminal prints."""
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.complaints.append(f"{tab.url}: {error}"))
        tab.on("console", lambda message: self._note(tab, message))
        tab.goto(self.console.address if path is None else self.origin + path)
        return tab

    def _note(self, tab: Page, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _ANSWERED.match(message.text):
            self.complaints.append(f"{tab.url}: {message.text}")

    def note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.foreign.append(request.url)
        self.asked.append(parts.path)


@contextmanager
def person_at(browser: Browser, console: ServedConsole, **options: Any) -> Iterator[Person]:
    """`options` are those of a context of Playwright, such as `color_scheme` and `viewport`."""
    width, height = WIDE
    settings = {"viewport": {"width": width, "height": height}, **options}
    context = browser.new_context(**settings)
    context.set_default_timeout(SECONDS * 1000)
    person = Person(context, console)
    context.on("request", lambda request: person.note_request(request))  # the library notes on what it is given
    try:
        person.open().close()
        yield person
    finally:
        context.close()
    assert (person.complaints, person.foreign) == ([], [])


def find_violations(tab: Page) -> list[str]:
    """What axe-core finds that is serious or critical: its rule, and where. The context must bypass the policy."""
    tab.add_script_tag(path=AXE)
    found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']} ({each['impact']}): {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def widest_overflow(tab: Page) -> int:
    """How many pixels the page is wider than its window: 0 if the window does not scroll sideways."""
    width: int = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def focused(tab: Page) -> Locator:
    return tab.locator(":focus")
