"""Checks the launched servers of a wave: whether each passes the checks of its plan in time.

`lifecycle` begins and ends the checks of a wave. `batch_looks` looks at the servers of a batch: `look` asks about each
once in every service at most, `observations` and `commands` have what is asked, `scripts` what runs on a server, and
`ladders` which checks a server has, and `chain` which servers of earlier runs have not passed theirs. Handlers in
`tasks`, `runs` and routes in `api` call this room; it uses `target_services` and every room below it. It never waits:
between two looks, the state machine does. Its rows are those of `store.steps.checks`.
"""

from recovery.verification.chain import find_unverified_before
from recovery.verification.lifecycle import begin_turn, end_checks, record_late, start_checks

__all__ = ["begin_turn", "end_checks", "find_unverified_before", "record_late", "start_checks"]
