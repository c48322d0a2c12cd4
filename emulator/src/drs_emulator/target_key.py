"""The key of a target: DRS keeps servers, jobs and quotas per account and Region."""

from typing import NamedTuple


class TargetKey(NamedTuple):
    """An account and a Region."""

    account: str
    region: str

    def arn(self, kind: str, resource_id: str) -> str:
        """Return the ARN of a resource; `kind` is its resource type, such as source-server or job."""
        return f"arn:aws:drs:{self.region}:{self.account}:{kind}/{resource_id}"
