"""List the accounts and Regions that a sync of the cache covers."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import clock
from recovery.cache import running_syncs
from recovery.catalog.targets import list_targets
from recovery.domain.target import Target
from recovery.observability.task_handler import logger, task
from recovery.runs.standing import due
from recovery.runs.watch import overdue
from tasks.states import ListTargetsInput, ListTargetsOutput


@task
def handler(event: ListTargetsInput, context: LambdaContext) -> ListTargetsOutput:
    """Return the targets of the input, or every target if it has none.

    In the second case, also look for runs that are late, and start the readiness runs of plans that are due.

    There are no targets while another sync of all targets is running.
    """
    requested = sorted({Target.from_state(state) for state in event.get("targets") or ()})
    if not requested:  # the schedule, every five minutes
        logger.info("open runs checked", extra={"runs": overdue.check_open_runs()})
        logger.info("readiness started of plans that are due", extra={"runs": due.start_due()})
    if not requested and not running_syncs.claim_all(event.get("sync")):
        logger.info("all targets left to another sync")
        return {"beganAt": clock.iso(), "targets": [], "isAlone": False}
    targets = requested or list_targets()
    logger.info("targets listed", extra={"targets": len(targets), "requested": bool(requested)})
    return {"beganAt": clock.iso(), "targets": [target.to_state() for target in targets], "isAlone": True}
