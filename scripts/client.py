"""The HTTP API as scripts call it: on AWS with SigV4, or in the sandbox that runs on this machine."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import botocore.exceptions
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

ROOT = Path(__file__).resolve().parent.parent
# The sandbox that runs writes its addresses here, and removes the file when it stops.
SANDBOX_FILE = ROOT / "build" / "sandbox.json"

# API Gateway itself gives up after 29 s.
TIMEOUT_SECONDS = 35
# A read is made again so often, after 1 s, 2 s, ...; a write never, for it may have been made.
READ_TRIES = 3
PASSING = (429, 502, 503, 504)


class ApiUnreachable(Exception):
    """There is no API to talk to, or no credentials; the message says what to do."""


class Reply(NamedTuple):
    """What the API answered; `body` is the parsed JSON, None for none."""

    status: int
    body: Any


class Api:
    """Signed requests to one deployment: `status, body = api.request("GET", "/recovery-plans", limit="10")`."""

    def __init__(self, url: str, region: str, credentials: Any, proxies: Mapping[str, str] | None = None) -> None:
        """`url` is the output `ApiUrl`; `credentials` are botocore's."""
        self.url = url.rstrip("/")
        self._region, self._credentials = region, credentials
        self._http = URLLib3Session(proxies=dict(proxies or {}), timeout=TIMEOUT_SECONDS)

    @classmethod
    def on_aws(
        cls, *, url: str | None = None, stack: str | None = None, profile: str | None = None, region: str | None = None
    ) -> "Api":
        """By URL, or by the stack whose output `ApiUrl` has it. Raise ApiUnreachable."""
        try:
            session = botocore.session.Session(profile=profile)
            region = region or _region_of(url) or session.get_config_variable("region")
            if not region:
                raise ApiUnreachable("Which Region is the API in? Give --region, or set AWS_DEFAULT_REGION.")
            credentials = session.get_credentials()
            if credentials is None:
                raise ApiUnreachable("There are no AWS credentials: give --profile, or log in.")
            url = url or _url_of(session, stack or "drs-waves", region)
        except botocore.exceptions.BotoCoreError as error:
            raise ApiUnreachable(str(error)) from error
        return cls(url, region, credentials, get_environ_proxies(url))

    @classmethod
    def in_sandbox(cls, file: Path = SANDBOX_FILE) -> "Api":
        """The API of the sandbox that `make sandbox` runs. Raise ApiUnreachable when none does."""
        try:
            return cls.at(json.loads(file.read_text()))
        except FileNotFoundError as error:
            raise ApiUnreachable("No sandbox runs from this folder: start one with `make sandbox`.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ApiUnreachable(f"{file} is not what a running sandbox writes; delete it.") from error

    @classmethod
    def at(cls, running: Mapping[str, Any]) -> "Api":
        """The API of a sandbox, by the addresses it tells. Raise KeyError when they are not that."""
        return cls(running["apiUrl"], running["region"], Credentials(running["account"], running["secret"]))

    def request(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        """Status and body of the answer, whatever the status. Raise ApiUnreachable when there is none."""
        for tries in range(1, READ_TRIES + 1):
            last = method != "GET" or tries == READ_TRIES
            try:
                reply = self.once(method, path, body, **query)
            except ApiUnreachable:
                if last:
                    raise
            else:
                if last or reply.status not in PASSING:
                    return reply
            time.sleep(tries)
        raise AssertionError("the last try returns or raises")

    def once(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        """`request` without a second try, for those who try again themselves."""
        url = f"{self.url}/{quote(path.lstrip('/'))}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        try:
            answer = self._send(method, url, None if body is None else json.dumps(body).encode())
        except botocore.exceptions.BotoCoreError as error:  # refused, cut, timed out
            raise ApiUnreachable(f"{urlsplit(url).netloc} does not answer: {error}") from error
        return Reply(answer.status_code, _parsed(answer.content))

    def _send(self, method: str, url: str, data: bytes | None) -> Any:
        request = AWSRequest(method, url, headers={"Content-Type": "application/json"}, data=data)
        SigV4Auth(self._credentials, "execute-api", self._region).add_auth(request)
        return self._http.send(request.prepare())

    def items(self, path: str, name: str, **narrowed: str) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page. Raise ApiRefused."""
        query = {"limit": "200", **narrowed}
        while True:
            page = self.get(path, **query)
            yield from page[name]
            if not page["nextToken"]:
                return
            query["nextToken"] = page["nextToken"]

    def get(self, path: str, **query: str) -> Any:
        """The body of a 200. Raise ApiRefused."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The body of a 2xx. Raise ApiRefused."""
        reply = self.request(method, path, body, **query)
        if not 200 <= reply.status < 300:
            raise ApiRefused(method, path, reply)
        return reply.body


class ApiRefused(Exception):
    """The API answered with an error; `reply` has it."""

    def __init__(self, method: str, path: str, reply: Reply) -> None:
        self.reply = reply
        body: dict[str, Any] = reply.body if isinstance(reply.body, dict) else {"message": str(reply.body)}
        told = [f"{method} {path} answered {reply.status} {body.get('code', '')}".rstrip()]
        told += [str(body[name]) for name in ("message", "advice") if body.get(name)]
        told += [f"  {problem['field']}: {problem['message']}" for problem in body.get("problems", ())]
        super().__init__("\n".join(told))


def _region_of(url: str | None) -> str | None:
    """The Region in a URL of API Gateway's own."""
    found = re.search(r"\.execute-api\.([a-z0-9-]+)\.", url or "")
    return found[1] if found else None


def _url_of(session: Any, stack: str, region: str) -> str:
    try:
        described = session.create_client("cloudformation", region_name=region).describe_stacks(StackName=stack)
    except botocore.exceptions.ClientError as error:
        raise ApiUnreachable(f"The stack {stack} in {region} cannot be read: {error}") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Stacks"][0].get("Outputs", ())}
    if "ApiUrl" not in outputs:
        raise ApiUnreachable(f"The stack {stack} in {region} has no output ApiUrl: is it drs-waves?")
    return str(outputs["ApiUrl"])


def _parsed(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
