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
    each form. A page of another site sends the cookie at most, so it cannot make up a form. A program that has the
    cookie reads pages, and with them `form`. Browsers send cookies to every port of a machine: only servers that this
    user trusts may be opened under the host name of the console.
    """

    entry: str = field(default_factory=_make, repr=False)
    cookie: str = field(default_factory=_make, repr=False)
    form: str = field(default_factory=_make, repr=False)

    def list(self) -> tuple[str, ...]:
        """All of them, for what must show none."""
        return self.entry, self.cookie, self.form


def is_same(sent: str | None, secret: str) -> bool:
    """Return whether a secret was sent, in a time that does not depend on how much of it is right."""
    return sent is not None and compare_digest(sent.encode("utf-8", "surrogateescape"), secret.encode())
