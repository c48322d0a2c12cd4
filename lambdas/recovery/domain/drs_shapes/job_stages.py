"""The stage of a running job, from DRS's log of it."""

from collections.abc import Collection

from recovery.domain.drs_shapes.job_log import LAUNCH_END, JobLog

# The stages of a launch, in order, by the beginning of DRS's events (JobLogEvent in botocore's drs model).
_STAGES = (
    ("CLEANUP", "clean-up of the earlier instance"),
    ("SNAPSHOT", "snapshot"),
    ("USING_PREVIOUS_SNAPSHOT", "snapshot"),
    ("CONVERSION", "conversion"),
    ("LAUNCH", "launch"),
)
NOT_BEGUN = "not begun"


def find_stage(log: JobLog, server_ids: Collection[str]) -> str:
    """The stage of the servers that are furthest behind; failed and launched ones do not count."""
    last_events = [
        own.stage or ""
        for own in (log.of_server(server_id) for server_id in server_ids)
        if own.failure is None and own.stage != LAUNCH_END
    ]
    ranks = [_rank(event) for event in last_events]
    return _STAGES[min(ranks)][1] if ranks and min(ranks) >= 0 else NOT_BEGUN if ranks else _STAGES[-1][1]


def _rank(event: str) -> int:
    return next((rank for rank, (prefix, _) in enumerate(_STAGES) if event.startswith(prefix)), -1)
