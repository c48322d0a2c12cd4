"""Patches that make MiniStack faster."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.ministack import MiniStack, assert_quicker


def test_a_query_of_many_rows_reads_its_condition_once(patched: MiniStack, unpatched: MiniStack) -> None:
    counts = []
    for engine in (patched, unpatched):
        tables = engine.client("dynamodb")
        keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("fleet", "server")]
        schema = [{"AttributeName": "fleet", "KeyType": "HASH"}, {"AttributeName": "server", "KeyType": "RANGE"}]
        tables.create_table(
            TableName="fleets", AttributeDefinitions=keys, KeySchema=schema, BillingMode="PAY_PER_REQUEST"
        )
        rows = [{"fleet": {"S": "all"}, "server": {"S": f"s-{number:04}"}} for number in range(500)]
        for at in range(0, len(rows), 25):
            puts = [{"PutRequest": {"Item": row}} for row in rows[at : at + 25]]
            assert not tables.batch_write_item(RequestItems={"fleets": puts})["UnprocessedItems"]
        asked = {":fleet": {"S": "all"}, ":kind": {"S": "s-"}, ":last": {"S": "s-0009"}}
        condition = "fleet = :fleet AND begins_with(server, :kind)"

        def count(tables: Any = tables, condition: str = condition, asked: Any = asked) -> int:
            values = {name: value for name, value in asked.items() if name in condition}
            more = {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}
            return int(tables.query(TableName="fleets", Select="COUNT", **more)["Count"])

        assert count() == len(rows)
        assert count(condition="fleet = :fleet AND server <= :last") == 10
        with pytest.raises(tables.exceptions.ClientError, match="ValidationException"):
            count(condition="fleet = :fleet AND AND server <= :last")
        counts.append(count)
    assert_quicker(*counts)


def test_an_environment_has_boto3_before_its_handler_is_imported(patched: MiniStack, unpatched: MiniStack) -> None:
    assert patched.invoke({})["ahead"]
    assert not unpatched.invoke({})["ahead"]


def test_a_function_finds_only_what_aws_would_give_it(patched: MiniStack, unpatched: MiniStack) -> None:
    assert "pid" in patched.invoke({"import": "boto3"})
    assert patched.invoke({"import": "typer"})["errorType"] == "ModuleNotFoundError"
    assert "pid" in unpatched.invoke({"import": "typer"})


def test_environments_of_the_same_code_share_it_and_its_bytecode(patched: MiniStack, unpatched: MiniStack) -> None:
    shared, own = (Path(engine.invoke({})["code"]) for engine in (patched, unpatched))
    assert shared.parent.name.startswith("code-")
    assert list(shared.parent.glob("__pycache__/index.*.pyc"))
    assert own.parent.name == "code"
