"""Begins evidence that was not begun at the end of a run, or has failed."""

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.drills.begin_evidence import begin_evidence
from recovery.errors import ExecutionNotFound
from recovery.store import executions
from recovery.store.drills import evidence_rows

logger = Logger(child=True)

# The end of a run begins its evidence itself. What it has not begun after this long, it does not begin any more.
GRACE_SECONDS = 600
# keep-evidence tries each of its two tasks for an hour and a half. After that it is begun once more.
ATTEMPT_SECONDS = 4 * 3_600


def begin_due() -> int:
    """Begin keep-evidence for all evidence that is due; return for how many runs. Twice begins nothing twice.

    An error with one run keeps no other from its evidence.
    """
    return sum(_begin_safely(*due) for due in evidence_rows.list_due())


def _begin_safely(execution_id: str, occasion: str, since: str) -> bool:
    try:
        return _begin(execution_id, occasion, since)
    except Exception:  # a record that cannot be read
        logger.exception("evidence not begun", extra={"executionId": execution_id, "occasion": occasion})
        return False


def _begin(execution_id: str, occasion: str, since: str) -> bool:
    """Begin it if the run has ended, and not in the last minutes."""
    try:
        run = executions.get_run(execution_id)
    except ExecutionNotFound:  # an operator has deleted the record, so there is nothing to show
        evidence_rows.remove_due(execution_id, occasion)
        return False
    if not run.status.is_final or run.ended_at is None:
        return False
    age = clock.now() - clock.parse_iso(max(run.ended_at, since))
    if age < GRACE_SECONDS:
        return False
    return begin_evidence(execution_id, occasion, attempt=int(age // ATTEMPT_SECONDS))
