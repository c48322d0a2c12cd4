"""A decision with an Idempotency-Key counts once, also if the run asks the same question again meanwhile."""

from tests.support.action_runs import FREEZE, one_wave, wait_for_action
from tests.support.plans import make_failing_wave, make_plan
from tests.support.product import Product
from tests.support.runs import decide, launching_run, wait_until, wait_until_asked_for
from tests.support.shops import open_shop, rule

KEY = {"Idempotency-Key": "0d3c5a52-7a7e-4f3d-a3f5-1c7d8e9f0a12"}


def send(product: Product, run: str, path: str) -> int:
    return product.request("POST", f"/executions/{run}/{path}", None, KEY).status


def names_of(product: Product, run: str) -> list[str]:
    return [each["decision"] for each in product.record(run)["decisions"]]


def test_a_repeated_retry_does_not_retry_a_wave_that_has_failed_again(product: Product) -> None:
    run = product.start(product.plan(make_failing_wave(product, "web", onFailure="ask"), launchAttempts=1))
    wait_until_asked_for(product, run, "DECISION")
    assert send(product, run, "waves/web/retry") == 200
    wait_until(product, run, lambda record: record["waves"][0]["round"] == 1 and record["waitingFor"])
    assert send(product, run, "waves/web/retry") == 200
    assert names_of(product, run) == ["retry"]
    assert product.record(run)["waves"][0]["round"] == 1
    decide(product, run, "cancel")
    product.finish(run)


def test_a_repeated_pause_does_not_pause_a_run_that_was_resumed(product: Product) -> None:
    with launching_run(product, make_plan(product)) as run:
        assert send(product, run, "pause") == 200
        assert decide(product, run, "resume").status == 200
        assert send(product, run, "pause") == 200
        assert names_of(product, run) == ["pause", "resume"]
    assert product.finish(run)["status"] == "COMPLETED"


def test_a_repeated_retry_does_not_retry_an_action_that_has_failed_again(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS", count=2)
    run = product.start(one_wave(product, before=[{**FREEZE, "onFailure": "ask"}]))
    wait_for_action(product, run, "freeze-writes", "FAILED")
    since = product.record(run)["waitingFor"][0]["since"]
    assert send(product, run, "actions/freeze-writes/retry") == 200
    wait_until(
        product, run, lambda record: any(each["since"] != since for each in record["waitingFor"] if each["answers"])
    )
    assert send(product, run, "actions/freeze-writes/retry") == 200
    assert names_of(product, run) == ["retry"]
    decide(product, run, "cancel")
    product.finish(run)
