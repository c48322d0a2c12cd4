"""The tree of errors: the HTTP status and the advice of each, and what the API's page says of them."""

import re
from pathlib import Path

import pytest

from api.openapi.gateway_errors import GATEWAY_ERRORS
from recovery.errors import Conflict, DrsWavesError, NotFound, Transient
from recovery.observability import retries_exhausted
from tests.support.raised_errors import ERRORS, can_raise

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"
STATUSES = {400, 403, 404, 409, 429, 500, 503}
NO_LEAVES = {"DrsWavesError", "NotFound", "Conflict", "Transient"}


def documented() -> dict[str, int]:
    """Codes by name in the table of errors in docs/api.md, with their statuses."""
    table = DOCS.read_text().split("## Errors")[1]
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", table, re.MULTILINE)
    return {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes.split(":")[0])}


@pytest.mark.parametrize("kind", ERRORS.values())
def test_every_error_has_a_status_and_says_what_to_do(kind: type[DrsWavesError]) -> None:
    assert kind.status in STATUSES
    assert re.fullmatch(r"[A-Z].*\.", kind.advice)
    assert kind.__doc__


def test_errors_are_told_apart_by_status() -> None:
    assert {kind.status for kind in ERRORS.values()} == STATUSES


@pytest.mark.parametrize("base", [NotFound, Conflict])
def test_a_kind_of_error_has_the_status_of_its_base(base: type[DrsWavesError]) -> None:
    kinds = [kind for kind in ERRORS.values() if issubclass(kind, base)]
    assert len(kinds) > 1
    assert {kind.status for kind in kinds} == {base.status}


def test_what_passes_by_itself_never_looks_like_a_mistake_of_the_caller_or_a_bug() -> None:
    passing = [kind for kind in ERRORS.values() if issubclass(kind, Transient) and kind is not Transient]
    assert {kind.status for kind in passing} == {409, 429, 503}


def test_every_class_stands_in_one_tree_and_only_its_bases_are_too_general_to_raise() -> None:
    bases = {base.__name__ for kind in ERRORS.values() for base in kind.__mro__[1:] if issubclass(base, DrsWavesError)}
    assert bases == NO_LEAVES


def test_the_page_of_the_api_names_every_error_that_it_answers_with_its_status() -> None:
    codes = documented()
    assert codes["NoSuchRoute"] == 404
    assert codes["InternalError"] == 500
    # What is caught on the way: a run that died is closed whatever its batches say, and bases are only caught.
    within = {"JobTooLarge", "JobNotVisible", "LateMessage", "NothingToLaunch", "RunHalted"}
    within |= {"StartUnanswered", "Transient"}
    # What a step of a plan needs and lacks is a problem of a field, or a line of the answer.
    within |= {"NotInTarget", "TargetRefused"}
    answered = {kind.__name__: kind.status for kind in can_raise("api.app.handler") if kind.__name__ not in within}
    assert answered
    of_gateway = {code: status for status, names in GATEWAY_ERRORS.items() for code in names}
    assert codes == answered | of_gateway | {"NoSuchRoute": 404, "MethodNotAllowed": 405, "InternalError": 500}


@pytest.mark.parametrize("kind", [kind for kind in ERRORS.values() if issubclass(kind, Transient)])
def test_operators_are_never_told_that_there_is_nothing_to_do_about_what_outlasts_its_retries(
    kind: type[DrsWavesError],
) -> None:
    in_a_wait_of_its_own = {"ServerBusy", "QuotaExceeded", "CircuitOpen", "RunPaused", "Transient"}
    if kind.__name__ not in in_a_wait_of_its_own:
        assert "Nothing to do" not in retries_exhausted.advice_for(kind.__name__)


@pytest.mark.parametrize("name", ["Lambda.Unknown", "Any", "", "States.Timeout"])
def test_an_error_that_is_not_ours_gets_advice_too(name: str) -> None:
    assert retries_exhausted.advice_for(name) == DrsWavesError.advice
