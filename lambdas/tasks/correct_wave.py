"""Judge a wave of a run that has ended again, after its servers were checked once more."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.target import Target
from recovery.observability.task_handler import task
from recovery.runs.ended import verify_again
from tasks.step_states import CorrectWaveInput, CorrectWaveOutput


@task
def handler(event: CorrectWaveInput, context: LambdaContext) -> CorrectWaveOutput:
    """Record what is left without an answer as unverified, and correct the verdicts; return the wave's status."""
    status = verify_again.finish_again(event["executionId"], event["wave"], Target.from_state(event))
    return {"status": status}
