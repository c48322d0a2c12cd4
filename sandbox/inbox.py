"""The messages that the product sends to operators: a queue that is subscribed to their SNS topic.

inbox = Inbox(sandbox, Path("messages.log"))
inbox.collect()  # at intervals
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.stack import Sandbox

_QUEUE = "operators"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a subscriber gets it by e-mail; `at` is simulated time, in epoch seconds."""

    at: float
    subject: str
    text: str

    def format(self) -> str:
        """The message as lines of a log, with an empty line after it."""
        moment = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M UTC, simulated")
        body = "\n".join(f"  {line}".rstrip() for line in self.text.strip().splitlines())
        return f"{moment}  {self.subject}\n{body}\n\n"


class Inbox:
    """Begins an empty log when it is made, and subscribes, so it has no earlier messages. One for each sandbox."""

    def __init__(self, sandbox: Sandbox, log: Path) -> None:
        self.log = log
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.log.touch(mode=0o600)
        self._sandbox = sandbox
        self._queues = sandbox.client("sqs")
        self._queue = self._queues.create_queue(QueueName=_QUEUE)["QueueUrl"]
        asked = self._queues.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        queue, topic = asked["Attributes"]["QueueArn"], sandbox.outputs["OperatorsTopicArn"]
        self._queues.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": _allow_delivery(queue, topic)})
        sandbox.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)

    def collect(self) -> list[Message]:
        """Write new messages to the log, and return them, oldest first."""
        messages = list(self._receive())
        if messages:
            with self.log.open("a", encoding="utf-8") as log:
                log.write("".join(message.format() for message in messages))
        return messages

    def _receive(self) -> Iterator[Message]:
        while found := self._queues.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for each in found:
                sent = json.loads(each["Body"])
                age = time.time() - datetime.fromisoformat(sent["Timestamp"]).timestamp()
                at = self._sandbox.now() - age * self._sandbox.speed
                yield Message(at, sent.get("Subject") or "", sent["Message"])
                self._queues.delete_message(QueueUrl=self._queue, ReceiptHandle=each["ReceiptHandle"])


def _allow_delivery(queue: str, topic: str) -> str:
    """The policy that a queue needs for messages of a topic."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
