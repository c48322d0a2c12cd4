"""Judge a wave of a run that has ended again, after its servers were checked once more."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.target import Target
from recovery.drills.begin_evidence import begin_occasion, name_occasion
from recovery.observability.task_handler import task
from recovery.runs.ended import verify_again
from tasks.step_states import CorrectWaveInput, CorrectWaveOutput


@task
def handler(event: CorrectWaveInput, context: LambdaContext) -> CorrectWaveOutput:
    """Record what is left without an answer as unverified, correct the verdicts, and begin evidence of that; return the
    wave's status.
    """
    execution_id, wave, target = event["executionId"], event["wave"], Target.from_state(event)
    status = verify_again.finish_again(execution_id, wave, target)
    begin_occasion(execution_id, name_occasion("verify", f"{wave} {target.key} {event['turn']}"))
    return {"status": status}
