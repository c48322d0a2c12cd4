"""The decorator of task functions, which logs with the ids of the run and writes the metrics, and their logger."""

import functools
import gc
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.target import Target
from recovery.errors import DrsWavesError, Transient
from recovery.observability import metrics
from recovery.observability.log_lines import write_log_line

logger = Logger(json_serializer=write_log_line)
Event = TypeVar("Event", bound=Mapping[str, Any])
Output = TypeVar("Output", bound=Mapping[str, Any])


def task(handler: Callable[[Event, LambdaContext], Output]) -> Callable[[Event, LambdaContext], Output]:
    """Wrap a handler. Errors pass through to the state machine and are logged: transient ones as WARNING."""
    name = handler.__module__.rsplit(".", 1)[-1]

    # Events contain task tokens, so they are never logged, whatever POWERTOOLS_LOGGER_LOG_EVENT is.
    @logger.inject_lambda_context(clear_state=True, log_event=False)
    @functools.wraps(handler)
    def run(event: Event, context: LambdaContext) -> Output:
        ids = _log_keys(event)
        logger.append_keys(task=name, **ids)
        if (retries := event.get("retries", 0)) and "target" in ids:
            metrics.count_retry(Target.from_state(event), _state_name(name), retries + 1)
        try:
            return handler(event, context)
        except Transient as error:
            logger.warning("task postponed", extra={"error": type(error).__name__, "reason": error.message})
            raise
        except DrsWavesError as error:
            logger.error("task failed", extra={"error": type(error).__name__, "reason": error.message})
            raise
        except Exception as error:  # Lambda would log it too, but without the ids of the run
            logger.exception("unexpected error", extra={"error": type(error).__name__})
            raise
        finally:
            metrics.flush()

    wrapped: Callable[[Event, LambdaContext], Output] = run
    gc.freeze()  # what the import of the function made stays, so no invocation has to search it
    gc.enable()  # `tasks` disabled it
    return wrapped


def _log_keys(event: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of the run, wave, target and batch of the event, for each log line of the function.

    The execution id is the correlation id, by which all lines of a run can be found. The function_request_id of a line
    is the invocation that wrote it.
    """
    ids = {key: event[key] for key in ("executionId", "wave", "accountId", "region") if key in event}
    if "executionId" in ids:
        ids["correlation_id"] = ids["executionId"]
    if {"accountId", "region"} <= ids.keys():
        ids["target"] = Target.from_state(event).key
        if {"executionId", "wave"} <= ids.keys() and "batch" in event:
            ids["batch"] = BatchRef.from_event(event).key
    return ids


def _state_name(name: str) -> str:
    """The name of the task's state: `PollJob` for `poll_job`."""
    return "".join(word.capitalize() for word in name.split("_"))
