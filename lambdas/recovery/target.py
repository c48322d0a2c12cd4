"""A target: one account and Region. Quotas, rate limits and roles belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """`account_id` has 12 digits; `region` is a Region's code."""

    account_id: str
    region: str

    @property
    def key(self) -> str:
        """How tables and logs name it: `111122223333/us-west-2`."""
        return f"{self.account_id}/{self.region}"

    def to_state(self) -> dict[str, str]:
        """The shape states and records carry."""
        return {"accountId": self.account_id, "region": self.region}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Target":
        """Read it from an event or a record that has `accountId` and `region`."""
        return cls(state["accountId"], state["region"])
