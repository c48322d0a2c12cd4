"""The console shows what the API says, and nothing to anyone who has not opened its address."""

from collections.abc import Iterator

import pytest

from tests.support.api_http_server import ApiHttpServer
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.plans import make_plan
from tests.support.product import Product


@pytest.fixture
def console(product: Product) -> Iterator[ServedConsole]:
    with ApiHttpServer(product) as server, serving(deployment_of(server)) as served:
        yield served


def test_the_first_page_names_the_plan_and_what_runs(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    run = product.start(plan_id)
    page = console.enter().get("/")
    assert page.status == 200
    assert f'href="/plans/{plan_id}"' in page.text
    assert f'href="/runs/{run}"' in page.text


def test_a_browser_without_the_cookie_sees_nothing(console: ServedConsole) -> None:
    page = console.get("/")
    assert page.status == 403
    assert "Open the address" in page.text
