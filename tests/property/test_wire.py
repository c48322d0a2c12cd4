"""What DynamoDB is sent and what it sends, held against boto3's own reading of it."""

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import wire

EXAMPLES = settings(max_examples=200, deadline=None)
whole = st.integers(-(10**37), 10**37)  # DynamoDB keeps 38 digits
plain = st.none() | st.booleans() | whole | st.text() | st.binary()
sets = st.sets(st.text(), min_size=1) | st.sets(whole, min_size=1) | st.sets(st.binary(), min_size=1)
values = st.recursive(
    plain | sets,
    lambda parts: st.lists(parts, max_size=5) | st.dictionaries(st.text(), parts, max_size=5),
    max_leaves=20,
)


@EXAMPLES
@given(values)
def test_a_value_is_packed_as_boto3_packs_it_and_comes_back_as_it_was(value: Any) -> None:
    packed = wire.pack(value)
    assert packed == TypeSerializer().serialize(value)
    back = wire.unpack(packed)
    assert back == value
    assert type(back) is type(value)


@EXAMPLES
@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_a_number_comes_back_as_boto3_reads_it_whole_ones_as_int(number: Decimal) -> None:
    wired = {"N": str(number)}
    back = wire.unpack(wired)
    assert back == float(TypeDeserializer().deserialize(wired))
    assert isinstance(back, int) is (number == number.to_integral_value())


@pytest.mark.parametrize(("text", "number"), [("1E+3", 1000), ("-12", -12), ("0.5", 0.5), ("1E-2", 0.01)])
def test_numbers_are_read_in_every_form_that_dynamodb_writes_them(text: str, number: float) -> None:
    assert wire.unpack({"N": text}) == number


@pytest.mark.parametrize("value", [0.5, set(), {1, "1"}, {True}, object(), {"a": [0.5]}])
def test_what_no_attribute_can_be_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        wire.pack(value)


def test_a_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(TypeError, match="VECTOR"):
        wire.unpack({"VECTOR": []})
