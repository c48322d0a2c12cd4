"""Requests to put launch settings back."""

from typing import Self

from pydantic import Field, StrictBool, model_validator

from api.schemas.requests.base import AccountId, Region, RequestModel, ServerId

MAX_SERVERS_NAMED = 200


class RestoreRequest(RequestModel):
    """Body of a request to put launch settings back, in one account and Region."""

    account_id: AccountId
    region: Region
    source_server_ids: list[ServerId] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_SERVERS_NAMED,
        description="Only the settings of these servers; left out, all that runs have changed there.",
    )
    force: StrictBool = Field(
        default=False,
        description="Put back also what a person has changed since; that change is then lost.",
    )
    keep: StrictBool = Field(
        default=False,
        description="Leave the settings as they are, and forget what was there before.",
    )

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.force and self.keep:
            raise ValueError("has both force and keep: give one of them")
        if self.source_server_ids and len(set(self.source_server_ids)) < len(self.source_server_ids):
            raise ValueError("names a server twice in sourceServerIds")
        return self
