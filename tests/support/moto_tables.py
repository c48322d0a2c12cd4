"""The product's tables on moto, for tests that call its modules without its functions and machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws

from recovery.aws import dynamodb
from tests.harness import moto_patches
from tests.harness.engine import CODE_ROOT, LOCAL_SERVERS
from tests.harness.lambda_runtime import LambdaRuntime
from tests.support.product import WEST, table_parameters, table_setting, tables

CONFIG: Any = {"core": {"reset_boto3_session": True, "passthrough": {"urls": LOCAL_SERVERS, "services": []}}}


@contextmanager
def product_tables() -> Iterator[None]:
    """Create every table under the name that its setting has in lower case, and forget what the product has cached."""
    moto_patches.install()
    runtime = LambdaRuntime(CODE_ROOT)
    with pytest.MonkeyPatch.context() as patch, mock_aws(config=CONFIG):
        patch.setenv("AWS_DEFAULT_REGION", WEST)
        client = boto3.client("dynamodb", WEST)
        for name, table in tables().items():
            setting = table_setting(name)
            patch.setenv(setting, setting.removesuffix("_TABLE").lower())
            client.create_table(TableName=setting.removesuffix("_TABLE").lower(), **table_parameters(table))
        runtime.cold_start()
        yield
    runtime.cold_start()


def empty(table: str) -> None:
    """Delete every row of a table."""
    (keys,) = [
        [key["AttributeName"] for key in found["KeySchema"]]
        for name, found in tables().items()
        if table_setting(name).removesuffix("_TABLE").lower() == table
    ]
    for row in list(dynamodb.scan(table)):
        dynamodb.delete(table, {key: row[key] for key in keys})
