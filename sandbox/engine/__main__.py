"""Patch MiniStack, put the guard before it, then run it."""

import os

from ministack import app

from sandbox.engine import FORWARDERS, WITHOUT, meter
from sandbox.engine.accelerators import ACCELERATORS
from sandbox.engine.defects import DEFECTS
from sandbox.engine.door import SECRET, close_door

MIN_SECRET_LENGTH = 20


def main() -> None:
    without = {name.strip() for name in os.environ.get(WITHOUT, "").split(",") if name.strip()}
    patches = (*DEFECTS, *ACCELERATORS)
    if unknown := without - {patch.name for patch in patches} - {"all"}:
        raise SystemExit(f"{WITHOUT}: there is no patch called {', '.join(sorted(unknown))}")
    for patch in patches:
        if not without & {patch.name, "all"}:
            patch()
    meter.start_if_asked_for()
    secret = os.environ.get(SECRET, "")
    if len(secret) < MIN_SECRET_LENGTH:
        raise SystemExit(f"{SECRET} must be a secret of {MIN_SECRET_LENGTH} characters or more, which callers send.")
    forwarders = [int(port) for port in os.environ.get(FORWARDERS, "").split(",") if port]
    close_door([int(os.environ["GATEWAY_PORT"]), *forwarders], secret)
    app.main()


if __name__ == "__main__":
    main()
