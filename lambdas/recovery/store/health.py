"""Whether the tables answer."""

from botocore.exceptions import ClientError

from recovery.aws import dynamodb
from recovery.errors import AwsUnavailable
from recovery.settings import settings

# No row has this key. Reading it needs only the permission that the function has anyway.
ABSENT_KEY = "-"


def check_tables() -> dict[str, str]:
    """Return `ok` for each table that answers, and the error for each that does not."""
    record, limit = {"executionId": ABSENT_KEY, "item": ABSENT_KEY}, {"target": ABSENT_KEY, "item": ABSENT_KEY}
    tables = {
        "executions": (settings().executions_table, record),
        "runRequests": (settings().run_requests_table, record),
        "limits": (settings().limits_table, limit),
        "protectionGroups": (settings().protection_groups_table, {"groupId": ABSENT_KEY}),
        "recoveryPlans": (settings().recovery_plans_table, {"planId": ABSENT_KEY}),
        "targetAccounts": (settings().target_accounts_table, {"accountId": ABSENT_KEY}),
    }
    return {name: _read_absent_row(table, key) for name, (table, key) in tables.items()}


def _read_absent_row(table: str, key: dict[str, str]) -> str:
    try:
        dynamodb.get(table, key)
    except (AwsUnavailable, ClientError) as error:
        return str(error)
    return "ok"
