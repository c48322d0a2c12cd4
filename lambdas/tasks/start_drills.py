"""Start the drills whose appointment has come, and the evidence of runs that still lacks."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.drills import evidence_due
from recovery.observability.task_handler import logger, task
from tasks.drill_states import StartDrillsOutput


@task
def handler(event: dict[str, Any], context: LambdaContext) -> StartDrillsOutput:
    """Look at all plans with a drill policy. A look that comes twice starts nothing twice."""
    evidence = evidence_due.begin_due()
    logger.info("appointments looked at", extra={"drills": 0, "evidence": evidence})
    return {"drills": 0, "checks": 0, "evidence": evidence}
