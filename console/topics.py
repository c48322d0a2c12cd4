"""What a page can be kept up to date about: the names of snapshots, and how each is read."""

from collections.abc import Callable
from functools import partial
from typing import Any

from cli.api_client import ApiClient
from console.deployment import ID, Deployment
from console.reading import fleet, overview, plan, reports, run, run_list
from console.reading.drills import assessment, compliance
from console.snapshots import Snapshot

# A topic is `overview`, or `run/ID`: the name of a reader and its arguments.
_READERS: dict[str, tuple[int, Callable[..., Any]]] = {
    "overview": (0, overview.read),
    "run": (1, run.read),
    "plan": (1, plan.read),
    "runs": (3, run_list.read),
    "fleet": (0, fleet.read),
    "reports": (4, reports.read),
    "compliance": (0, compliance.read),
    "assessment": (1, assessment.read),
}


# Topics whose answers cost more than others may be older.
_AGES: dict[str, Callable[[Deployment], float]] = {
    "fleet": lambda deployment: fleet.max_age(deployment.is_sandbox),
    "compliance": lambda deployment: compliance.max_age(deployment.is_sandbox),
}


class TopicUnknown(Exception):
    """There is no such topic."""


def find_reader(topic: str) -> Callable[[ApiClient], Any]:
    """The function that reads a topic. Raise TopicUnknown."""
    name, *arguments = topic.split("/")
    count, read = _READERS.get(name, (-1, None))
    if read is None or len(arguments) != count or not all(map(ID.fullmatch, arguments)):
        raise TopicUnknown(topic)
    return lambda api: read(api, *arguments)


def read_topic(deployment: Deployment, topic: str) -> Snapshot:
    """The snapshot of a topic. Raise TopicUnknown, and as `Snapshots.get`."""
    return deployment.snapshot(topic, partial(find_reader(topic)), max_age(deployment, topic))


def max_age(deployment: Deployment, topic: str) -> float:
    """How old the snapshot of a topic may be, in real seconds."""
    find = _AGES.get(topic.partition("/")[0])
    return deployment.interval if find is None else max(find(deployment), deployment.interval)
