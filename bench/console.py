"""Measures the console in Chromium: first pages, how soon a change is on them, calls of the API, ten thousand servers.

    python -m bench.console [--port 4610] [--servers 10000]

Writes build/bench/console.json. Times are real milliseconds, as the browser measures them until it paints; each has
the median and the largest of several. `cold` is a console that has read nothing and a browser without a cache, `warm`
a page that is loaded again. `change` begins when the API has answered a decision, and ends when the page shows it; the
console reads the API once a second, as with `drs-waves console --sandbox`. The servers of the large run are played:
the answers of a real drill, multiplied. The sandbox, the console and Chromium share the machine.
"""

import argparse
import copy
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
STATUSES = ("LAUNCHED",) * 18 + ("FAILED", "EXCLUDED")

# Resolves once the page has been painted with what the selector finds.
_PAINTED = """async ({selector, text}) => {
  const holds = () => [...document.querySelectorAll(selector)].some(each => each.textContent.includes(text));
  while (!holds()) await new Promise(done => setTimeout(done, 5));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return performance.timeOrigin + performance.now();
}"""


class CountingApi(ApiClient):
    """Counts the requests, and answers those about one run's servers from memory."""

    calls = 0
    large: "LargeRun | None" = None

    def _send(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        self.calls += 1
        parts = urlsplit(url)
        if self.large is not None and (played := self.large.answer(parts.path, parse_qs(parts.query))):
            return Reply(200, played)
        return super()._send(method, url, data, headers)


class LargeRun:
    """A run of one wave and many servers, made of a real one."""

    def __init__(self, record: Mapping[str, Any], server: Mapping[str, Any], count: int) -> None:
        self.record = copy.deepcopy(dict(record))
        self.servers = [
            {
                **server,
                "hostname": f"server-{number:05}.example.internal",
                "sourceServerId": f"s-{number:017x}",
                "status": STATUSES[number % len(STATUSES)],
                "reason": None if number % len(STATUSES) < 18 else "DRS ended the launch with LAUNCH_FAILED",
            }
            for number in range(count)
        ]
        for wave in self.record["waves"]:
            wave["servers"] = {**wave["servers"], "total": count}

    def answer(self, path: str, query: Mapping[str, list[str]]) -> dict[str, Any] | None:
        run = f"/executions/{self.record['executionId']}"
        if path.endswith(run):
            return self.record
        if not path.endswith(f"{run}/servers"):
            return None
        start, limit = int(query.get("nextToken", ["0"])[0]), int(query.get("limit", ["200"])[0])
        end = start + limit
        return {"servers": self.servers[start:end], "nextToken": str(end) if end < len(self.servers) else None}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4610, help="port of the local AWS; the DRS emulator takes the next")
    parser.add_argument("--servers", type=int, default=10_000, help="servers of the large run")
    options = parser.parse_args()
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=SPEED, on_progress=print) as sandbox:
        seeding.register_accounts(sandbox)
        durations = {"drill": {"pending": 60, "started": 120}}
        sandbox.control_emulator("PUT", "/settings", {"durations": durations})
        with launched() as browser:
            figures = _measure(sandbox, browser, options.servers)
    figures["machine"] = {"processors": os.cpu_count(), "load": os.getloadavg()[0]}
    drill.write_figures(figures, ROOT / "build" / "bench" / "console.json")
    print(json.dumps(figures, indent=2))
    return 0


def _measure(sandbox: Sandbox, browser: Browser, count: int) -> dict[str, Any]:
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
    figures["largeRun"] = _large(sandbox, browser, operator, ended, count)
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
        text = {"IN_PROGRESS": "in progress", "COMPLETED": "completed"}[after]
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
        noticed: float = tab.evaluate(
            "async () => { while (!window.noticed) await new Promise(done => setTimeout(done, 5)); return noticed; }"
        )
        return noticed

    return wait


# --- Ten thousand servers ---------------------------------------------------------------------------------------------
def _large(sandbox: Sandbox, browser: Browser, operator: Operator, ended: str, count: int) -> dict[str, Any]:
    record = operator.request("GET", f"/executions/{ended}").body
    server = operator.request("GET", f"/executions/{ended}/servers").body["servers"][0]
    with _console(sandbox) as (console, api), person_at(browser, console) as person:
        api.large = LargeRun(record, server, count)
        person.open("/").close()
        before = _resident_mib()
        began = time.time() * 1000
        tab = person.open(f"/runs/{ended}/servers")
        first = _painted(tab, "#servers-total", f"{count:,}") - began
        memory = _resident_mib() - before
        return {
            "servers": count,
            "pageBytes": _size(person, f"/runs/{ended}/servers"),
            "memoryMiB": round(memory, 1),
            "residentMiB": round(_resident_mib(), 1),
            "msToAllRead": round(first),
            "filterMs": _spread(_filter(tab, f"{number:05}") for number in range(0, TRIES * 997, 997)),
            "scrollMs": _spread(_scroll(tab, share / 8) for share in range(1, 8)),
            "sortMs": _spread(_sort(tab, at) for at in (1, 2, 1)),
            "runPageBytes": _size(person, f"/runs/{ended}"),
        }


def _filter(tab: Page, text: str) -> float:
    """From the last key to the painted rows, with the pause in which one types on."""
    taken: float = tab.evaluate(
        """async text => {
          const search = document.getElementById("servers-search"), rows = document.getElementById("servers-rows");
          const set = async value => {
            const before = rows.firstElementChild;
            const began = performance.now();
            search.value = value;
            search.dispatchEvent(new Event("input", {bubbles: true}));
            while (rows.firstElementChild === before) await new Promise(done => setTimeout(done, 1));
            await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
            return performance.now() - began;
          };
          const taken = await set(text);
          await set("");
          return taken;
        }""",
        text,
    )
    return taken


def _scroll(tab: Page, share: float) -> float:
    """From a jump of the scroll bar to the painted rows."""
    taken: float = tab.evaluate(
        """async share => {
          const box = document.getElementById("servers"), rows = document.getElementById("servers-rows");
          const before = rows.dataset.offset, began = performance.now();
          box.scrollTop = box.scrollHeight * share;
          while (rows.dataset.offset === before) await new Promise(done => setTimeout(done, 1));
          await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
          return performance.now() - began;
        }""",
        share,
    )
    return taken


def _sort(tab: Page, column: int) -> float:
    taken: float = tab.evaluate(
        """async column => {
          const rows = document.getElementById("servers-rows"), before = rows.firstElementChild;
          const began = performance.now();
          document.querySelectorAll("#servers thead button")[column].click();
          while (rows.firstElementChild === before) await new Promise(done => setTimeout(done, 1));
          await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
          return performance.now() - began;
        }""",
        column,
    )
    return taken


def _resident_mib() -> float:
    """The memory of this process, which is the console's as far as it grows while a page is read."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("there is no VmRSS")


if __name__ == "__main__":
    raise SystemExit(main())
