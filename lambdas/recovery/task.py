"""What every task function does around its work: log with the ids of the run, and write its metrics."""

import functools
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import metrics
from recovery.errors import DrsWavesError, Transient
from recovery.target import Target

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

logger = Logger()

# What an event may say of where in a run it belongs; each log line of the function carries it.
IDS = ("executionId", "wave", "accountId", "region", "batch")


def task(handler: Handler) -> Handler:
    """Wrap a handler. Errors pass through to the state machine: what it will retry as WARNING, the rest as ERROR."""
    name = handler.__module__.rsplit(".", 1)[-1]

    @logger.inject_lambda_context(clear_state=True)
    @functools.wraps(handler)
    def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        logger.append_keys(task=name, **{key: event[key] for key in IDS if key in event})
        if (retries := event.get("retries", 0)) and "region" in event:
            metrics.retried(Target.from_state(event), name, retries + 1)
        try:
            return handler(event, context)
        except Transient as error:
            logger.warning("put off", extra={"error": type(error).__name__, "reason": error.message})
            raise
        except DrsWavesError as error:
            logger.error("failed", extra={"error": type(error).__name__, "reason": error.message})
            raise
        finally:
            metrics.flush()

    wrapped: Handler = run
    return wrapped
