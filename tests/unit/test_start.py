"""What functions import before they can answer: little of what is there, and in little time."""

from pathlib import Path

import pytest

from bench.start import ROOT, Start, budget, handlers, site_packages, start

# Only tables that are resources need conditions; the event handler brings asyncio.
NOBODY = {"boto3.dynamodb.conditions"}
TASKS = {"pydantic", "aws_lambda_powertools.event_handler"}
# What only the OpenAPI document is made of.
API = {"api.openapi.operations", "api.openapi.builder", "api.openapi.examples", "api.schemas.responses"}
# How often a start that is too slow is measured again: the machine may have been doing something else.
TRIES = 5
# CPU of importing botocore when the machine does nothing else, in milliseconds.
BOTOCORE = 150


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [ROOT / "lambdas", site_packages(tmp_path_factory.mktemp("runtime"))]


@pytest.fixture(scope="module", params=handlers())
def first(request: pytest.FixtureRequest, path: list[Path]) -> tuple[str, Start]:
    return request.param, start(request.param, path)


def test_a_function_imports_nothing_that_it_does_not_need(first: tuple[str, Start]) -> None:
    module, found = first
    unwanted = NOBODY | (TASKS if module.startswith("tasks.") else API)
    assert "botocore" in found.modules
    assert unwanted & found.modules == set()


@pytest.mark.proof
def test_a_function_starts_within_its_budget(first: tuple[str, Start], path: list[Path]) -> None:
    """In CPU, for which nobody waits; where the machine is slow, as many times slower as it is with botocore."""
    module, found = first
    tries = [found]
    while tries[-1].cpu > budget(module) * max(1, tries[-1].botocore / BOTOCORE):
        assert len(tries) < TRIES, [round(each.cpu) for each in tries]
        tries.append(start(module, path))


def test_the_measure_sees_only_what_a_function_has_and_all_of_it(path: list[Path]) -> None:
    assert "awscrt" not in start("botocore.compat", path).modules  # it is installed here, and takes 100 ms
    for module in ("boto3", "pydantic", "tenacity", "aws_lambda_powertools"):
        assert module in start(module, path).modules
