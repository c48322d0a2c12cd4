"""Readers beside runs: who counts against which share of a target's calls, and what that leaves to a recovery."""

import time
from collections import Counter

import pytest

from recovery.drs import rate_limiter
from recovery.drs.rate_limiter import DRS_CALLS, EC2_CALLS
from tests.support import cleanups
from tests.support.instance_cache import sync
from tests.support.looping import looping, without_buckets
from tests.support.plans import make_plan
from tests.support.product import HUB, WEST, Product

VIEWERS = 40
# Forty viewers send 40 requests a second then, of which a target's budget has room for two.
PAUSE = 1


@pytest.mark.timeout(180)
def test_a_recovery_finds_four_fifths_of_each_second_free_beside_forty_looping_viewers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In real time, until the start of the job. A recovery reads the launch configuration of each server first.

    The counters of the budget tell what the viewers left, on a busy machine as well. `make bench-readers` has the time.
    """
    servers, path = 20, f"/targets/{HUB}/{WEST}/source-servers"
    without_buckets(monkeypatch)
    with Product(speed=1) as product:
        product.seed(5, prefix="other")
        plan = product.plan({"name": "web", "groups": [product.group(product.seed(servers, prefix="web"))]})
        answers = Counter[int]()
        with looping(lambda: answers.update([product.request("GET", path).status]), VIEWERS, PAUSE):
            product.start(plan, "recoveries")
            deadline = time.time() + 90
            while not product.calls().get("StartRecovery") and time.time() < deadline:
                time.sleep(0.1)
        assert product.calls()["StartRecovery"] == 1
        assert product.calls()["GetLaunchConfiguration"] == servers
        seconds = [row for row in product.items("Limits") if row["item"].startswith(f"{DRS_CALLS}#")]
        assert max(int(row.get("requests", 0)) for row in seconds) == 2, "a fifth of ten calls a second"
        assert answers.keys() == {200, 429}, answers


# --- who has which share ----------------------------------------------------------------------------------------
def counted(product: Product) -> Counter[str]:
    """The calls of both budgets so far, by counter."""
    found = Counter[str]()
    for row in product.items("Limits"):
        if "CALLS#" in row["item"]:
            found.update({name: int(row.get(name, 0)) for name in ("calls", "deferrable", "requests")})
    return found


def added(product: Product, before: Counter[str]) -> tuple[int, int, int]:
    """The calls since then: all, those that can wait, and requests among them."""
    now = counted(product)
    return tuple(now[name] - before[name] for name in ("calls", "deferrable", "requests"))  # type: ignore[return-value]


def test_each_caller_counts_against_its_share(product: Product) -> None:
    plan = make_plan(product)
    record = product.drill(plan)
    calls, deferrable, _ = added(product, Counter())
    assert (calls > 0, deferrable) == (True, 0), "a drill is a run"

    before = counted(product)
    sync(product)
    calls, deferrable, requests = added(product, before)
    assert calls == deferrable > 0 == requests, "a sync, with its calls of EC2"

    before = counted(product)
    product.finish(product.start(plan, "readiness"))
    calls, deferrable, requests = added(product, before)
    assert calls == deferrable > 0 == requests, "a readiness run"

    before = counted(product)
    for path in (f"/capacity/{HUB}/{WEST}", f"/targets/{HUB}/{WEST}/source-servers"):
        assert product.request("GET", path).status == 200
    job = record["batches"][0]["jobId"]
    assert product.request("GET", f"/executions/{record['executionId']}/job-log", jobId=job).status == 200
    assert product.request("POST", f"/target-accounts/{HUB}/verify").status == 200
    calls, deferrable, requests = added(product, before)
    assert calls == deferrable == requests > 0, "requests of the API"

    before, observed = counted(product), product.calls()["DescribeJobs"]
    cleanups.wait_for(product, cleanups.begin(product, record))
    calls, deferrable, requests = added(product, before)
    assert product.calls()["DescribeJobs"] > observed
    # The jobs of others are read for all who wait for a slot, so this one call of the clean-up is not deferred.
    assert 0 <= calls - deferrable <= 1
    assert deferrable > 0 == requests, "a clean-up"


def test_a_request_that_finds_no_free_call_is_told_when_to_come_back(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiter, "_reserve_second", lambda target, budget, share, *_: share.percent == 100)
    reply = product.request("GET", f"/targets/{HUB}/{WEST}/source-servers")
    assert (reply.status, reply.body["code"]) == (429, "RateBudgetExhausted")
    assert int(reply.headers["Retry-After"]) > 0
    assert "20 % of 10 a second" in reply.body["message"]
    told = product.request("GET", f"/capacity/{HUB}/{WEST}").body
    assert told["status"] == "NOT_ASKED", "a target that was not asked is called unreachable"
    assert "20 % of 10 a second" in told["message"]
    record = product.drill(make_plan(product))
    assert record["status"] == "COMPLETED", "runs go on"


def test_calls_of_ec2_have_a_budget_of_their_own_with_the_same_shares(product: Product) -> None:
    product.drill(make_plan(product))
    sync(product)
    found = [row for row in product.items("Limits") if row["item"].startswith(f"{EC2_CALLS}#")]
    assert found
    assert all(int(row["calls"]) == int(row["deferrable"]) for row in found)
