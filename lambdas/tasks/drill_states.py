"""The inputs and outputs of tasks about drills: those of keep-evidence, and of the schedules."""

from typing import TypedDict

from tasks.states import ExecutionInput


class OccasionInput(ExecutionInput):
    """A run, and what has happened to it: `end`, or the name of a clean-up, a verify after the end, or a verdict."""

    occasion: str


class RecordDrillOutput(TypedDict):
    """Whether the run counts as a drill of its plan."""

    counts: bool


class WriteEvidenceOutput(TypedDict):
    """Where the evidence is in the bucket, and the SHA-256 of its manifest; both are None if no bucket is set."""

    prefix: str | None
    manifestSha256: str | None


class StartDrillsOutput(TypedDict):
    """How many drills, readiness checks before them, and executions of keep-evidence were started."""

    drills: int
    checks: int
    evidence: int


class JudgeComplianceOutput(TypedDict):
    """How many plans have a drill policy, and how many of them are overdue."""

    plans: int
    overdue: int
