"""The messages that operators receive."""

import json
from typing import Any

from tests.support.product import STACK, WEST, Product

TOPIC = f"arn:aws:sns:{WEST}:123456789012:{STACK}-operators"


class Inbox:
    """The messages that operators received: a queue that is subscribed to their topic."""

    def __init__(self, product: Product) -> None:
        self._sqs = product.engine.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="operators")["QueueUrl"]
        wanted = {"QueueUrl": self._queue, "AttributeNames": ["QueueArn"]}
        arn = self._sqs.get_queue_attributes(**wanted)["Attributes"]["QueueArn"]
        sns = product.engine.client("sns")
        sns.create_topic(Name=TOPIC.split(":")[-1])
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)
        self._seen: list[dict[str, Any]] = []

    def messages(self) -> list[dict[str, Any]]:
        while found := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self._seen.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return self._seen

    def values(self, attribute: str) -> list[str]:
        return [message["MessageAttributes"][attribute]["Value"] for message in self.messages()]
