"""The client of the HTTP API. It signs requests with SigV4, on AWS and in the sandbox alike."""

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cli import checkout
from cli.people import PersonUnknown, find_person
from cli.refusal import ApiRefused, Reply
from recovery.free_text import flatten
from report.reader import NotRead

# API Gateway itself gives up after 29 s.
TIMEOUT_SECONDS = 35
DEFAULT_STACK = "drs-waves"
# A read is repeated after 1 s, then 2 s. A write is not: the API may have executed it. Those that carry an
# Idempotency-Key are repeated by `repeat`.
MAX_READ_TRIES = 3
TRANSIENT_STATUSES = (429, 502, 503, 504)

# What API Gateway and AWS call credentials that have expired.
_EXPIRED_CODES = ("ExpiredCredentials", "ExpiredToken", "ExpiredTokenException")
_EXPIRED_MESSAGE = "security token included in the request is expired"


class ApiUnreachable(NotRead):
    """There is no API to call, or it did not answer. The message says what to do.

    `may_have_arrived` says whether the API may have executed the request.
    """

    def __init__(self, message: str, may_have_arrived: bool = False) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class RegionUnknown(ApiUnreachable):
    """Neither the command nor the AWS configuration says which Region the API is in."""


class CredentialsExpired(Exception):
    """The AWS credentials have expired or cannot be read, so that no request can be sent.

    The message says how to renew them. Nothing of the request was executed.
    """


class ApiClient:
    """Sends signed requests to one deployment: `status, body = api.request("GET", "/recovery-plans", limit="10")`."""

    # botocore takes longer to import than --help may take, so the methods that need it import it.

    def __init__(
        self,
        url: str,
        region: str,
        credentials: Any,
        proxies: Mapping[str, str] | None = None,
        renew: Callable[[], Any] | None = None,
        profile: str | None = None,
    ) -> None:
        """`url` is the stack's output `ApiUrl`; `credentials` are botocore's.

        `renew` reads credentials again from where they came from, when those at hand have expired.
        """
        from botocore.httpsession import URLLib3Session

        self.url = url.rstrip("/")
        self.is_emulated = not self.url.startswith("https://")  # only emulators answer without TLS
        # The options of the command that name this deployment, for commands in messages.
        self.options = ""
        self._region, self._credentials, self._renew, self._profile = region, credentials, renew, profile
        self._http = URLLib3Session(proxies=dict(proxies or {}), timeout=TIMEOUT_SECONDS)

    @classmethod
    def on_aws(
        cls, *, url: str | None = None, stack: str | None = None, profile: str | None = None, region: str | None = None
    ) -> "ApiClient":
        """The client for this URL, or for the output `ApiUrl` of this stack. Raise ApiUnreachable, CredentialsExpired.

        Credentials that expire are read again from the profile, the environment or the role of the machine, so that
        renewed ones are used without a restart.
        """
        import botocore.exceptions
        import botocore.session
        from botocore.utils import get_environ_proxies

        def read_credentials() -> Any:
            return botocore.session.Session(profile=profile).get_credentials()

        try:
            session = botocore.session.Session(profile=profile)
            place: str | None = region or _region_in_url(url) or session.get_config_variable("region")
            if not place:
                raise RegionUnknown("Which Region is the API in? Give --region, or set AWS_DEFAULT_REGION.")
            credentials = session.get_credentials()
            if credentials is None:
                raise ApiUnreachable("There are no AWS credentials: give --profile, or log in.")
            address = url or _read_api_url(session, stack or DEFAULT_STACK, place, profile)
        except botocore.exceptions.BotoCoreError as error:
            if not _is_credential_error(error):
                raise ApiUnreachable(flatten(error)) from error
            raise CredentialsExpired(_describe_expiry(profile, str(error))) from error
        return cls(address, place, credentials, get_environ_proxies(address), read_credentials, profile)

    @classmethod
    def in_sandbox(cls) -> "ApiClient":
        """The client for the sandbox that `make sandbox` runs. Raise ApiUnreachable if there is none."""
        try:
            addresses = checkout.read_sandbox()
            client = cls.at(addresses)
        except FileNotFoundError as error:
            raise ApiUnreachable("No sandbox runs from this checkout: start one with `make sandbox`.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ApiUnreachable(f"{checkout.SANDBOX_FILE} is not from a running sandbox; delete it.") from error
        try:
            client._credentials = find_person(addresses) or client._credentials
        except PersonUnknown as error:
            raise ApiUnreachable(str(error)) from error
        return client

    @classmethod
    def at(cls, addresses: Mapping[str, Any]) -> "ApiClient":
        """The client for a sandbox at these addresses. Raise KeyError if one is missing."""
        from botocore.credentials import Credentials

        credentials = Credentials(addresses["account"], addresses["secret"], addresses["sessionToken"])
        return cls(addresses["apiUrl"], addresses["region"], credentials)

    def request(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        """Return the response, whatever its status. Repeat a read that fails for a moment.

        Raise ApiUnreachable, CredentialsExpired.
        """
        if method == "GET":
            return self._read(path, urlencode(query, quote_via=quote))
        return self._request(method, path, urlencode(query, quote_via=quote), _encode(body), {})

    def _read(self, path: str, query: str) -> Reply:
        for tries in range(1, MAX_READ_TRIES + 1):
            is_last = tries == MAX_READ_TRIES
            try:
                reply = self._request("GET", path, query, None, {})
            except ApiUnreachable:
                if is_last:
                    raise
            else:
                if is_last or reply.status not in TRANSIENT_STATUSES:
                    return reply
            time.sleep(tries)
        raise AssertionError("the last try returns or raises")

    def request_once(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: str
    ) -> Reply:
        """`request` without repeats, for callers that repeat it themselves."""
        return self._request(method, path, urlencode(query, quote_via=quote), _encode(body), headers or {})

    def get_as_written(self, path: str, query: str) -> Any:
        """The body of a 2xx to a GET with this query string as it is: also with empty and repeated parameters.

        Raise ApiRefused for any other status.
        """
        reply = self._read(path, query)
        if not 200 <= reply.status < 300:
            raise ApiRefused("GET", path, reply, options=self.options)
        return reply.body

    def _request(self, method: str, path: str, query: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        from botocore.exceptions import BotoCoreError

        url = f"{self.url}/{quote(path.lstrip('/'))}" + (f"?{query}" if query else "")
        try:
            reply = self._send(method, url, data, headers)
            if _has_expired(reply) and self._read_credentials_again():
                reply = self._send(method, url, data, headers)
        except BotoCoreError as error:  # refused, reset or timed out
            message = f"{urlsplit(url).netloc} does not answer: {flatten(error)}"
            raise ApiUnreachable(message, may_have_arrived=not _is_connection_error(error)) from error
        if _has_expired(reply):
            reason = reply.body.get("message") if isinstance(reply.body, dict) else reply.body
            raise CredentialsExpired(_describe_expiry(self._profile, str(reason)))
        return reply

    def _send(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method, url, headers={"Content-Type": "application/json", **headers}, data=data)
        self._sign(request)
        response = self._http.send(request.prepare())
        return Reply(response.status_code, _parse(response.content))

    def _sign(self, request: Any) -> None:
        """Sign with the credentials at hand, which botocore renews if it can. Raise CredentialsExpired."""
        from botocore.auth import SigV4Auth
        from botocore.exceptions import BotoCoreError, ClientError

        for is_last in (False, True):
            try:
                SigV4Auth(self._credentials, "execute-api", self._region).add_auth(request)
                return
            except (BotoCoreError, ClientError) as error:
                if _is_network_error(error):
                    raise ApiUnreachable(f"The AWS credentials could not be renewed: {flatten(error)}") from error
                if is_last or not self._read_credentials_again():
                    raise CredentialsExpired(_describe_expiry(self._profile, str(error))) from error

    def _read_credentials_again(self) -> bool:
        """Read the credentials from where they came from. Return False if there are none."""
        from botocore.exceptions import BotoCoreError

        try:
            found = self._renew() if self._renew else None
        except BotoCoreError:
            return False
        if found is None:
            return False
        self._credentials = found
        return True

    def list_secrets(self) -> tuple[str, ...]:
        """What the credentials consist of, so that a log can leave it out."""
        from botocore.exceptions import BotoCoreError

        try:
            found = self._credentials.get_frozen_credentials()
        except BotoCoreError:  # they have expired
            return ()
        return tuple(filter(None, (found.access_key, found.secret_key, found.token)))

    def list_items(self, path: str, name: str, **filters: str) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page. Raise ApiRefused."""
        query = {"limit": "200", **filters}
        while True:
            page = self.get(path, **query)
            yield from page[name]
            if not page["nextToken"]:
                return
            query["nextToken"] = page["nextToken"]

    def get(self, path: str, **query: str) -> Any:
        """The body of a 2xx. Raise ApiRefused for any other status."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The body of a 2xx. Raise ApiRefused for any other status."""
        reply = self.request(method, path, body, **query)
        if not 200 <= reply.status < 300:
            raise ApiRefused(method, path, reply, options=self.options)
        return reply.body


def _region_in_url(url: str | None) -> str | None:
    """The Region in a URL of API Gateway; a custom domain has none."""
    match = re.search(r"\.execute-api\.([a-z0-9-]+)\.", url or "")
    return match[1] if match else None


def _read_api_url(session: Any, stack: str, region: str, profile: str | None) -> str:
    from botocore.exceptions import ClientError

    try:
        description = session.create_client("cloudformation", region_name=region).describe_stacks(StackName=stack)
    except ClientError as error:
        if error.response["Error"].get("Code") in _EXPIRED_CODES:
            raise CredentialsExpired(_describe_expiry(profile, str(error))) from error
        raise ApiUnreachable(f"The stack {stack} in {region} cannot be read: {flatten(error)}") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in description["Stacks"][0].get("Outputs", ())}
    if "ApiUrl" not in outputs:
        raise ApiUnreachable(f"The stack {stack} in {region} has no output ApiUrl: is it drs-waves?")
    return str(outputs["ApiUrl"])


def _has_expired(reply: Reply) -> bool:
    """Return whether this is the answer to credentials that have expired, by the API or by API Gateway's default."""
    if reply.status != 403:
        return False
    body = reply.body if isinstance(reply.body, dict) else {"message": reply.body}
    message = str(body.get("message") or body.get("Message") or "")
    return body.get("code") in _EXPIRED_CODES or _EXPIRED_MESSAGE in message


def _describe_expiry(profile: str | None, reason: str) -> str:
    login = f"aws sso login --profile {shlex.quote(profile)}" if profile else "aws sso login"
    return (
        f"The AWS credentials have expired or cannot be read: {flatten(reason)}\n"
        f"Renew them the way you got them, for example:  {login}"
    )


def _is_connection_error(error: Exception) -> bool:
    """Return whether no connection was made, so that the request was not sent."""
    from botocore import exceptions

    return isinstance(
        error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError | exceptions.ProxyConnectionError
    )


def _is_network_error(error: Exception) -> bool:
    """Return whether a server did not answer, rather than refuse."""
    from botocore import exceptions

    return isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError)


def _is_credential_error(error: Exception) -> bool:
    """Return whether there are credentials that have to be renewed by a login."""
    from botocore import exceptions

    return isinstance(error, exceptions.CredentialRetrievalError | exceptions.TokenRetrievalError | exceptions.SSOError)


def _encode(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _parse(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
