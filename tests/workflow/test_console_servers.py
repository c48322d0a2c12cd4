"""The servers of a run in the console: the table, what selects and orders its rows, one server, and the CSV file."""

import csv
import io
import re
from collections.abc import Iterator

import pytest

from tests.support.api_http_server import ApiHttpServer
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.plans import make_wave
from tests.support.product import Product

UNKNOWN = "s-" + "0" * 17
HOSTILE = '=<script>alert("x")</script>\u202e'


@pytest.fixture(scope="module")
def shown() -> Iterator[tuple[Product, str, ServedConsole, ApiHttpServer]]:
    """A drill with servers that were launched, that failed, that were excluded, and that were never tried."""
    with Product() as product:
        bad = product.seed(2, prefix="bad", failsAt="LAUNCH")
        hostile = product.seed(1, prefix=HOSTILE)
        web = [product.group([*product.seed(12, prefix="web"), *bad, *hostile, UNKNOWN], name="the web servers")]
        app = make_wave(product, "app", count=2, dependsOn=["web"])
        plan = product.plan({"name": "web", "groups": web, "maxFailedPercent": 10}, app, launchAttempts=1)
        run = product.drill(plan)["executionId"]
        with ApiHttpServer(product) as server, serving(deployment_of(server)) as served:
            yield product, run, served.enter(), server


def hosts(text: str) -> list[str]:
    """The host names of the rows, in their order."""
    return re.findall(r'<a id="server-[^"]+" href="[^"]+">(.*?)</a>', text)


def rows(shown: tuple[Product, str, ServedConsole, ApiHttpServer], query: str = "") -> str:
    _, run, console, _ = shown
    for _ in range(100):  # on a busy machine the first read takes longer than a request waits for it
        page = console.get(f"/runs/{run}/servers/rows?{query}")
        assert page.status == 200, page
        if 'data-state="reading"' not in page.text:
            break
    return page.text


def test_the_table_has_every_server_by_wave_and_host_name(
    shown: tuple[Product, str, ServedConsole, ApiHttpServer],
) -> None:
    _, run, console, _ = shown
    page = console.get(f"/runs/{run}/servers")
    assert page.status == 200
    listed = hosts(page.text)
    assert len(listed) == 18
    assert listed[-2:] == ["app-001", "app-002"]
    assert [name for name in listed if name.startswith("web")] == [f"web-{number:03}" for number in range(1, 13)]
    assert '<p id="servers-total" role="status">18 servers</p>' in page.text
    assert 'aria-rowcount="19"' in page.text
    assert 'data-state="current"' in page.text


def test_a_hostile_host_name_is_shown_as_the_text_that_it_is(
    shown: tuple[Product, str, ServedConsole, ApiHttpServer],
) -> None:
    found = rows(shown, "text=alert")
    assert "<script" not in found
    assert "&lt;script&gt;" in found
    assert "\u202e" not in found
    assert len(hosts(found)) == 1


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("text=WEB-01", ["web-010", "web-011", "web-012"]),
        ("text=%20web-001%20", ["web-001"]),
        ("wave=app", ["app-001", "app-002"]),
        ("status=FAILED", ["bad-001", "bad-002"]),
        ("status=EXCLUDED", [UNKNOWN]),
        ("checks=VERIFIED", []),
        ("wave=app&checks=none&text=app-002", ["app-002"]),
        ("wave=nowhere", []),
        ("target=111122223333/eu-west-1", []),
        ("attention=yes&wave=web", ["bad-001", "bad-002", UNKNOWN]),
        ("text=does+not+know", [UNKNOWN]),
    ],
)
def test_search_and_filters_leave_the_servers_that_match(
    shown: tuple[Product, str, ServedConsole, ApiHttpServer], query: str, wanted: list[str]
) -> None:
    found = rows(shown, query)
    assert sorted(hosts(found)) == sorted(wanted)
    assert f'data-matches="{len(wanted)}"' in found
    assert f"{len(wanted)} of 18 servers match" in found


def test_a_column_sorts_in_both_directions_with_servers_without_a_value_last(
    shown: tuple[Product, str, ServedConsole, ApiHttpServer],
) -> None:
    down = hosts(rows(shown, "sort=host&direction=descending"))
    assert down[:2] == ["web-012", "web-011"]
    assert down[-1] == UNKNOWN
    assert hosts(rows(shown, "sort=status"))[:2] == ["bad-001", "bad-002"]
    assert hosts(rows(shown, "sort=nothing")) == hosts(rows(shown))


def test_a_part_of_the_table_says_where_it_stands(shown: tuple[Product, str, ServedConsole, ApiHttpServer]) -> None:
    found = rows(shown, "offset=5&limit=3")
    assert hosts(found) == hosts(rows(shown))[5:8]
    assert re.findall(r'aria-rowindex="(\d+)"', found) == ["7", "8", "9"]
    assert 'data-offset="5" data-matches="18"' in found
    assert hosts(rows(shown, "offset=-1&limit=x")) == hosts(rows(shown))


def test_a_run_that_has_ended_is_read_once(shown: tuple[Product, str, ServedConsole, ApiHttpServer]) -> None:
    _, run, _, server = shown
    rows(shown)
    for number in range(5):
        rows(shown, f"text=web-00{number}")
    assert server.seen.count(("GET", f"/executions/{run}/servers")) == 1


def test_the_csv_file_has_what_is_filtered_and_no_formula(
    shown: tuple[Product, str, ServedConsole, ApiHttpServer],
) -> None:
    _, run, console, _ = shown
    page = console.get(f"/runs/{run}/servers.csv?wave=web")
    assert page.headers["content-type"].startswith("text/csv")
    assert page.headers["content-disposition"] == f'attachment; filename="servers-{run}.csv"'
    listed = list(csv.DictReader(io.StringIO(page.text)))
    assert len(listed) == 16
    assert {row["group"] for row in listed} == {"the web servers"}
    failed = [row for row in listed if row["status"] == "FAILED"]
    assert [row["name"] for row in failed] == ["bad-001", "bad-002"]
    assert all(row["cause"] and row["advice"] and row["job"] for row in failed)
    (hostile,) = [row for row in listed if "script" in row["name"]]
    assert hostile["name"].startswith("'=<script>")


def test_a_failed_server_has_its_reason_its_cause_and_what_to_do(
    shown: tuple[Product, str, ServedConsole, ApiHttpServer],
) -> None:
    product, run, console, _ = shown
    server = next(each for each in product.servers(run) if each["hostname"] == "bad-001")
    page = console.get(f"/runs/{run}/servers/{server['sourceServerId']}")
    assert page.status == 200
    for text in (server["reason"], server["cause"], server["advice"], "the web servers", server["jobId"]):
        assert re.sub(r"\s+", " ", text).replace("'", "&#39;").replace('"', "&#34;") in page.text
    assert f'href="/runs/{run}/jobs/{server["jobId"]}"' in page.text


def test_a_server_that_the_run_does_not_have_is_not_found(
    shown: tuple[Product, str, ServedConsole, ApiHttpServer],
) -> None:
    _, run, console, _ = shown
    page = console.get(f"/runs/{run}/servers/s-{'9' * 17}")
    assert page.status == 404
    assert "has no server" in page.text
