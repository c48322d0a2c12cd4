"""Decides whether a listener on this machine answers a request.

A browser lets a page of any site send requests to 127.0.0.1. Three rules keep pages out, each by itself:

- A page of another site cannot leave out `Origin` where a browser sends it, nor `Sec-Fetch-Site`.
- A page whose own host name is made to point at 127.0.0.1 (DNS rebinding) sends that name as `Host`.
- A page does not know the secret. Its header also makes a browser ask first with OPTIONS, which is refused.

The secret keeps out the other users of the machine as well. It travels in the header in which every AWS SDK sends a
session token, so a client of AWS sends it when its credentials have it: AWS_SESSION_TOKEN.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator

SECRET_HEADER = "X-Amz-Security-Token"  # noqa: S105  # where the secret is, not the secret
STATUS = 403
SITES_OF_OUR_OWN = ("none", "same-origin")
"""Values of `Sec-Fetch-Site`: a person opened the address, or a page of this very listener asks."""

_SECRET_BYTES = 20
_NONCE_HEX_DIGITS = 32


def make_secret() -> str:
    """Make a secret for the life of one listener: 40 hexadecimal digits."""
    return secrets.token_hex(_SECRET_BYTES)


def list_hosts(port: int, address: str = "127.0.0.1") -> frozenset[str]:
    """List the values of `Host` that clients of a listener on this machine send, in lower case."""
    names = {"127.0.0.1", "localhost", f"[{address}]" if ":" in address else address.lower()}
    with_port = {f"{name}:{port}" for name in names}
    return frozenset(with_port | names if port == 80 else with_port)


def find_refusal(
    method: str, headers: Iterable[tuple[str, str]], hosts: frozenset[str], secret: str | None = None
) -> str | None:
    """Return why the request is refused, for its sender to read, or None if it is answered.

    `headers` has every header line of the request, with names in any case. `hosts` comes from `list_hosts`. Without a
    `secret`, only the rules about pages and host names apply.
    """
    lines = [(name.lower(), value.strip()) for name, value in headers]
    return _refuse_foreign(method, lines, hosts) or (None if secret is None else _refuse_stranger(lines, secret))


def _refuse_foreign(method: str, lines: list[tuple[str, str]], hosts: frozenset[str]) -> str | None:
    if method.upper() == "OPTIONS":
        return "This listener answers no OPTIONS requests: web pages of other sites may not call it."
    named = [host.lower() for host in _values(lines, "host")]
    if len(named) != 1 or named[0] not in hosts:
        return f"This listener answers to {' and '.join(sorted(hosts))} only. Send one Host header with that value."
    own = {f"http://{host}" for host in hosts}
    foreign = [origin for origin in _values(lines, "origin") if origin.lower() not in own]
    foreign += [site for site in _values(lines, "sec-fetch-site") if site.lower() not in SITES_OF_OUR_OWN]
    if foreign:
        return "This listener does not answer web pages of other sites. Call it from a program, without Origin."
    return None


def _refuse_stranger(lines: list[tuple[str, str]], secret: str) -> str | None:
    sent = list(_values(lines, SECRET_HEADER.lower()))
    if len(sent) == 1 and is_trusted(sent[0], secret):
        return None
    wrong = "a wrong" if sent else "no"
    return (
        f"The request has {wrong} {SECRET_HEADER}. The listener wrote its secret to a file when it started: source the "
        ".env file that its documentation names, which sets AWS_SESSION_TOKEN, or send the secret as this header."
    )


def _values(lines: list[tuple[str, str]], wanted: str) -> Iterator[str]:
    return (value for name, value in lines if name == wanted)


def issue_token(secret: str) -> str:
    """Make a token that stands for the secret, as temporary credentials carry it. It does not reveal the secret."""
    nonce = secrets.token_hex(_NONCE_HEX_DIGITS // 2)
    return nonce + _sign(nonce, secret)


def is_trusted(token: str, secret: str) -> bool:
    """Return whether the token is the secret, or was issued for it."""
    sent = token.encode("utf-8", "surrogateescape")
    if hmac.compare_digest(sent, secret.encode()):
        return True
    nonce, signature = sent[:_NONCE_HEX_DIGITS], sent[_NONCE_HEX_DIGITS:]
    return hmac.compare_digest(signature, _sign(nonce.decode("utf-8", "replace"), secret).encode())


def _sign(nonce: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"loopback token {nonce}".encode(), hashlib.sha256).hexdigest()
