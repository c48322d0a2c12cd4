"""Target accounts, as callers send them."""

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from api.http.request import invalid_field
from api.schemas.requests.base import AccountId, KnownRegion, OptionalName, RequestModel, Version, parse
from api.schemas.requests.forms import Form
from recovery import regions
from recovery.domain.target import TargetAccount

# The patterns of STS (botocore's sts model), which takes external ids of 2 characters. Ours are harder to guess.
RoleArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$", max_length=2_048),
    Form("the ARN of an IAM role", "arn:aws:iam::111122223333:role/drs-waves-target"),
]
MIN_EXTERNAL_ID_LENGTH = 16
ExternalId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@:/-]+$", min_length=MIN_EXTERNAL_ID_LENGTH, max_length=1_224),
    Form("letters, digits and _+=,.@:/-"),  # no example: people would copy it
]

# AWS has about 40 Regions.
MAX_REGIONS = 50


class _Account(RequestModel):
    name: OptionalName = Field(default="", description="For people.")
    role_arn: RoleArn = Field(description="The role that drs-waves assumes in the account.")
    regions: list[KnownRegion] = Field(
        min_length=1,
        max_length=MAX_REGIONS,
        json_schema_extra={"uniqueItems": True},
        description="The Regions into which DRS recovers servers of the account.",
    )

    @field_validator("regions")
    @classmethod
    def _refuse_duplicates(cls, named: list[str]) -> list[str]:
        if len(set(named)) != len(named):
            raise ValueError("names a Region twice")
        return named


class _ExternalIdOnly(RequestModel):
    external_id: ExternalId


def require_external_id(text: str) -> str:
    """Return the external id. Raise InvalidRequest, which does not repeat it, if the API would refuse it."""
    return parse(_ExternalIdOnly, {"externalId": text}).external_id


class AccountRequest(_Account):
    """Body of POST /target-accounts."""

    account_id: AccountId
    external_id: ExternalId

    def to_account(self) -> TargetAccount:
        """The account to store. Raise InvalidRequest if the role belongs to another account or partition."""
        return _require_own_role(
            TargetAccount(self.account_id, self.role_arn, self.external_id, tuple(self.regions), self.name)
        )


class AccountUpdate(_Account):
    """Body of PUT /target-accounts/{accountId}: the whole account. Without `externalId` the stored one stays."""

    external_id: ExternalId | None = None
    version: Version | None = None

    def to_account(self, before: TargetAccount) -> TargetAccount:
        """The account to store. Raise InvalidRequest if the role belongs to another account or partition."""
        external_id = before.external_id if self.external_id is None else self.external_id
        return _require_own_role(
            TargetAccount(before.account_id, self.role_arn, external_id, tuple(self.regions), self.name)
        )


def _require_own_role(account: TargetAccount) -> TargetAccount:
    if f"::{account.account_id}:" not in account.role_arn:
        raise invalid_field("roleArn", f"must be a role of account {account.account_id}")
    partition = account.role_arn.split(":")[1]
    for region in account.regions:
        if regions.find_partition(region) != partition:
            raise invalid_field("regions", f"{region} is not in {partition}, the partition of the role")
    return account
