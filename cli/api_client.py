"""The client of the HTTP API. It signs requests with SigV4, on AWS and in the sandbox alike."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from cli import checkout

# API Gateway itself gives up after 29 s.
TIMEOUT_SECONDS = 35
# A read is repeated after 1 s, then 2 s. A write is not: the API may have executed it.
MAX_READ_TRIES = 3
TRANSIENT_STATUSES = (429, 502, 503, 504)


class ApiUnreachable(Exception):
    """There is no API to call, or there are no credentials. The message says what to do."""


class Reply(NamedTuple):
    """A response of the API. `body` is the parsed JSON, or None if there is none."""

    status: int
    body: Any


class ApiRefused(Exception):
    """The API answered with an error, which is in `reply`."""

    def __init__(self, method: str, path: str, reply: Reply) -> None:
        self.reply = reply
        body: dict[str, Any] = reply.body if isinstance(reply.body, dict) else {"message": str(reply.body)}
        lines = [f"{method} {path} answered {reply.status} {body.get('code', '')}".rstrip()]
        lines += [str(body[name]) for name in ("message", "advice") if body.get(name)]
        lines += [f"  {problem['field']}: {problem['message']}" for problem in body.get("problems", ())]
        super().__init__("\n".join(lines))


class ApiClient:
    """Sends signed requests to one deployment: `status, body = api.request("GET", "/recovery-plans", limit="10")`."""

    # botocore takes longer to import than --help may take, so the methods that need it import it.

    def __init__(self, url: str, region: str, credentials: Any, proxies: Mapping[str, str] | None = None) -> None:
        """`url` is the stack's output `ApiUrl`; `credentials` are botocore's."""
        from botocore.httpsession import URLLib3Session

        self.url = url.rstrip("/")
        self._region, self._credentials = region, credentials
        self._http = URLLib3Session(proxies=dict(proxies or {}), timeout=TIMEOUT_SECONDS)

    @classmethod
    def on_aws(
        cls, *, url: str | None = None, stack: str | None = None, profile: str | None = None, region: str | None = None
    ) -> "ApiClient":
        """The client for this URL, or for the output `ApiUrl` of this stack. Raise ApiUnreachable."""
        import botocore.exceptions
        import botocore.session
        from botocore.utils import get_environ_proxies

        try:
            session = botocore.session.Session(profile=profile)
            region = region or _region_in_url(url) or session.get_config_variable("region")
            if not region:
                raise ApiUnreachable("Which Region is the API in? Give --region, or set AWS_DEFAULT_REGION.")
            credentials = session.get_credentials()
            if credentials is None:
                raise ApiUnreachable("There are no AWS credentials: give --profile, or log in.")
            url = url or _read_api_url(session, stack or "drs-waves", region)
        except botocore.exceptions.BotoCoreError as error:
            raise ApiUnreachable(str(error)) from error
        return cls(url, region, credentials, get_environ_proxies(url))

    @classmethod
    def in_sandbox(cls) -> "ApiClient":
        """The client for the sandbox that `make sandbox` runs. Raise ApiUnreachable if there is none."""
        try:
            return cls.at(checkout.read_sandbox())
        except FileNotFoundError as error:
            raise ApiUnreachable("No sandbox runs from this checkout: start one with `make sandbox`.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ApiUnreachable(f"{checkout.SANDBOX_FILE} is not from a running sandbox; delete it.") from error

    @classmethod
    def at(cls, addresses: Mapping[str, Any]) -> "ApiClient":
        """The client for a sandbox at these addresses. Raise KeyError if one is missing."""
        from botocore.credentials import Credentials

        credentials = Credentials(addresses["account"], addresses["secret"])
        return cls(addresses["apiUrl"], addresses["region"], credentials)

    def request(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        """Return the response, whatever its status. Repeat a read that fails for a moment. Raise ApiUnreachable."""
        for tries in range(1, MAX_READ_TRIES + 1):
            is_last = method != "GET" or tries == MAX_READ_TRIES
            try:
                reply = self.request_once(method, path, body, **query)
            except ApiUnreachable:
                if is_last:
                    raise
            else:
                if is_last or reply.status not in TRANSIENT_STATUSES:
                    return reply
            time.sleep(tries)
        raise AssertionError("the last try returns or raises")

    def request_once(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        """`request` without repeats, for callers that repeat it themselves."""
        from botocore.exceptions import BotoCoreError

        url = f"{self.url}/{quote(path.lstrip('/'))}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        try:
            response = self._send(method, url, None if body is None else json.dumps(body).encode())
        except BotoCoreError as error:  # refused, reset or timed out
            raise ApiUnreachable(f"{urlsplit(url).netloc} does not answer: {error}") from error
        return Reply(response.status_code, _parse(response.content))

    def _send(self, method: str, url: str, data: bytes | None) -> Any:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method, url, headers={"Content-Type": "application/json"}, data=data)
        SigV4Auth(self._credentials, "execute-api", self._region).add_auth(request)
        return self._http.send(request.prepare())

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
            raise ApiRefused(method, path, reply)
        return reply.body


def _region_in_url(url: str | None) -> str | None:
    """The Region in a URL of API Gateway; a custom domain has none."""
    match = re.search(r"\.execute-api\.([a-z0-9-]+)\.", url or "")
    return match[1] if match else None


def _read_api_url(session: Any, stack: str, region: str) -> str:
    from botocore.exceptions import ClientError

    try:
        description = session.create_client("cloudformation", region_name=region).describe_stacks(StackName=stack)
    except ClientError as error:
        raise ApiUnreachable(f"The stack {stack} in {region} cannot be read: {error}") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in description["Stacks"][0].get("Outputs", ())}
    if "ApiUrl" not in outputs:
        raise ApiUnreachable(f"The stack {stack} in {region} has no output ApiUrl: is it drs-waves?")
    return str(outputs["ApiUrl"])


def _parse(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
