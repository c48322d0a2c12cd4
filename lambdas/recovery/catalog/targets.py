"""All targets that the catalog names."""

from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.settings import settings


def list_targets() -> list[Target]:
    """The Regions of the target accounts, and the targets of the protection groups. Scans two small tables."""
    groups = dynamodb.scan(settings().protection_groups_table)
    return sorted(list_account_targets() | {Target.from_state(row) for row in groups})


def list_account_targets() -> set[Target]:
    """The Regions of the target accounts. Scans a small table."""
    accounts = dynamodb.scan(settings().target_accounts_table)
    return {Target(row["accountId"], region) for row in accounts for region in row.get("regions", ())}
