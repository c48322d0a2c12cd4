"""Every package of the product has a docstring and an entry in docs/architecture.md, and stays small."""

import ast
from pathlib import Path

import pytest

LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"
ARCHITECTURE = (LAMBDAS.parent / "docs" / "architecture.md").read_text()
PACKAGES = sorted(path.parent for path in LAMBDAS.rglob("__init__.py"))
ROOMS = [package for package in PACKAGES if package.parent.name == "recovery"]
MODULES = sorted(path for path in LAMBDAS.rglob("*.py") if path.name != "__init__.py")
MAX_MODULES, MAX_LINES = 15, 330
FLAT = LAMBDAS / "tasks"  # a file for each state: grouping them would hide the states


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_says_what_is_in_it_and_who_may_call_it(room: Path) -> None:
    contract = ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    assert contract is not None
    assert len(contract.splitlines()) >= 4


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(LAMBDAS)))
def test_a_package_is_named_in_the_architecture(package: Path) -> None:
    rooms = ARCHITECTURE.split("## The rooms")[1].split("\n## ")[0]
    assert f"`{package.relative_to(LAMBDAS)}" in rooms


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(LAMBDAS)))
def test_a_package_can_be_read_at_a_glance(package: Path) -> None:
    assert package == FLAT or len(list(package.glob("[!_]*.py"))) <= MAX_MODULES


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(LAMBDAS)))
def test_a_module_is_short_enough_to_read_at_once(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= MAX_LINES
