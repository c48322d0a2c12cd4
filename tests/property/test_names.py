"""Names of plans and groups have one form, and two that look alike are found out."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schemas.requests.base import parse
from api.schemas.requests.names import normalize_name, require_legible, shape_of
from api.schemas.requests.plans import PlanRequest
from recovery.errors import InvalidRequest

WAVES = [{"name": "web", "groups": [{"groupId": "pg-1"}]}]
SPACES = st.sampled_from([" ", "\u00a0", "\u2003", "\u3000", "  "])


@given(st.text(max_size=60))
def test_normalizing_a_name_twice_changes_nothing_more(text: str) -> None:
    once = normalize_name(text)
    assert normalize_name(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.lists(st.text("aé漢-1", min_size=1), min_size=1, max_size=4), SPACES, SPACES, st.sampled_from(["NFC", "NFD"]))
def test_a_name_is_the_same_however_it_is_spaced_and_composed(
    words: list[str], space: str, end: str, form: str
) -> None:
    typed = unicodedata.normalize(form, end + space.join(words) + end)  # type: ignore[arg-type]
    assert normalize_name(typed) == " ".join(words)


@pytest.mark.parametrize("name", ["shop ", " shop", "shop\n", "\u00a0shop", "shop\u2003", "shop\t"])
def test_the_api_stores_a_name_without_the_blanks_at_its_ends(name: str) -> None:
    assert parse(PlanRequest, {"name": name, "waves": WAVES}).name == "shop"


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("sh\u200bop", "U+200B"),
        ("shop\u202e", "U+202E"),
        ("\ufeffshop", "U+FEFF"),
        ("sh\u00adop", "U+00AD"),
        ("shop\u3164", "U+3164"),
        ("shop\ufe0f", "U+FE0F"),
        ("shop\u2066x\u2069", "U+2066"),
        ("shop\ue000", "U+E000"),
    ],
)
def test_a_name_with_an_invisible_character_is_refused_by_its_number(name: str, hidden: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(PlanRequest, {"name": name, "waves": WAVES})
    assert hidden in refused.value.problems[0]["message"]


@pytest.mark.parametrize("name", ["p\u0430yroll", "shop \u03bfrders", "\u0420ayroll"])
def test_a_word_of_latin_and_similar_letters_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must not mix"):
        require_legible(name)


@pytest.mark.parametrize("name", ["Zahlungen Süd", "受注システム web", "Платежи west", "α team", "日本DB", "Łódź 2"])
def test_names_in_the_scripts_of_people_are_allowed(name: str) -> None:
    assert require_legible(normalize_name(name)) == name


@pytest.mark.parametrize(
    ("one", "other"), [("\u0441\u043e\u0441\u043e", "coco"), ("ｓhop", "shop"), ("shop\u00a0west", "shop west")]
)
def test_names_that_look_alike_have_one_shape(one: str, other: str) -> None:
    assert shape_of(one) == shape_of(other)


@given(st.text("abcdefgxyz0123-", min_size=1), st.text("abcdefgxyz0123-", min_size=1))
def test_names_that_differ_for_readers_have_different_shapes(one: str, other: str) -> None:
    assert (shape_of(one) == shape_of(other)) == (one == other)
