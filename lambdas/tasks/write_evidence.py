"""Write the evidence of a run into the bucket, unless this occasion has it already."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from evidence import write
from recovery.observability.task_handler import logger, task
from tasks.drill_states import OccasionInput, WriteEvidenceOutput


@task
def handler(event: OccasionInput, context: LambdaContext) -> WriteEvidenceOutput:
    """Write report, plan, sums and signature. A repeated call finds the evidence that the first one has recorded."""
    written = write.write_evidence(event["executionId"], event["occasion"])
    logger.info("evidence written", extra={"occasion": event["occasion"], "prefix": written and written.prefix})
    return {
        "prefix": written.prefix if written else None,
        "manifestSha256": written.manifest_sha256 if written else None,
    }
