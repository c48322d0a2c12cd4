"""Checks the signature of a request (SigV4) as API Gateway does: signs it again and compares."""

import re
from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/execute-api/aws4_request, ?"
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
# Without these in its signature, a request could be sent to another host, at another time or in another session.
_REQUIRED = {"host", "x-amz-date", "x-amz-security-token"}


def is_signed(method: str, url: str, headers: Mapping[str, str], body: bytes | None, credentials: Credentials) -> bool:
    """Whether the request carries the signature of these credentials, which have a session token."""
    found = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
    if not found or found["key"] != credentials.access_key or _REQUIRED - set(found["names"].split(";")):
        return False
    if headers["X-Amz-Security-Token"] != credentials.token:
        return False
    request = AWSRequest(method, url, {name: headers[name] for name in found["names"].split(";")}, body)
    request.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(credentials, "execute-api", found["region"])
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return bool(signer.signature(text, request) == found["signature"])
