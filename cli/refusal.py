"""What the API says when it refuses a request, as lines that cannot look like lines of the command."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from recovery import errors
from recovery.free_text import flatten
from report.reader import NotRead

# Characters of a text that are shown; the API sends at most a hundred texts.
MAX_ERROR_LENGTH = 2_000

_RUN_IN_PATH = re.compile(r"/executions/([A-Za-z0-9_-][A-Za-z0-9._-]*)")
_RUN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")

# What to do about an error of the API, by its code, and the command for it in place of the API's request. EXECUTION
# stands for the run that the request or the error names. Other codes keep the API's advice.
ADVICE = {
    "PlanNotFound": ("Check the name; this lists the plans:", "drs-waves plans"),
    "GroupNotFound": ("Check the id; this lists the groups:", "drs-waves groups"),
    "AccountNotFound": ("Check the id; this lists the accounts:", "drs-waves accounts"),
    "ExecutionNotFound": ("Check the id; this lists the runs:", "drs-waves list"),
    "WaveNotFound": ("Check the name; this shows the waves of the run:", "drs-waves status EXECUTION"),
    "JobNotFound": ("Check the id; this lists the jobs of the run:", "drs-waves logs EXECUTION"),
    "PlanAlreadyRunning": (
        "Wait for the end of that run or cancel it, then start again. See it:",
        "drs-waves status EXECUTION",
    ),
    "PlanInUse": (
        "Wait for the end of that run or cancel it, then delete the plan. See it:",
        "drs-waves status EXECUTION",
    ),
    "DecisionRefused": ("Nothing was changed. See what the run waits for:", "drs-waves status EXECUTION"),
    "NothingToContinue": (
        "Start a new run of the plan if servers are to be launched again. See this run:",
        "drs-waves status EXECUTION",
    ),
    "AlreadyContinued": ("Continue the last run of its chain instead. See it:", "drs-waves status EXECUTION"),
    "ExecutionStillRunning": ("Wait for the end of the run, then clean up. Follow it:", "drs-waves watch EXECUTION"),
    "CleanupRunning": (
        "Repeat the command when the clean-up has ended. See it:",
        "drs-waves get /executions/EXECUTION/cleanup",
    ),
    "StartFailed": ("See whether the run exists, and start it again if not:", "drs-waves list"),
}
# Errors that name another run than the request does, and mean that one.
_OF_ANOTHER_RUN = ("AlreadyContinued", "ExecutionStillRunning", "PlanAlreadyRunning", "PlanInUse")


def describe_refusal(body: Mapping[str, Any], path: str = "", options: str = "") -> Iterator[str]:
    """What the API says of a refusal, line by line. What answers in its place, such as a proxy, may say anything.

    `path` is that of the request; `options` name the deployment in the commands of the advice.
    """
    problems = body.get("problems")
    advice = _advise(body, path, options) or body.get("advice")
    texts = [text for text in (body.get("message"), advice) if text]
    for problem in problems if isinstance(problems, list) else ():
        is_of_field = isinstance(problem, dict)
        texts.append(f"{problem.get('field')}: {problem.get('message')}" if is_of_field else problem)
    for line in map(flatten, texts):
        yield line if len(line) <= MAX_ERROR_LENGTH else f"{line[:MAX_ERROR_LENGTH]}..."


def _advise(body: Mapping[str, Any], path: str, options: str) -> str | None:
    code = body.get("code")
    if not isinstance(code, str) or code not in ADVICE:
        return None
    text, command = ADVICE[code]
    command = f"{command.replace('EXECUTION', _find_run(body, path))}{options}"
    advice = body.get("advice")
    if isinstance(advice, str) and advice != getattr(errors, code).advice:  # it is about this case, so ours is not
        return f"{advice}  See it:  {command}"
    return f"{text}  {command}"


def _find_run(body: Mapping[str, Any], path: str) -> str:
    named = str(body.get("executionId") or "")
    asked = _RUN_IN_PATH.search(path)
    if asked and body["code"] not in _OF_ANOTHER_RUN:
        return asked[1]
    return named if _RUN_ID.fullmatch(named) else asked[1] if asked else "EXECUTION"


class Reply(NamedTuple):
    """A response of the API. `body` is the parsed JSON, or None if there is none."""

    status: int
    body: Any


class ApiRefused(NotRead):
    """The API answered with an error, which is in `reply`."""

    def __init__(self, method: str, path: str, reply: Reply, hint: str = "", options: str = "") -> None:
        """`hint` is a line to add to the message; `options` name the deployment in the commands of its advice."""
        self.reply = reply
        body: dict[str, Any] = reply.body if isinstance(reply.body, dict) else {"message": str(reply.body)}
        self.code = str(body.get("code", ""))
        lines = [flatten(f"{method} {path} answered {reply.status} {self.code}")]
        lines += [f"  {line}" for line in describe_refusal(body, path, options)]
        lines += [hint] if hint else []
        super().__init__("\n".join(lines))
