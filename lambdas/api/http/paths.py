"""Which paths the API answers: only those that IAM has judged as they are routed, and whose ids are no route's words.

IAM allows a request by its method and path as text. In a policy `*` also matches slashes. The router must therefore
read a path as IAM does, and no id may be able to pass for a part of another route.
"""

import re
from collections.abc import Mapping
from typing import Any

ROUTE_WORDS = frozenset(
    (
        "abort",
        "accept",
        "actions",
        "amend",
        "approve",
        "assessment",
        "batches",
        "cancel",
        "capacity",
        "cleanup",
        "close",
        "compliance",
        "confirm",
        "continue",
        "drill-findings",
        "drill-schedule",
        "drill-schedules",
        "drills",
        "drs",
        "events",
        "evidence",
        "executions",
        "findings",
        "groups",
        "health",
        "history",
        "job-log",
        "launch-settings",
        "openapi.json",
        "pause",
        "protection-groups",
        "readiness",
        "recoveries",
        "recovery-instance-sync",
        "recovery-instances",
        "recovery-plan",
        "recovery-plans",
        "reject",
        "reopen",
        "restore",
        "resume",
        "retry",
        "servers",
        "skip",
        "source-servers",
        "status",
        "target-accounts",
        "targets",
        "verdict",
        "unplanned-servers",
        "verify",
        "waves",
    )
)
"""The fixed parts of all routes. `Router.operation` refuses a route with another one."""

# Parts of unreserved characters (RFC 3986, section 2.3): nothing encoded, no empty part, no "." and no "..".
_is_plain = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+").fullmatch


def fixed_parts(route: str) -> set[str]:
    """The words of a route: `executions` and `pause` of `/executions/{executionId}/pause`."""
    return {part for part in route.split("/") if part and "{" not in part}


def is_path_of(route: str, path: str) -> bool:
    """Whether the path has the words of the route, and no word in place of an id."""
    wanted, given = route.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        part not in ROUTE_WORDS if word.startswith("{") else part == word
        for word, part in zip(wanted, given, strict=True)
    )


def refuse_route_word(name: str) -> str:
    """Return the name of something that has a place in a path. Raise ValueError if it is a word of a route."""
    if name in ROUTE_WORDS:
        raise ValueError(f"{name!r} is a word of the API's paths, on which permissions depend; choose another name")
    return name


def is_path_as_authorized(event: Mapping[str, Any]) -> bool:
    """Whether the event's path is the one that IAM has judged, and can be read in one way only.

    API Gateway passes on the path of a request three times: as `path`, in `requestContext.path` after the stage, and
    as the parameter `proxy` of its resource `/{proxy+}`. A REST API passes `path` on without decoding it. All three
    must be the same text. The root is a resource of its own: IAM judges it as `GET/`, with and without the slash at
    the end of the stage.
    """
    path, context = event["path"], event.get("requestContext") or {}
    whole, proxy = context.get("path"), (event.get("pathParameters") or {}).get("proxy")
    wholes = [None, path, f"/{context.get('stage')}{path}"]  # a domain name of one's own has no stage in its paths
    if path == "/":
        wholes.append(f"/{context.get('stage')}")
    return (path == "/" or _is_plain(path) is not None) and whole in wholes and proxy in (None, path.removeprefix("/"))
