"""Judge a wave and release the waves that waited for it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import batches, problem, store, waves
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave, round, errors}`, the errors that broke parts of it; return `{status, final, targets}`.

    `targets` are those whose recovery instances have changed with the wave.
    """
    execution = store.get_execution(event["executionId"])
    status = waves.settle(execution, event["wave"], event["round"], problem.describe_all(event["errors"]))
    logger.info("wave settled", extra={"status": status})
    changed = sorted({batch.ref.target for batch in batches.of(event["executionId"], event["wave"]) if batch.launched})
    targets = [target.to_state() for target in changed]
    return {"status": status.value, "final": status.is_final, "targets": targets}
