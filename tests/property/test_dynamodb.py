"""Updates of a row, built by the DynamoDB layer and applied by DynamoDB's own rules, against a dict."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition, from_wire, to_wire

TABLE = "rows"
ATTRIBUTES = st.sampled_from(["a", "b", "status", "size"])  # the last two are reserved words of DynamoDB
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=20) | st.binary(max_size=20),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), parts, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-west-2")
        dynamodb.client.cache_clear()
        dynamodb.client().create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "item")],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield
    dynamodb.client.cache_clear()


@given(st.dictionaries(st.text(min_size=1, max_size=8), PLAIN, max_size=5))
def test_plain_values_survive_the_way_to_dynamodb_and_back(item: dict[str, Any]) -> None:
    assert from_wire(to_wire(item)) == {name: value for name, value in item.items() if value is not None}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.dictionaries(ATTRIBUTES, st.integers(0, 9), max_size=4),
    values=st.dictionaries(ATTRIBUTES, st.none() | st.integers(0, 9), max_size=4),
    removed=st.sets(ATTRIBUTES, max_size=2),
    appended=st.lists(st.integers(0, 9), max_size=2),
    tags=st.lists(st.tuples(st.booleans(), st.sampled_from(["x", "y"])), max_size=4),
    expected=st.integers(0, 2),
)
def test_an_update_does_to_a_row_what_it_says_and_only_if_its_condition_holds(
    row: dict[str, int],
    values: dict[str, int | None],
    removed: set[str],
    appended: list[int],
    tags: list[tuple[bool, str]],
    expected: int,
) -> None:
    key = {"id": "1", "item": "row"}
    dynamodb.put(TABLE, {**key, **row, "version": 1})
    model: dict[str, Any] = {**key, **row, "version": 1}
    remove = sorted(removed - values.keys())
    written = dynamodb.update_if(
        TABLE,
        key,
        {**values, "touched": True},
        remove=remove,
        add={"version": 1},
        condition="#version = :expected",
        given={"expected": expected},
    )
    assert written == (expected == 1)
    if written:
        model |= {name: value for name, value in values.items() if value is not None} | {"touched": True, "version": 2}
        model = {name: value for name, value in model.items() if name not in remove}
    for number in appended:
        dynamodb.update(TABLE, key, {}, append={"log": number})
        model["log"] = [*model.get("log", []), number]
    members = set[str]()
    for is_added, tag in tags:
        dynamodb.update(TABLE, key, {}, **{"add" if is_added else "discard": {"tags": {tag}}})
        members = members | {tag} if is_added else members - {tag}
    assert dynamodb.get(TABLE, key) == {**model, **({"tags": members} if members else {})}


def test_a_partition_narrowed_by_a_prefix_gives_the_rows_that_begin_with_it() -> None:
    dynamodb.put_all_new(TABLE, ({"id": "2", "item": name} for name in ("BATCH#1", "WAVE#a", "WAVE#b")), "id")
    found = dynamodb.query(TABLE, Partition("id", "2", ("item", "WAVE#")))
    assert [row["item"] for row in found] == ["WAVE#a", "WAVE#b"]
