"""Answers that stay small in the largest run: pages of servers, pages of batches, and the run itself."""

import json
import random
import string
from collections.abc import Mapping
from typing import Any

import pytest

from recovery.domain.batch import Batch, BatchRef
from recovery.domain.execution import ServerStatus
from recovery.domain.inspection import InspectedServer
from recovery.domain.launch_failures import FailureKind, LaunchFailure
from recovery.domain.readiness import Readiness, ServerVerdict
from recovery.domain.server_result import ServerResult, add_results
from recovery.domain.target import Target
from recovery.packing import pack
from recovery.store.batch_servers import pack_servers
from tests.support.fault_injection import Call, calls_through
from tests.support.plans import make_wave
from tests.support.product import WEST, Product

LARGEST_ANSWER = 4_500_000  # a function's answer has room for 6 MB (Lambda quotas), API Gateway's for 10 MB
READY = ServerVerdict(Readiness.READY)
AT = "2026-01-01T00:00:00.000Z"


def listed(product: Product, run: str, name: str = "servers", **query: str) -> list[dict[str, Any]]:
    """Every item of a list of the run, page by page."""
    found, more = list[dict[str, Any]](), dict[str, str]()
    while True:
        reply = product.request("GET", f"/executions/{run}/{name}", **query, **more)
        assert len(json.dumps(reply.body)) < LARGEST_ANSWER
        found += reply.body[name]
        if reply.body["nextToken"] is None:
            return found
        more = {"nextToken": reply.body["nextToken"]}


def text(chance: random.Random, length: int) -> str:
    """A text that nothing compresses well."""
    return "".join(chance.choices(string.ascii_letters + string.digits, k=length))


def row_of_batch(ref: BatchRef, servers: int, more: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    chance = random.Random(ref.key)
    ids = sorted(f"s-{chance.getrandbits(68):017x}" for _ in range(servers))
    found = {each: InspectedServer(READY, f"host-{each}") for each in ids}
    created = Batch(ref, tuple(ids), servers).to_item()
    results = {each: {**result, "reason": text(chance, 1_000) if result.get("reason") else None} for each in ids}
    return {**created, "servers": pack_servers(found), "results": pack(results), **more}


def fill(product: Product, parts: int, batches: int, servers: int, more: Mapping[str, Any], **result: Any) -> str:
    """Add rows to a small run: batches of so many servers in each of so many parts of its wave."""
    run = product.drill(product.plan(make_wave(product, "web"), name=f"plan-{parts}"))["executionId"]
    for part in range(parts):
        target = Target(f"{part:012}", WEST)
        place = {"executionId": run, "wave": "web", **target.to_state()}
        for number in range(1, batches + 1):
            ref = BatchRef(run, "web", target, number)
            product.put("Executions", plain(row_of_batch(ref, servers, more, result)))
        counts = {"servers": batches * servers, "batches": batches, "blocked": 0, "warned": 0, "optional": 0}
        row = {**place, "item": f"TARGET#web#{target.key}", **counts, "blockedOptional": 0, "alreadyLaunched": 0}
        product.put("Executions", {**row, "notes": [f"{target.key} has a note of {text(random.Random(part), 200)}"]})
    return run


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def test_a_thousand_servers_are_one_page_and_one_query(product: Product) -> None:
    run = fill(product, 10, 2, 100, {"status": "SETTLED"}, status="LAUNCHED", recoveryInstanceId="i-1")
    queries = list[Any]()

    def noting(call: Call) -> Call:
        def noted(self: Any, operation: str, parameters: Any) -> Any:
            if operation == "Query" and "BATCH#" in str(parameters["ExpressionAttributeValues"]):
                queries.append(parameters)
            return call(self, operation, parameters)

        return noted

    with calls_through(noting):
        reply = product.request("GET", f"/executions/{run}/servers", limit="1000")
    assert (len(reply.body["servers"]), len(queries)) == (1_000, 1)
    rest = listed(product, run, limit="1000")
    assert len({server["sourceServerId"] for server in rest}) == len(rest) > 2_000


def test_a_search_through_many_servers_ends_a_page_before_it_takes_long(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.servers.MAX_EXAMINED", 150)
    run = fill(product, 2, 2, 100, {"status": "SETTLED"}, status="LAUNCHED")
    reply = product.request("GET", f"/executions/{run}/servers", text="no server has this")
    assert (reply.body["servers"], reply.body["nextToken"] is None) == ([], False)
    assert listed(product, run, text="no server has this") == []
    assert len(listed(product, run, target=f"{1:012}/{WEST}", status="LAUNCHED")) == 200


def test_no_page_of_servers_comes_near_the_largest_answer_of_a_function(product: Product) -> None:
    """Each server has the longest reason and warnings."""
    warnings = [text(random.Random(number), 600) for number in range(8)]
    result = {"status": "FAILED", "reason": "long", "advice": "a" * 400, "launchWarnings": warnings}
    run = fill(product, 2, 6, 100, {"status": "SETTLED"}, **result)
    path, token, pages = f"/executions/{run}/servers", dict[str, str](), list[int]()
    while True:
        reply = product.request("GET", path, limit="1000", **token)
        assert len(json.dumps(reply.body)) < LARGEST_ANSWER
        pages.append(len(reply.body["servers"]))
        if reply.body["nextToken"] is None:
            break
        token = {"nextToken": reply.body["nextToken"]}
    assert sum(pages) == 1_201
    assert pages[0] < 1_000, "the page is cut by its size"


@pytest.mark.proof
def test_the_largest_run_fits_into_an_answer_and_shows_what_has_not_ended(product: Product) -> None:
    """40 groups of 4,000 servers in forty waves: 3,200 batches, each with all that a batch can have."""
    jobs = [{"attempt": each, "jobId": f"drsjob-{each:017}", "launched": 1, "failed": 1} for each in range(3)]
    jobs = [{**job, "startedAt": AT, "endedAt": AT} for job in jobs]
    until, reason = "2026-01-02T00:00:00.000Z", "r" * 300
    outages = [{"since": f"2026-01-01T00:{n:02}:00.000Z", "until": until, "reason": reason} for n in range(30)]
    ended = {"status": "SETTLED", "jobs": jobs, "outages": outages, "reason": "r" * 300, "stage": "conversion"}
    run = fill(product, 1_600, 2, 2, ended, status="FAILED")
    (last,) = [row for row in product.items("Executions") if row["item"] == f"BATCH#web#{1_599:012}/{WEST}#0002"]
    product.put("Executions", {**last, "status": "LAUNCHING", "jobId": "drsjob-1"})
    reply = product.request("GET", f"/executions/{run}")
    assert reply.status == 200
    assert len(json.dumps(reply.body)) < LARGEST_ANSWER
    assert len(reply.body["batches"]) + reply.body["batchesLeftOut"] == 3_201
    assert reply.body["batches"][-1]["status"] == "LAUNCHING"
    assert len(listed(product, run, "batches", limit="200")) == 3_201


def test_the_row_of_a_full_batch_with_the_longest_reasons_fits_into_a_table() -> None:
    """A row may have 400 KB (DynamoDB's quotas). Random characters of a large alphabet are hardest to compress."""
    chance = random.Random(1)

    def long_text(length: int) -> str:
        return "".join(chr(chance.randint(0x4E00, 0x9FFF)) for _ in range(length))

    ids = [f"s-{chance.getrandbits(68):017x}" for _ in range(100)]
    verdict = ServerVerdict(Readiness.WARN, (long_text(200), long_text(200)))
    found = {each: InspectedServer(verdict, long_text(63), True, f"pit-{each}", 1e9, ("pg-1",), 1) for each in ids}
    failure = LaunchFailure(FailureKind.OTHER, "cause")
    failed = [
        ServerResult(each, ServerStatus.FAILED, f"drsjob-{each}", f"i-{each}", AT, long_text(3_000), failure)
        for each in ids
    ]
    created = Batch(BatchRef("drill-1", "w" * 63, Target("1" * 12, WEST), 1), tuple(ids), 100).to_item()
    lists = dict.fromkeys(("dropped", "lastTry", "launchedInJob", "failedInJob"), ids)
    rest = json.dumps({**{name: value for name, value in created.items() if value}, **lists})
    assert len(pack_servers(found)) + len(pack(add_results({}, failed, AT))) + len(rest) < 300_000
