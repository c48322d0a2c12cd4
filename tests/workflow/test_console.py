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


def test_what_is_old_on_a_page_is_said_although_its_topic_is_new(product: Product) -> None:
    plan_id = make_plan(product)
    group_id = product.request("GET", f"/recovery-plans/{plan_id}").body["waves"][0]["groups"][0]["groupId"]
    with ApiHttpServer(product) as server, serving(deployment_of(server)) as console:
        console.enter()
        paths = f"/plans/{plan_id}", f"/plans/{plan_id}/launches"
        part = {"HX-Request": "true"}
        assert all("could not be read anew" not in console.get(path, **part).text for path in paths)
        server.refuse["GET", f"/protection-groups/{group_id}"] = 500
        server.refuse["GET", f"/recovery-plans/{plan_id}"] = 500
        console.deployment.snapshots.forget(f"launches/{plan_id}")
        old = console.get(paths[1], **part)
        assert (old.status, "could not be read anew" in old.text) == (200, True)
        del server.refuse["GET", f"/recovery-plans/{plan_id}"]
        console.deployment.snapshots.forget(f"groups/{plan_id}/1")
        page = console.get(paths[0])
        assert (page.status, page.text.count("could not be read anew"), "group" in page.text) == (200, 1, True)
        server.refuse.clear()
        console.deployment.snapshots.forget(f"groups/{plan_id}/1")
        assert "could not be read anew" not in console.get(paths[0]).text
