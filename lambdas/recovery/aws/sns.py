"""Publishing to the operators' SNS topic. A message that cannot be sent is logged and dropped."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recovery.aws import clients
from recovery.free_text import flatten, quote
from recovery.settings import environment_name, settings, stack_name

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

logger = Logger(child=True)

# SNS takes "less than 100 characters" without line breaks (API reference, Publish), and mail programs show ASCII best.
MAX_SUBJECT_LENGTH = 99

_NOT_ALLOWED_IN_SUBJECT = re.compile(r"[^ -~]+")


@lru_cache(maxsize=1)
def _client() -> "SNSClient":
    config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    created: SNSClient = clients.create_client("sns", config)
    return created


def build_subject(pattern: str, names: Mapping[str, str]) -> str:
    """Fill names into the pattern, such as `wave {wave} of {plan}`, and shorten the longest as far as SNS requires."""
    names = {key: _to_ascii(name) for key, name in names.items()}
    for limit in range(MAX_SUBJECT_LENGTH, 3, -1):
        subject = pattern.format_map({key: _shorten(name, limit) for key, name in names.items()})
        if len(subject) <= MAX_SUBJECT_LENGTH:
            break
    return _to_ascii(subject)[:MAX_SUBJECT_LENGTH]


def _to_ascii(text: str) -> str:
    """The text without accents and line breaks; other characters outside ASCII become `?`."""
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return _NOT_ALLOWED_IN_SUBJECT.sub("?", " ".join("".join(letters).split()))


def _shorten(name: str, limit: int) -> str:
    return name if len(name) <= limit else name[: limit - 3].rstrip() + "..."


def publish(kind: str, subject: str, names: Mapping[str, str], text: str, **attributes: str) -> None:
    """Publish a message, or log that it could not be sent: no work stops because of it. See `publish_or_raise`."""
    try:
        publish_or_raise(kind, subject, names, text, **attributes)
    except (ClientError, BotoCoreError):
        logger.exception("message not sent", extra={"kind": kind, "subject": subject})


def publish_or_raise(kind: str, subject: str, names: Mapping[str, str], text: str, **attributes: str) -> None:
    """Publish a message that begins with the stack, environment, account and Region that send it, and its kind.

    `subject` is a pattern for `names`, see `build_subject`. Subscriptions can filter by `kind` and `attributes`. Raise
    ClientError, BotoCoreError.
    """
    topic = settings().operators_topic_arn
    if not topic:
        return
    _, _, _, region, account, _ = topic.split(":", 5)
    sender = {"Stack": stack_name(), "Environment": environment_name(), "Account": account, "Region": region}
    named = {"kind": kind, **{name: value for name, value in attributes.items() if value}}
    _client().publish(
        TopicArn=topic,
        Subject=build_subject(f"{{stack}}: {subject}", {"stack": stack_name(), **names}),
        Message=f"{format_facts({**sender, 'Message': kind})}\n{text}",
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in named.items()},
    )


def format_facts(facts: Mapping[str, object]) -> str:
    """One `name: value` line per fact; facts without a value are left out.

    A value that is a list has its parts on indented lines. A text of several lines, such as a comment, is quoted below
    the name, so that none of its lines looks like a fact.
    """
    return "\n".join(f"{name}:{_format_value(value)}" for name, value in facts.items() if value not in (None, "", []))


def _format_value(value: object) -> str:
    text = "\n  ".join(map(flatten, value)) if isinstance(value, list) else quote(value)
    return text if text.startswith("\n") else f" {text}"
