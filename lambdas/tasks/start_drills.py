"""Start the drills whose appointment has come, and the evidence of runs that still lacks."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.drills import due, evidence_due
from recovery.observability.task_handler import logger, task
from tasks.drill_states import StartDrillsOutput


@task
def handler(event: dict[str, Any], context: LambdaContext) -> StartDrillsOutput:
    """Look at all plans with a drill policy. A look that comes twice starts nothing twice."""
    try:
        look = due.look()
    finally:  # schedules that cannot be read keep no run from its evidence
        evidence = evidence_due.begin_due()
    logger.info("appointments looked at", extra={"drills": look.drills, "checks": look.checks, "evidence": evidence})
    return {"drills": look.drills, "checks": look.checks, "evidence": evidence}
