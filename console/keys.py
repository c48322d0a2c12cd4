"""The secrets of one console, made anew at each start."""

import secrets
from dataclasses import dataclass, field
from hmac import compare_digest

_BYTES = 32


def _make() -> str:
    return secrets.token_urlsafe(_BYTES)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a browser has to know to use the console.

    `entry` is in the address that the terminal prints, `cookie` in the cookie that this address sets, and `form` in
    each form. Whoever reads one of them, such as a server on another port that the browser sends its cookies to, does
    not know the others.
    """

    entry: str = field(default_factory=_make, repr=False)
    cookie: str = field(default_factory=_make, repr=False)
    form: str = field(default_factory=_make, repr=False)


def is_same(sent: str | None, secret: str) -> bool:
    """Return whether a secret was sent, in a time that does not depend on how much of it is right."""
    return sent is not None and compare_digest(sent.encode("utf-8", "surrogateescape"), secret.encode())
