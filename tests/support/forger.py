"""Writes rows with the rights of functions that an attacker has taken over."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.support.product import Product
from tests.support.templates import FUNCTION, TABLE_ARN, resources, statements

# What starts, continues, launches or terminates; inspect-target, which says what is launched, and apply-settings, which
# says how.
PRIVILEGED = frozenset(
    (
        "ApiFunction",
        "ApplySettingsFunction",
        "InspectTargetFunction",
        "StartDrillsFunction",
        "StartRecoveryFunction",
        "TerminateInstancesFunction",
    )
)
ORDINARY = frozenset(resources(FUNCTION)) - PRIVILEGED


class AccessDenied(Exception):
    """IAM allows none of the functions this."""


def is_allowed(function: str, action: str, table: str, key: str = "drill-20261122-081530-4f1c09") -> bool:
    """Whether the role of the function allows the action on a row of the table, which is named as in tables.yaml.

    `key` is the partition key of the row.
    """
    arn = f"{TABLE_ARN}{table}"
    for statement in statements(resources(FUNCTION)[function]["Policies"]):
        named = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        patterns = [each["Fn::Sub"] if isinstance(each, dict) and "Fn::Sub" in each else str(each) for each in named]
        is_meant = any(fnmatchcase(action, each) for each in statement["Action"])
        keys = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ["*"])
        is_meant = is_meant and any(fnmatchcase(key, pattern) for pattern in keys)
        if is_meant and any(fnmatchcase(arn, pattern) for pattern in patterns):
            return True
    return False


class Forger:
    """Someone with the rights of these functions, all together: each test shows that even all of them do no harm."""

    def __init__(self, product: Product, functions: Collection[str] = ORDINARY) -> None:
        self._product, self._functions = product, functions

    def write(self, table: str, row: Mapping[str, Any]) -> None:
        """Write a row over the one with its key. Raise AccessDenied."""
        name = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in table).strip("-")
        writes = ("dynamodb:PutItem", "dynamodb:UpdateItem")
        key = str(row.get("executionId") or next(iter(row.values())))
        if not any(is_allowed(function, action, name, key) for function in self._functions for action in writes):
            raise AccessDenied(f"nobody may write {name}")
        self._product.put(table, row)

    def try_to_write(self, table: str, row: Mapping[str, Any]) -> bool:
        """The same; return False when IAM refuses it."""
        try:
            self.write(table, row)
        except AccessDenied:
            return False
        return True

    def change(self, execution_id: str, item: str, **values: Any) -> None:
        """Change attributes of a row of the record; None removes one."""
        (row,) = [
            each
            for each in self._product.items("Executions")
            if (each["executionId"], each["item"]) == (execution_id, item)
        ]
        changed = {name: value for name, value in {**row, **values}.items() if value is not None}
        self.write("Executions", changed)

    def answer_tokens(self, execution_id: str) -> None:
        """Wake every task of the run that waits, as soon as one does."""
        tokens: list[str] = []
        while not tokens:
            mine = [row for row in self._product.items("Executions") if row["executionId"] == execution_id]
            tokens = [row["token"] for row in mine if row["item"].startswith("TOKEN#")]
        for token in tokens:
            self._product.engine.client("stepfunctions").send_task_success(taskToken=token, output="{}")
