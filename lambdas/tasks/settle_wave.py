"""Judge a wave and release the waves that waited for it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.aws import caught_errors
from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle
from recovery.store import executions


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave, round, errors}`, the errors that broke parts of it; return `{status, final, targets}`.

    `targets` are those whose recovery instances have changed with the wave.
    """
    execution = executions.get_execution(event["executionId"])
    problems = caught_errors.describe_all(event["errors"])
    settlement = wave_lifecycle.settle_wave(execution, event["wave"], event["round"], problems)
    logger.info("wave settled", extra={"status": settlement.status})
    return settlement.to_state()
