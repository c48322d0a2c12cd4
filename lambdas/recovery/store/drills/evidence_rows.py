"""Evidence in the `drills` table: what is in the bucket, and which evidence is due.

`EVIDENCE#run#occasion` of a plan names the versions of one set of files in the bucket. It is written once. Writers that
were killed, or lost a race, leave versions that no row names. `EVIDENCE-LAST` of a plan has the manifest that the next
one names as the one before it. The partition EVIDENCE-DUE has a row for each run whose evidence is not recorded yet.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.dynamodb_expressions import Partition
from recovery.settings import settings

DUE = "EVIDENCE-DUE"
# The occasion of the evidence that every run has.
END = "end"

_PREFIX, _LAST = "EVIDENCE#", "EVIDENCE-LAST"


def _table() -> str:
    return settings().drills_table


def _due_key(execution_id: str, occasion: str) -> dict[str, str]:
    return {"planId": DUE, "item": execution_id if occasion == END else f"{execution_id}#{occasion}"}


def due_action(execution_id: str) -> dict[str, Any]:
    """The part of a transaction that makes the evidence of a new run due."""
    return dynamodb.put_action(_table(), {**_due_key(execution_id, END), "at": clock.iso()})


def make_due(execution_id: str, occasion: str) -> None:
    """Make the evidence of another occasion due, before anything writes it."""
    dynamodb.put(_table(), {**_due_key(execution_id, occasion), "at": clock.iso()})


def list_due() -> Iterator[tuple[str, str, str]]:
    """The run, the occasion and since when (ISO 8601), of all evidence that is due."""
    for row in dynamodb.query(_table(), Partition("planId", DUE)):
        execution_id, _, occasion = row["item"].partition("#")
        yield execution_id, occasion or END, row["at"]


def remove_due(execution_id: str, occasion: str) -> None:
    """Nothing is due any more."""
    dynamodb.delete(_table(), _due_key(execution_id, occasion))


def read_evidence(plan_id: str, execution_id: str, occasion: str) -> dict[str, Any] | None:
    """The row of this occasion, or None."""
    return dynamodb.get(_table(), {"planId": plan_id, "item": f"{_PREFIX}{execution_id}#{occasion}"})


def list_of_run(plan_id: str, execution_id: str) -> list[dict[str, Any]]:
    """The rows of the run, the oldest first."""
    rows = dynamodb.query(_table(), Partition("planId", plan_id, ("item", f"{_PREFIX}{execution_id}#")))
    return sorted(rows, key=lambda row: str(row["writtenAt"]))


def list_of_plan(plan_id: str) -> list[dict[str, Any]]:
    """All rows of the plan, the newest first. The runs of a plan are thousands at most, each with a few rows."""
    rows = dynamodb.query(_table(), Partition("planId", plan_id, ("item", _PREFIX)), consistent=False)
    return sorted(rows, key=lambda row: (str(row["writtenAt"]), str(row["item"])), reverse=True)


def is_due(execution_id: str) -> bool:
    """Whether the evidence of the end of this run is not recorded yet."""
    return dynamodb.get(_table(), _due_key(execution_id, END)) is not None


def read_last(plan_id: str) -> dict[str, Any] | None:
    """The newest evidence of the plan: {executionId, occasion, manifestSha256}; None if there is none."""
    row = dynamodb.get(_table(), {"planId": plan_id, "item": _LAST})
    return row and {name: row[name] for name in ("executionId", "occasion", "manifestSha256")}


def record_evidence(plan_id: str, evidence: Mapping[str, Any], previous: Mapping[str, Any] | None) -> bool:
    """Record the evidence as the plan's newest, and that it is no longer due, in one transaction.

    Return False when this occasion has evidence already, or other evidence has followed `previous` since it was read.
    """
    execution_id, occasion = evidence["executionId"], evidence["occasion"]
    item = {"planId": plan_id, "item": f"{_PREFIX}{execution_id}#{occasion}", **evidence}
    is_unchanged = "#manifestSha256 = :previous" if previous else "attribute_not_exists(#manifestSha256)"
    last = {name: evidence[name] for name in ("executionId", "occasion", "manifestSha256")}
    given = {"given": {"previous": previous["manifestSha256"]}} if previous else {}
    newest = dynamodb.update_action(_table(), {"planId": plan_id, "item": _LAST}, last, condition=is_unchanged, **given)
    no_longer_due = dynamodb.delete_action(_table(), _due_key(execution_id, occasion))
    try:
        dynamodb.transact([dynamodb.put_action(_table(), item, "attribute_not_exists(#item)"), newest, no_longer_due])
    except ConditionFailed:
        return False
    return True
