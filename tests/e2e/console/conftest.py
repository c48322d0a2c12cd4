"""The console of the deployed sandbox, in a real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from sandbox.stack import Sandbox
from tests.support.browser import Person, launched, person_at
from tests.support.console_of_sandbox import Breakable, Maker, deployment
from tests.support.console_server import ServedConsole, serving
from tests.support.deployed import Operator
from tests.support.lossy_proxy import LossyProxy


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def console(sandbox: Sandbox) -> Iterator[ServedConsole]:
    with serving(deployment(sandbox)) as served:
        yield served


@pytest.fixture
def person(browser: Browser, console: ServedConsole) -> Iterator[Person]:
    with person_at(browser, console) as someone:
        yield someone


@pytest.fixture
def breakable(sandbox: Sandbox) -> Iterator[Breakable]:
    with LossyProxy(sandbox.api_url, "", [], method="GET") as door, serving(deployment(sandbox, door.url)) as served:
        yield Breakable(served, door)


@pytest.fixture
def maker(operator: Operator) -> Maker:
    return Maker(operator)
