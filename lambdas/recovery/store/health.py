"""Whether the tables answer."""

from botocore.exceptions import ClientError

from recovery.aws import dynamodb
from recovery.errors import AwsUnavailable
from recovery.settings import settings

# No row has this key; asking for it needs no permission that the function does not hold anyway.
ABSENT_KEY = "-"


def check_tables() -> dict[str, str]:
    """`ok` for each table that answers, else what stands in the way."""
    return {
        "executions": _probe_executions(),
        "limits": _probe_limits(),
        "protectionGroups": _probe_groups(),
        "recoveryPlans": _probe_plans(),
        "targetAccounts": _probe_accounts(),
    }


def _probe(table: str, key: dict[str, str]) -> str:
    try:
        dynamodb.get(table, key)
    except (AwsUnavailable, ClientError) as error:
        return str(error)
    return "ok"


def _probe_executions() -> str:
    return _probe(settings().executions_table, {"executionId": ABSENT_KEY, "item": ABSENT_KEY})


def _probe_limits() -> str:
    return _probe(settings().limits_table, {"target": ABSENT_KEY, "what": ABSENT_KEY})


def _probe_groups() -> str:
    return _probe(settings().protection_groups_table, {"groupId": ABSENT_KEY})


def _probe_plans() -> str:
    return _probe(settings().recovery_plans_table, {"planId": ABSENT_KEY})


def _probe_accounts() -> str:
    return _probe(settings().target_accounts_table, {"accountId": ABSENT_KEY})
