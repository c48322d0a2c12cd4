"""Measures the console in Chromium: first pages, how soon a change is on them, calls of the API.

    python -m bench.console [--port 4610]

Writes build/bench/console.json. Times are real milliseconds, as the browser measures them until it paints; each has
the median and the largest of several. `cold` is a console that has read nothing and a browser without a cache, `warm`
a page that is loaded again. `change` begins when the API has answered a decision, and ends when the page shows it; the
console reads the API once a second, as with `drs-waves console --sandbox`. The sandbox, the console and Chromium share
the machine. `bench.console_servers` measures a run of ten thousand servers.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from cli.api_client import ApiClient
from cli.refusal import Reply
from console.deployment import Deployment
from sandbox import drill, seeding
from sandbox.stack import Sandbox
from tests.support.browser import Person, launched, person_at
from tests.support.console_of_sandbox import Maker
from tests.support.console_server import ServedConsole, serving
from tests.support.deployed import Operator, wait_until, waits_for

ROOT = Path(__file__).resolve().parent.parent
SPEED = 60
INTERVAL = 1.0  # as of the command in the sandbox
TRIES = 7
SECONDS_OF_CALLS = 30

# Resolves once the page has been painted with what the selector finds.
_PAINTED = """async ({selector, text}) => {
  const holds = () => [...document.querySelectorAll(selector)].some(each => each.textContent.includes(text));
  while (!holds()) await new Promise(done => setTimeout(done, 5));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return performance.timeOrigin + performance.now();
}"""


class CountingApi(ApiClient):
    """Counts the requests."""

    calls = 0

    def _send(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        self.calls += 1
        return super()._send(method, url, data, headers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4610, help="port of the local AWS; the DRS emulator takes the next")
    options = parser.parse_args()
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=SPEED, on_progress=print) as sandbox:
        seeding.register_accounts(sandbox)
        durations = {"drill": {"pending": 60, "started": 120}}
        sandbox.control_emulator("PUT", "/settings", {"durations": durations})
        with launched() as browser:
            figures = _measure(sandbox, browser)
    figures["machine"] = {"processors": os.cpu_count(), "load": os.getloadavg()[0]}
    drill.write_figures(figures, ROOT / "build" / "bench" / "console.json")
    print(json.dumps(figures, indent=2))
    return 0


def _measure(sandbox: Sandbox, browser: Browser) -> dict[str, Any]:
    operator = Operator(sandbox)
    maker = Maker(operator)
    for number in range(20):
        maker.approval_plan(f"plan {number:02}")
    run = operator.start(maker.approval_plan("measured"))
    wait_until(operator, run, waits_for("APPROVAL", "web"))
    ended = operator.start(maker.plan("ended", maker.wave("web", maker.seed("ended-1"))))
    operator.finish(ended, seconds=300)
    figures: dict[str, Any] = {"interval": INTERVAL, "plans": 22}
    figures["firstPage"] = {"cold": _cold(sandbox, browser), "warm": _warm(sandbox, browser, run)}
    with _console(sandbox) as (console, api), person_at(browser, console) as person:
        figures["bytes"] = _bytes(person, run, ended)
        figures["callsPerMinute"] = _calls(person, api, run)
        figures["change"] = _changes(person, operator, run)
    return figures


@contextmanager
def _console(sandbox: Sandbox) -> "Iterator[tuple[ServedConsole, CountingApi]]":
    api = CountingApi.at(sandbox.addresses())
    assert isinstance(api, CountingApi)
    with serving(Deployment(api, "the sandbox", INTERVAL, sandbox.speed, origin=sandbox.origin)) as console:
        yield console, api


def _spread(values: Iterable[float]) -> dict[str, int]:
    """The median and the largest, as whole numbers."""
    measured = list(values)
    return {"median": round(statistics.median(measured)), "largest": round(max(measured)), "tries": len(measured)}


# --- First pages ------------------------------------------------------------------------------------------------------
def _cold(sandbox: Sandbox, browser: Browser) -> dict[str, int]:
    taken = []
    for _ in range(TRIES):
        with _console(sandbox) as (console, _api):
            context = browser.new_context()
            tab = context.new_page()
            began = time.time() * 1000
            tab.goto(console.address)
            taken.append(_painted(tab, "#live", "measured") - began)
            context.close()
    return _spread(taken)


def _warm(sandbox: Sandbox, browser: Browser, run: str) -> dict[str, dict[str, int]]:
    taken: dict[str, list[float]] = {"/": [], f"/runs/{run}": []}
    with _console(sandbox) as (console, _), person_at(browser, console) as person:
        tab = person.open("/")
        for _ in range(TRIES):
            for path, each in taken.items():
                began = time.time() * 1000
                tab.goto(person.origin + path)
                each.append(_painted(tab, "#live", "measured") - began)
    return {path.replace(run, "ID"): _spread(each) for path, each in taken.items()}


def _painted(tab: Page, selector: str, text: str) -> float:
    """When the page was painted with the text, in epoch milliseconds."""
    at: float = tab.evaluate(_PAINTED, {"selector": selector, "text": text})
    return at


def _bytes(person: Person, run: str, ended: str) -> dict[str, int]:
    paths = ["/", "/runs", "/fleet", "/reports", f"/runs/{run}", f"/runs/{ended}", f"/runs/{ended}/servers"]
    found = {path.replace(run, "OPEN").replace(ended, "ENDED"): _size(person, path) for path in paths}
    files = set[str]()
    tab = person.context.new_page()
    tab.on("request", lambda request: files.add(urlsplit(request.url).path))
    tab.goto(f"{person.origin}/")
    tab.close()
    static = sorted(path for path in files if path.startswith("/static/"))
    return {**found, "styles and scripts": sum(_size(person, path) for path in static)}


def _size(person: Person, path: str) -> int:
    answer = person.context.request.get(person.origin + path)
    assert answer.ok, (path, answer.status)
    return len(answer.body())


# --- What open pages cost ---------------------------------------------------------------------------------------------
def _calls(person: Person, api: CountingApi, run: str) -> dict[str, float]:
    found = {"no page": _count(api)}
    for name, paths in {
        "the overview": ["/"],
        "a run": [f"/runs/{run}"],
        "five tabs of a run": [f"/runs/{run}"] * 5,
        "the fleet": ["/fleet"],
        "five tabs of five pages": ["/", "/runs", f"/runs/{run}", "/fleet", "/reports"],
    }.items():
        tabs = [person.open(path) for path in paths]
        time.sleep(3)
        found[name] = _count(api)
        for tab in tabs:
            tab.close()
        time.sleep(2 * INTERVAL)
    return found


def _count(api: CountingApi) -> float:
    """Requests of the API in a minute, from half of one."""
    before, began = api.calls, time.monotonic()
    time.sleep(SECONDS_OF_CALLS)
    return round((api.calls - before) / (time.monotonic() - began) * 60, 1)


# --- From a change to the page ----------------------------------------------------------------------------------------
def _changes(person: Person, operator: Operator, run: str) -> dict[str, Any]:
    """Decisions of another person, and the states of waves, of which the API is asked all the time beside the page."""
    tab, taken = person.open(f"/runs/{run}"), []
    for _ in range(TRIES):
        for decision, shown in (("pause", "decide/resume"), ("resume", "decide/pause")):
            seen = _noticing(tab, f"() => document.querySelector(\"#live button[hx-get*='{shown}']\")")
            reply = operator.request("POST", f"/executions/{run}/{decision}")
            began = time.time() * 1000
            assert reply.status == 200, reply
            taken.append(seen() - began)
            time.sleep(0.37)  # at another moment of the interval
    states = []
    for before, after in (("AWAITING_APPROVAL", "IN_PROGRESS"), ("IN_PROGRESS", "COMPLETED")):
        text = {"IN_PROGRESS": "launching", "COMPLETED": "completed"}[after]
        seen = _noticing(tab, f"() => document.querySelector('#wave-web').textContent.toLowerCase().includes('{text}')")
        if before == "AWAITING_APPROVAL":
            operator.request("POST", f"/executions/{run}/waves/web/approve")
        wave_is = lambda record, state=after: any(  # noqa: E731
            wave["name"] == "web" and wave["status"] == state for wave in record["waves"]
        )
        wait_until(operator, run, wave_is)
        states.append(seen() - time.time() * 1000)
    return {"decision": _spread(taken), "waveStateAfterTheApi": [round(each) for each in states]}


def _noticing(tab: Page, holds: str) -> Callable[[], float]:
    """Let the page note when something first holds and is painted. Return what waits for it, in epoch milliseconds."""
    tab.evaluate(
        """() => {
          const test = HOLDS;
          window.noticed = null;
          const look = () => {
            if (test()) requestAnimationFrame(() => { window.noticed = performance.timeOrigin + performance.now(); });
            else setTimeout(look, 10);
          };
          look();
        }""".replace("HOLDS", holds)
    )

    def wait() -> float:
        noticed: float | None = tab.evaluate(
            "async () => { const until = Date.now() + 60000; while (!window.noticed && Date.now() < until) "
            "await new Promise(done => setTimeout(done, 5)); return window.noticed; }"
        )
        if noticed is None:
            raise TimeoutError(f"The page has not shown within a minute: {holds}")
        return noticed

    return wait


if __name__ == "__main__":
    raise SystemExit(main())
