"""Capture what functions write in a test: their log lines, and the metrics that CloudWatch would make of them."""

import contextlib
import io
import json
import time
import types
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

from recovery.observability import metrics
from recovery.observability.metrics import NAMESPACE
from recovery.observability.task_handler import logger

# What CloudWatch takes for a unit: botocore's StandardUnit. Ours are counts.
UNIT = "Count"

Series = tuple[str, frozenset[tuple[str, str]]]


class CapturedTelemetry:
    """Everything that functions have written since the capture began."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line as JSON. A line that is not JSON fails the test."""
        return [json.loads(line) for line in self.text.split("\n") if line]

    @property
    def logs(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if "_aws" not in line]

    @property
    def emf(self) -> list[dict[str, Any]]:
        """The lines in embedded metric format, checked by its specification."""
        # What is measured and not counted, leases and the cache, has lines of its own.
        found = [line for line in self.lines if "_aws" in line and not {"LeasedJobs", "CacheHits"} & line.keys()]
        found = [line for line in found if line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == NAMESPACE]
        for line in found:
            assert_valid(line)
        return found

    def counts(self, metric: str, *dimensions: str) -> dict[Any, float]:
        """What CloudWatch has of a metric, by the values of these of its dimensions, targets added up.

        With no dimensions asked for, the series of the stack alone: `{(): 7}`.
        """
        found = Counter[tuple[str, ...]]()
        wanted = {"Stack", "Account", "Region", *dimensions} if dimensions else {"Stack"}
        for (name, named), value in published(self.emf).items():
            values = dict(named)
            if name == metric and values.keys() == wanted:
                found[tuple(values[dimension] for dimension in dimensions)] += value
        return {key[0] if len(key) == 1 else key: value for key, value in found.items()}


@contextlib.contextmanager
def capture() -> Iterator[CapturedTelemetry]:
    """Collect what functions of this process write to their standard output."""
    told = CapturedTelemetry()
    metrics.flush()  # what tests before this one have counted, without a function that writes it
    handler: Any = logger.registered_handler
    before = handler.setStream(told.stream)
    try:
        # sys.stdout itself is pytest's, which gives it out anew for each phase of a test.
        with mock.patch.object(metrics, "sys", types.SimpleNamespace(stdout=told.stream)):
            yield told
    finally:
        handler.setStream(before)


def published(lines: Iterable[dict[str, Any]]) -> Counter[Series]:
    """The data points that CloudWatch makes of the lines: one for each metric and each of its sets of dimensions."""
    points = Counter[Series]()
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for keys in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    points[metric["Name"], frozenset((key, line[key]) for key in keys)] += line[metric["Name"]]
    return points


def assert_valid(line: dict[str, Any]) -> None:
    """Check a line by AWS's specification of the embedded metric format."""
    assert line["_aws"].keys() == {"Timestamp", "CloudWatchMetrics"}
    assert abs(line["_aws"]["Timestamp"] - time.time() * 1000) < 3_600_000, "milliseconds, at most 2 h in the future"
    assert line["_aws"]["CloudWatchMetrics"]
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert directive["Namespace"] == NAMESPACE
        assert directive["Dimensions"]
        for keys in directive["Dimensions"]:
            assert len(keys) == len(set(keys)) <= 30
            assert all(isinstance(line[key], str) and 1 <= len(line[key]) <= 1024 for key in keys)
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric == {"Name": metric["Name"], "Unit": UNIT}
            assert isinstance(line[metric["Name"]], int | float)
    assert len(json.dumps(line)) < 256 * 1024
