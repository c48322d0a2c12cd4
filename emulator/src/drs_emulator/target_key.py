"""The name of a place that has its own servers, jobs and quotas."""

from typing import NamedTuple


class TargetKey(NamedTuple):
    """One account in one Region."""

    account: str
    region: str

    def arn(self, kind: str, resource_id: str) -> str:
        """`kind` is source-server, recovery-instance or job."""
        return f"arn:aws:drs:{self.region}:{self.account}:{kind}/{resource_id}"
