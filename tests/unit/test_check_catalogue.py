"""The catalogue of checks is complete, and the documentation has it as it is."""

import re
from pathlib import Path

import pytest

from recovery.domain.findings.catalogue import CATALOGUE, Scope
from recovery.domain.findings.codes import Code
from recovery.domain.findings.finding import Severity
from scripts import check_catalogue

LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"


def test_every_code_has_a_check() -> None:
    assert set(CATALOGUE) == set(Code)
    assert all(code.value == code.name for code in Code)


def test_the_table_of_the_documentation_is_that_of_the_catalogue() -> None:
    page = check_catalogue.PAGE.read_text()
    assert check_catalogue.build_page(page) == page, "run scripts/check_catalogue.py"


@pytest.mark.parametrize("code", Code)
def test_every_code_is_given_by_something_that_looks(code: Code) -> None:
    """A code that nothing gives would promise a check that there is not."""
    inside = (path for path in LAMBDAS.rglob("*.py") if path.name not in ("catalogue.py", "codes.py"))
    assert any(re.search(rf"\bCode\.{code.name}\b", path.read_text()) for path in inside)


def test_titles_tell_checks_apart_and_remedies_are_there() -> None:
    assert len({check.title for check in CATALOGUE.values()}) == len(CATALOGUE)
    assert all(check.remedy and not check.title.endswith(".") for check in CATALOGUE.values())


def test_only_what_blocks_can_refuse_a_run() -> None:
    notes = [check for check in CATALOGUE.values() if check.severity is Severity.NOTE]
    assert {check.scope for check in notes} == {Scope.RECORD}
