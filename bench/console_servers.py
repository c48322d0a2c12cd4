"""Measures the console's table of 10,000 servers: what the page weighs, what the index takes, and how fast it paints.

    python -m bench.console_servers [--servers 10000] [--keep]

Writes build/bench/console_servers.json. The servers are written to the record of a small drill, so the API that the
console reads is the product's own, on moto. Milliseconds are of this machine: those of a selection are of its
processor, and the browser's are from the key or the scroll to the frame with the rows, medians of several. `--keep`
serves the console until Ctrl-C.
"""

import argparse
import contextlib
import io
import json
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cli.run_client import list_servers, read_run
from console.reading.servers.index import ServerIndex
from console.reading.servers.rows import COLUMNS, Query, select
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.inspection import InspectedServer
from recovery.domain.readiness import Readiness, ServerVerdict
from recovery.domain.target import Target
from recovery.packing import pack
from recovery.store.batch_servers import pack_servers
from sandbox import drill
from tests.support import documented_answers
from tests.support.api_http_server import ApiHttpServer
from tests.support.browser import launched
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.plans import make_wave
from tests.support.product import HUB, OTHER, WEST, Product

ROOT = Path(__file__).resolve().parent.parent
WAVES = ("database", "app", "web", "back-office")
TARGETS = [Target(account, region) for account in (HUB, OTHER) for region in (WEST, "eu-west-1")]
SERVERS_PER_BATCH = 100
MAX_PAGE_BYTES, MAX_PAINT_MS, MAX_SELECT_MS = 300_000, 200, 50
TRIES = 9
_READY = ServerVerdict(Readiness.READY)
_CAUSES = (
    ("QUOTA", "LAUNCH_FAILED: VcpuLimitExceeded: you have requested more vCPU capacity than your current limit of 64"),
    ("CAPACITY", "LAUNCH_FAILED: InsufficientInstanceCapacity: no m5.large in us-west-2a"),
    ("NOT_GIVEN", "DRS gave no cause"),
)


def main() -> int:
    options = _options()
    documented_answers.check = lambda *_: None  # it takes longer than the rest
    with contextlib.redirect_stdout(io.StringIO()), Product() as product:  # what functions log
        run = _fill(product, options.servers)
        with ApiHttpServer(product) as server, serving(deployment_of(server, interval=2.0)) as served:
            figures: dict[str, Any] = {"servers": options.servers, **_measure_index(served, run)}
            figures |= _measure_pages(served.enter(), run)
            figures |= _measure_browser(served, run)
            drill.write_figures(figures, ROOT / "build" / "bench" / "console_servers.json")
            print(json.dumps(figures, indent=2), file=sys.__stdout__, flush=True)
            if options.keep:
                print(f"{served.address}\n/runs/{run}/servers", file=sys.__stdout__, flush=True)
                time.sleep(100_000)
    return 0 if _holds(figures) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=10_000, help="source servers of the run")
    parser.add_argument("--keep", action="store_true", help="serve the console until Ctrl-C")
    return parser.parse_args()


def _holds(figures: Mapping[str, Any]) -> bool:
    paints = [value for name, value in figures.items() if name.endswith("ToPaintMs")]
    return (
        figures["pageBytes"] < MAX_PAGE_BYTES
        and figures["slowestSelectMs"] < MAX_SELECT_MS
        and all(value < MAX_PAINT_MS for value in paints)
    )


# --- a large run ------------------------------------------------------------------------------------------------
def _fill(product: Product, servers: int) -> str:
    """A drill with so many servers in its record, in the batches of four waves and four accounts and Regions."""
    plan = product.plan(*(make_wave(product, name) for name in WAVES), name="ten thousand")
    run = str(product.drill(plan, timeout=300)["executionId"])
    places = [(wave, target) for wave in WAVES for target in TARGETS]
    each, chance = -(-servers // len(places)), random.Random(1)
    for wave, target in places:
        place = {"executionId": run, "wave": wave, **target.to_state()}
        for number, count in enumerate(_split(each), start=1):
            product.put("Executions", _batch(BatchRef(run, wave, target, number), count, chance))
        counts = {"servers": each, "batches": -(-each // SERVERS_PER_BATCH), "blocked": 0, "warned": 0, "optional": 0}
        row = {**place, "item": f"TARGET#{wave}#{target.key}", **counts, "blockedOptional": 0, "alreadyLaunched": 0}
        product.put("Executions", {**row, "notes": []})
    return run


def _split(count: int) -> Iterator[int]:
    while count > 0:
        yield min(count, SERVERS_PER_BATCH)
        count -= SERVERS_PER_BATCH


def _batch(ref: BatchRef, count: int, chance: random.Random) -> dict[str, Any]:
    ids = sorted(f"s-{chance.getrandbits(68):017x}" for _ in range(count))
    found = {each: InspectedServer(_READY, f"{ref.wave}-{chance.randrange(100_000):05}") for each in ids}
    results = {each: _result(chance) for each in ids}
    row = {**Batch(ref, tuple(ids), count).to_item(), "servers": pack_servers(found), "results": pack(results)}
    return {name: value for name, value in {**row, "status": "SETTLED"}.items() if value is not None}


def _result(chance: random.Random) -> dict[str, Any]:
    job = {"jobId": f"drsjob-{chance.getrandbits(68):017x}", "endedAt": "2026-01-01T00:20:00.000Z"}
    if chance.random() < 0.9:
        return {**job, "status": "LAUNCHED", "recoveryInstanceId": f"i-{chance.getrandbits(68):017x}"}
    cause, reason = chance.choice(_CAUSES)
    return {**job, "status": "FAILED", "reason": reason, "cause": cause, "advice": "Raise the quota, then retry."}


# --- the index --------------------------------------------------------------------------------------------------
def _measure_index(served: ServedConsole, run: str) -> dict[str, Any]:
    """How long the index takes to read and to answer, and what it keeps in memory."""
    api = served.deployment.api
    record, index = read_run(api, run), ServerIndex(run)
    began = time.perf_counter()
    index.ask(api, record, wait=600)
    seconds = time.perf_counter() - began
    view = index.ask(api, record)
    queries = [Query(text=text) for text in ("1", "web-0", "vcpu", "no such server")]
    queries += [Query(wanted=(("status", "FAILED"), ("wave", "web"))), Query(attention=True)]
    queries += [Query(sort=column.name, descending=down) for column in COLUMNS for down in (False, True)]
    taken = {query: _median(partial(select, view.rows, query), time.thread_time) for query in queries}
    return {
        "read": len(view.rows),
        "secondsToRead": round(seconds, 1),
        "indexMegabytes": _measure_memory(served, record, run),
        "slowestSelectMs": round(max(taken.values()), 1),
        "medianSelectMs": round(statistics.median(taken.values()), 1),
    }


def _measure_memory(served: ServedConsole, record: Mapping[str, Any], run: str) -> float:
    """Megabytes that are kept once the servers have been read. The API runs in this process, so it answers before."""
    answered = [json.dumps(server) for server in list_servers(served.deployment.api, run)]

    class Answers:
        """The API's answers, each made anew from its text."""

        def list_items(self, *_: Any, **__: Any) -> Iterator[Any]:
            return (json.loads(text) for text in answered)

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    index = ServerIndex(run)
    index.ask(Answers(), record, wait=600)  # type: ignore[arg-type]
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return round(kept / 1e6, 1)


def _median(work: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    taken = []
    for _ in range(TRIES):
        began = clock()
        work()
        taken.append(1000 * (clock() - began))
    return statistics.median(taken)


# --- pages ------------------------------------------------------------------------------------------------------
def _measure_pages(console: ServedConsole, run: str) -> dict[str, Any]:
    """Bytes of the page and of its rows, and how long they take once the servers have been read."""
    path = f"/runs/{run}/servers"
    began = time.perf_counter()
    console.get(path)
    first = 1000 * (time.perf_counter() - began)
    while 'data-state="reading"' in console.get(f"{path}/rows").text:
        time.sleep(0.2)
    page = console.get(path)
    return {
        "firstPageMs": round(first),
        "pageMs": round(_median(lambda: console.get(path))),
        "pageBytes": len(page.text.encode()),
        "rowsMs": round(_median(lambda: console.get(f"{path}/rows?offset=5000&limit=60"))),
        "csvMs": round(_median(lambda: console.get(f"{path}.csv"))),
    }


# --- the browser ------------------------------------------------------------------------------------------------
_PAINT = """([act, done]) => new Promise((resolve) => {
  const began = performance.now(), body = document.getElementById("servers-rows");
  const isDone = new Function("body", `return ${done}`);
  const painted = () => setTimeout(() => resolve(performance.now() - began));
  const look = () => requestAnimationFrame(() => isDone(body) ? painted() : look());
  new Function("body", act)(body);
  look();
})"""


def _measure_browser(served: ServedConsole, run: str) -> dict[str, Any]:
    """From the scroll, the key or the click to the frame that has the rows."""
    with launched() as browser:
        # The measuring script is ours, not the page's, so the policy of the page does not hold for it.
        context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
        page = context.new_page()
        page.goto(served.address)
        page.goto(f"http://127.0.0.1:{served.port}/runs/{run}/servers")
        page.wait_for_selector("#servers-rows[data-state=current]")
        box = "document.getElementById('servers')"
        scrolls, filters, sorts = [], [], []
        for number in range(TRIES):
            at = 900 * (number + 1)
            shows = f"body.querySelector('[aria-rowindex=\"{at + 2}\"]')"
            act = f"{box}.scrollTop = {at} * body.rows[0].getBoundingClientRect().height"
            scrolls.append(page.evaluate(_PAINT, [act, shows]))
        for number in range(TRIES):
            text = f"web-0{number}"
            act = (
                f"const input = document.getElementById('servers-search'); input.value = '{text}';"
                "input.dispatchEvent(new Event('input', {bubbles: true}))"
            )
            filters.append(page.evaluate(_PAINT, [act, f"body.rows[0]?.textContent.includes('{text}')"]))
        page.click("#servers-clear")
        page.wait_for_function("document.getElementById('servers-rows').dataset.matches > 5000")
        for column in COLUMNS:
            button = f"document.getElementById('servers-by-{column.name}')"
            act = f"body.rows[0].dataset.old = 'yes'; {button}.click()"
            sorts.append(page.evaluate(_PAINT, [act, "!body.rows[0]?.dataset.old"]))
    return {
        "scrollToPaintMs": round(statistics.median(scrolls)),
        "slowestScrollMs": round(max(scrolls)),
        "keyToPaintMs": round(statistics.median(filters)),
        "slowestKeyMs": round(max(filters)),
        "sortToPaintMs": round(statistics.median(sorts)),
    }


if __name__ == "__main__":
    sys.exit(main())
