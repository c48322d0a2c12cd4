"""What the head of each page says about the deployment: production by its name, and the time by its clock."""

import time
from typing import Any, cast

import pytest

from cli.api_client import ApiClient
from console.deployment import Deployment


def deployment(environment: str, **more: Any) -> Deployment:
    return Deployment(cast("ApiClient", None), environment, 1.0, **more)


@pytest.mark.parametrize(
    "name",
    [
        "context prod: stack drs-waves, eu-west-1",
        "stack drs-waves-prod, eu-west-1, profile hub",
        "context PROD-EU: https://abc.execute-api.eu-west-1.amazonaws.com/v1",
        "context eu_production: stack dr",
        "context prod2: stack dr",
    ],
)
def test_a_name_that_says_so_makes_a_deployment_production(name: str) -> None:
    assert deployment(name).is_production


@pytest.mark.parametrize(
    "name", ["stack drs-waves-test, eu-west-1", "context products: stack dr", "context reprod: stack dr"]
)
def test_another_name_does_not(name: str) -> None:
    assert not deployment(name).is_production


def test_the_sandbox_is_never_production() -> None:
    assert not deployment("prod", speed=60.0).is_production


def test_the_time_of_the_sandbox_runs_faster_from_its_origin_on() -> None:
    origin = time.time() - 100
    assert deployment("a sandbox", speed=60.0, origin=origin).now() - origin >= 6000
    assert deployment("aws").now() == pytest.approx(time.time(), abs=60)
