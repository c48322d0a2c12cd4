"""The client's credentials: what an expired login or a role that cannot be assumed becomes."""

from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired

NOWHERE = "http://127.0.0.1:9"


class Failing:
    """Credentials that botocore cannot renew."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_frozen_credentials(self) -> Any:
        raise self.error

    def __getattr__(self, name: str) -> Any:
        raise self.error


ERRORS: list[Exception] = [
    TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
    UnauthorizedSSOTokenError(),
    SSOTokenLoadError(error_msg="no token"),
    ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "AssumeRole"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_expired_login_ends_a_request_with_how_to_renew_it(error: Exception) -> None:
    api = ApiClient(NOWHERE, "us-west-2", Failing(error), renew=lambda: Failing(error), profile="on call")
    with pytest.raises(CredentialsExpired, match="aws sso login --profile 'on call'") as raised:
        api.get("/health")
    assert str(error) in str(raised.value)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_login_that_was_renewed_meanwhile_is_used(error: Exception) -> None:
    api = ApiClient(NOWHERE, "us-west-2", Failing(error), renew=lambda: Credentials("new", "not-a-secret"))
    with pytest.raises(ApiUnreachable) as raised:  # the request was signed, and nothing listens there
        api.request_once("POST", "/health")
    assert not raised.value.may_have_arrived


def test_a_profile_that_is_gone_is_an_expired_login() -> None:
    def renew() -> Any:
        raise BotoCoreError

    api = ApiClient(NOWHERE, "us-west-2", Failing(ERRORS[0]), renew=renew)
    with pytest.raises(CredentialsExpired):
        api.request_once("GET", "/health")


def test_a_login_service_that_does_not_answer_is_asked_again_later() -> None:
    error = EndpointConnectionError(endpoint_url="https://sts.example")
    api = ApiClient(NOWHERE, "us-west-2", Failing(error), renew=lambda: None)
    with pytest.raises(ApiUnreachable, match="could not be renewed"):
        api.request_once("GET", "/health")
