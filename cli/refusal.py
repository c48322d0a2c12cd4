"""What the API says when it refuses a request, as lines that cannot look like lines of the command."""

from collections.abc import Iterator, Mapping
from typing import Any

from recovery.free_text import flatten

# Characters of a text that are shown; the API sends at most a hundred texts.
MAX_ERROR_LENGTH = 2_000


def describe_refusal(body: Mapping[str, Any]) -> Iterator[str]:
    """What the API says of a refusal, line by line. What answers in its place, such as a proxy, may say anything."""
    problems = body.get("problems")
    texts = [body[name] for name in ("message", "advice") if body.get(name)]
    for problem in problems if isinstance(problems, list) else ():
        is_of_field = isinstance(problem, dict)
        texts.append(f"{problem.get('field')}: {problem.get('message')}" if is_of_field else problem)
    for line in map(flatten, texts):
        yield line if len(line) <= MAX_ERROR_LENGTH else f"{line[:MAX_ERROR_LENGTH]}..."
