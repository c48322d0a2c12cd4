"""Attacks: functions that only keep limits write the rows of idempotency keys that they can foresee.

Such a row says for which run a request stands. It makes no other request of it.
"""

import json
from typing import Any

import pytest

from api.schemas.requests.executions import ContinueRequest, StartRequest
from recovery import clock
from recovery.store.idempotency_keys import RequestKey
from tests.support.forger import Forger
from tests.support.plans import make_failing_wave, make_plan
from tests.support.product import ANA, Product

KEY = {"Idempotency-Key": "nightly-2026-11-27"}
FORGED = "recovery-20261127-000000-0f0f0f"


def forge(product: Product, place: str, body: Any) -> None:
    """Let a request that is not sent yet stand for a run of another mode."""
    key = RequestKey(ANA, place, KEY["Idempotency-Key"], body.model_dump_json())
    row = {"executionId": FORGED, "fingerprint": key.fingerprint, "expiresAt": int(clock.now()) + 10**8}
    Forger(product).write("Limits", {**key.row, **row})


@pytest.mark.parametrize(("mode", "place"), [("drills", "DRILL"), ("readiness", "READINESS")])
def test_no_key_makes_a_recovery_of_a_start(product: Product, mode: str, place: str) -> None:
    plan = make_plan(product, 1)
    forge(product, f"{plan}/{place}", StartRequest())
    reply = product.request("POST", f"/recovery-plans/{plan}/{mode}", headers=KEY)
    assert (reply.status, reply.body["code"]) == (409, "IdempotencyConflict"), reply
    assert product.engine.executions("recover-plan") == []
    assert FORGED not in json.dumps(product.items("RunRequests"), default=str)


def test_no_key_makes_a_recovery_of_a_continuation(product: Product) -> None:
    run = product.drill(product.plan(make_failing_wave(product, "web"), launchAttempts=1))["executionId"]
    forge(product, f"{run}/continue", ContinueRequest())
    reply = product.request("POST", f"/executions/{run}/continue", headers=KEY)
    assert (reply.status, reply.body["code"]) == (409, "IdempotencyConflict"), reply
    assert [each.name for each in product.engine.executions("recover-plan")] == [run]
    assert FORGED not in json.dumps(product.items("RunRequests"), default=str)
