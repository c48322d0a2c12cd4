"""What functions import before they can answer, and the CPU time that it takes."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.start import IMPORTS_THE_API, ROOT, budget, handlers, site_packages, start

# Only tables that are resources need conditions; the event handler brings asyncio.
UNWANTED = {"boto3.dynamodb.conditions"}
UNWANTED_BY_TASKS = {"pydantic", "aws_lambda_powertools.event_handler"}
# Only the OpenAPI document is made of these.
UNWANTED_BY_API = {"api.openapi.builder", "api.openapi.examples", "api.openapi.gateway_errors"}
# How often a start that is too slow is measured again: the machine may have been doing something else.
MAX_TRIES = 5
# Milliseconds of CPU of importing botocore when the machine does nothing else.
BOTOCORE = 150


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [ROOT / "lambdas", site_packages(tmp_path_factory.mktemp("runtime"))]


def test_no_task_imports_what_it_does_not_need(path: list[Path], tmp_path: Path) -> None:
    """One interpreter imports all tasks, so an unneeded import of one task fails the test for all."""
    tasks = [name for name in handlers() if name.startswith("tasks.") and name != IMPORTS_THE_API]
    assert len(tasks) > 20
    (tmp_path / "all_tasks.py").write_text("\n".join(f"import {name}" for name in tasks))
    found = start("all_tasks", [tmp_path, *path])
    assert {"botocore", *tasks} <= found.modules
    assert (UNWANTED | UNWANTED_BY_TASKS) & found.modules == set()


def test_the_api_imports_nothing_that_it_does_not_need(path: list[Path]) -> None:
    found = start("api.app", path)
    assert "botocore" in found.modules
    assert (UNWANTED | UNWANTED_BY_API) & found.modules == set()


@pytest.mark.parametrize("module", ["api.app", "tasks.poll_job"])
def test_garbage_is_collected_again_after_a_start(module: str) -> None:
    code = f"import gc, {module}; print(gc.isenabled(), gc.get_freeze_count() > 50_000)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "lambdas", capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["True", "True"]


@pytest.mark.proof
@pytest.mark.parametrize("module", handlers())
def test_a_function_starts_within_its_budget(module: str, path: list[Path]) -> None:
    """The budget is CPU time, scaled by how much slower than usual this machine imports botocore."""
    tries = [start(module, path)]
    while tries[-1].cpu > budget(module) * max(1, tries[-1].botocore / BOTOCORE):
        assert len(tries) < MAX_TRIES, [round(each.cpu) for each in tries]
        tries.append(start(module, path))


def test_the_measure_sees_only_what_a_function_has_and_all_of_it(path: list[Path]) -> None:
    assert "awscrt" not in start("botocore.compat", path).modules  # it is installed here, and takes 100 ms
    for module in ("boto3", "pydantic", "tenacity", "aws_lambda_powertools"):
        assert module in start(module, path).modules
