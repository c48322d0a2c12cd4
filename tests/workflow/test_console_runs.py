"""The page of a run in the console: what it says of the run, its waves and what it waits for."""

from collections.abc import Iterator

import pytest

from tests.support.api_http_server import ApiHttpServer
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.plans import make_plan
from tests.support.product import Product


@pytest.fixture
def console(product: Product) -> Iterator[ServedConsole]:
    with ApiHttpServer(product) as server, serving(deployment_of(server)) as served:
        yield served.enter()


def test_the_head_of_a_run_names_its_plan_its_state_and_its_pages(product: Product, console: ServedConsole) -> None:
    plan_id = make_plan(product)
    run = product.drill(plan_id)["executionId"]
    page = console.get(f"/runs/{run}")
    assert page.status == 200
    assert f'href="/plans/{plan_id}"' in page.text
    assert "COMPLETED" in page.text
    assert f'<a href="/runs/{run}" aria-current="page">Run</a>' in page.text
    assert f'<a href="/runs/{run}/servers">Servers</a>' in page.text
