"""All targets that the catalog names."""

from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.settings import settings


def list_targets() -> list[Target]:
    """The Regions of the target accounts, and the targets of the protection groups. Scans two small tables."""
    accounts = dynamodb.scan(settings().target_accounts_table)
    named = {Target(row["accountId"], region) for row in accounts for region in row.get("regions", ())}
    groups = dynamodb.scan(settings().protection_groups_table)
    return sorted(named | {Target.from_state(row) for row in groups})
