"""Handlers for tests of the harness; importable as `handlers.…` with this folder as code root."""

import os
from functools import cache
from typing import Any


class ServerBusy(Exception):
    """A name that ASL catches."""


_seen: list[str] = ["first"]


@cache
def settings() -> str:
    """As our settings: read from the environment, once."""
    return os.environ["GREETING"]


def greet(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {
        "greeting": os.environ["GREETING"],
        "name": os.getenv("AWS_LAMBDA_FUNCTION_NAME"),
        "of": context.function_name,
    }


def settled(event: dict[str, Any], context: Any) -> str:
    return settings()


def busy(event: dict[str, Any], context: Any) -> None:
    raise ServerBusy(f"{event['server']} is in a job")


def remember(event: dict[str, Any], context: Any) -> list[str]:
    _seen.append(event["name"])
    return _seen
