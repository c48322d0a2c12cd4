"""End a run: judge it, close its record and release its plan."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import schedule
from recovery.domain.caught_errors import CaughtError
from recovery.drills.begin_evidence import begin_evidence
from recovery.launch_settings import begin
from recovery.observability.task_handler import logger, task
from recovery.runs import finish
from tasks.states import ClosedRecord, FinishExecutionInput


@task
def handler(event: FinishExecutionInput, context: LambdaContext) -> ClosedRecord:
    """Schedule the clean-up of a drill, if its plan asks for it, put back what the run changed, and begin evidence."""
    execution, verdict = finish.end_run(event["executionId"], CaughtError.from_state(event.get("error")))
    schedule.schedule_or_notify(execution)
    begin.begin_restores_of(execution.execution_id, f"the end of {execution.execution_id}")
    begin_evidence(execution.execution_id)
    logger.info("execution finished", extra={"status": verdict.status})
    return {"status": verdict.status, "reason": verdict.reason}
