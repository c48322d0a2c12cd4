"""Sends what a person records of a drill until it is answered, and says how to send it again."""

import shlex
from collections.abc import Sequence
from typing import Any

from cli import repeat
from cli.api_client import CredentialsExpired
from cli.repeat import AnswerLost
from cli.session import Session
from cli.terminal import FAILED, INTERRUPTED, end, print_notice
from cli.text import COMMAND


def send(
    session: Session, method: str, path: str, body: Any, key: str | None, what: str, words: Sequence[str]
) -> dict[str, Any]:
    """The answer. End the command if there is none; `words` are this command without the key, `what` is sent."""
    key = key or repeat.make_key()
    command = shlex.join([COMMAND, *words, "--idempotency-key", key]) + session.options
    again = f"Send the same {what} again; it counts once:\n  {command}"
    try:
        return repeat.send(session.api, method, path, body, key, print_notice)
    except AnswerLost as error:
        end(FAILED, f"{error}\nThe {what} may have been recorded. {again}")
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nThe {what} may have been recorded. {again}")
    except CredentialsExpired as error:
        end(FAILED, f"{error}\nThe {what} was not recorded. {again}")
