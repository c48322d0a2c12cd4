"""End a run whose state machine was aborted, timed out or failed before it could close the record."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import schedule
from recovery.drills.begin_evidence import begin_evidence
from recovery.launch_settings import begin
from recovery.observability.task_handler import logger, task
from recovery.runs import abandoned
from tasks.states import CloseExecutionOutput, StateChangeEvent


@task
def handler(event: StateChangeEvent, context: LambdaContext) -> CloseExecutionOutput:
    """Handle the event that an execution of recover-plan has ended. Handling it twice changes nothing."""
    execution_id, status = event["detail"]["name"], event["detail"]["status"]
    logger.append_keys(executionId=execution_id)
    execution, closed = abandoned.end_run_without_machine(execution_id, abandoned.describe_end(status))
    if execution:
        schedule.schedule_or_notify(execution)
        begin.begin_restores_of(execution_id, f"the end of {execution_id}")
        begin_evidence(execution_id)
    logger.info("run closed" if closed else "the record was closed already")
    return {"closed": closed}
