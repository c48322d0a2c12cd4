"""Every account and Region that drs-waves looks after."""

from recovery import dynamo
from recovery.settings import settings
from recovery.target import Target


def every_target() -> list[Target]:
    """The Regions of the target accounts, and the targets of the protection groups; two small tables, scanned once."""
    accounts = dynamo.scan(settings().target_accounts_table)
    named = {Target(row["accountId"], region) for row in accounts for region in row.get("regions", ())}
    groups = dynamo.scan(settings().protection_groups_table)
    return sorted(named | {Target.from_state(row) for row in groups})
