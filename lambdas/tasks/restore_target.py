"""Put back what ended batches have changed in a target, as far as it is possible now."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.call_shares import CallShare, use_share
from recovery.domain.target import Target
from recovery.launch_settings import rounds
from recovery.launch_settings.rounds import RestoreRequest
from recovery.observability.task_handler import logger, task
from tasks.target_states import RestoreTargetInput, RestoreTargetOutput


@task
@use_share(CallShare.BACKGROUND)
def handler(event: RestoreTargetInput, context: LambdaContext) -> RestoreTargetOutput:
    """Return what is left, and when to look again. Raise CircuitOpen and what DRS raises if its jobs cannot be read."""
    request = RestoreRequest(
        Target.from_state(event),
        event["machine"],
        event["round"],
        tuple(event.get("sourceServerIds") or ()),
        force=bool(event.get("force")),
        keep=bool(event.get("keep")),
    )
    result = rounds.restore_round(request)
    logger.info("settings put back", extra={"done": result.done, "left": result.left, "because": result.because})
    return {
        "done": result.done,
        "left": result.left,
        "waitSeconds": result.wait_seconds,
        "finished": result.is_last,
        "because": result.because,
    }
