"""Measure how old the last drill of each plan is, and tell operators once a week what is due."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.drills.compliance import DrillStanding
from recovery.drills import digest
from recovery.observability.task_handler import logger, task
from tasks.drill_states import JudgeComplianceOutput


@task
def handler(event: dict[str, Any], context: LambdaContext) -> JudgeComplianceOutput:
    """Emit the metrics of each plan with a drill policy, and send the message of the week if it is due."""
    fleet = digest.judge()
    overdue = fleet.count_plans(DrillStanding.OVERDUE)
    plans = len(fleet.plans) - fleet.count_plans(DrillStanding.NO_POLICY)
    logger.info("compliance judged", extra={"plans": plans, "overdue": overdue})
    return {"plans": plans, "overdue": overdue}
