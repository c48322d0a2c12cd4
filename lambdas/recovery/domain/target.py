"""A target: one account and Region. Quotas, rate limits and roles belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict


class TargetState(TypedDict):
    """A target as states and records have it."""

    accountId: str
    region: str


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """`account_id` has 12 digits; `region` is a Region's code."""

    account_id: str
    region: str

    @property
    def key(self) -> str:
        """How tables and logs name it: `111122223333/us-west-2`."""
        return f"{self.account_id}/{self.region}"

    def to_state(self) -> TargetState:
        """The target as states and records have it."""
        return {"accountId": self.account_id, "region": self.region}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Target":
        """Read it from an event or a record that has `accountId` and `region`."""
        return cls(state["accountId"], state["region"])


@dataclass(frozen=True, slots=True)
class TargetAccount:
    """How drs-waves reaches an account, the one it runs in included: by a role and an external id.

    `regions` are those in which DRS is used there; `version` counts the writes of the row, from 1.
    """

    account_id: str
    role_arn: str
    external_id: str
    regions: tuple[str, ...] = ()
    name: str = ""
    version: int = 1

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "TargetAccount":
        """Read a row of the target-accounts table."""
        return cls(
            account_id=item["accountId"],
            role_arn=item["roleArn"],
            external_id=item["externalId"],
            regions=tuple(item.get("regions", ())),
            name=item.get("name", ""),
            version=int(item.get("version", 1)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row."""
        return {
            "accountId": self.account_id,
            "name": self.name,
            "roleArn": self.role_arn,
            "externalId": self.external_id,
            "regions": list(self.regions),
            "version": self.version,
        }

    @property
    def targets(self) -> list[Target]:
        """The account in each of its Regions."""
        return [Target(self.account_id, region) for region in self.regions]
