"""Publishing to the operators' SNS topic. A message that cannot be sent is logged and dropped."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recovery.aws import clients
from recovery.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

logger = Logger(child=True)

# SNS refuses subjects that are longer, or contain line breaks or characters outside ASCII.
MAX_SUBJECT_LENGTH = 100

_NOT_ALLOWED_IN_SUBJECT = re.compile(r"[^ -~]+")


@lru_cache(maxsize=1)
def _client() -> "SNSClient":
    config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    created: SNSClient = clients.create_client("sns", config)
    return created


def publish(kind: str, subject: str, text: str, **attributes: str) -> None:
    """Publish a message. Subscriptions can filter by `kind` and `attributes`."""
    topic = settings().operators_topic_arn
    if not topic:
        return
    named = {"kind": kind, **{name: value for name, value in attributes.items() if value}}
    try:
        _client().publish(
            TopicArn=topic,
            Subject=_NOT_ALLOWED_IN_SUBJECT.sub("?", subject)[:MAX_SUBJECT_LENGTH],
            Message=text,
            MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in named.items()},
        )
    except (ClientError, BotoCoreError):
        logger.exception("message not sent", extra={"kind": kind, "subject": subject})


def format_facts(facts: Mapping[str, object]) -> str:
    """One `name: value` line per fact; facts without a value are left out."""
    return "\n".join(f"{name}: {value}" for name, value in facts.items() if value not in (None, ""))
