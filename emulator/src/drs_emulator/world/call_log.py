"""Records the calls with their outcomes, and how near each target came to its quotas."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from drs_emulator.settings import camel_case_keys
from drs_emulator.target_key import TargetKey

MAX_RECENT_CALLS = 10_000  # calls listed by ?detail=true; counts cover all calls


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call. `simulated_time` is ISO 8601 text, `milliseconds` are real; `outcome` is OK or an error code.

    `service` is drs, ssm, ec2, elbv2, iam or service-quotas.
    """

    simulated_time: str
    account: str
    region: str
    operation: str
    outcome: str
    milliseconds: float
    request_id: str
    service: str = "drs"


@dataclass(slots=True)
class Peak:
    jobs: int = 0
    servers: int = 0

    def raise_to(self, jobs: int, servers: int) -> None:
        self.jobs, self.servers = max(self.jobs, jobs), max(self.servers, servers)


class CallLog:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._counts: Counter[tuple[str, str]] = Counter()
            self._recent: deque[CallRecord] = deque(maxlen=MAX_RECENT_CALLS)
            self._peaks: dict[TargetKey, Peak] = {}
            self._overall = Peak()

    def record(self, call: CallRecord) -> None:
        with self._lock:
            self._counts[call.operation, call.outcome] += 1
            self._recent.append(call)

    def record_load(self, target: TargetKey, load: tuple[int, int], overall: tuple[int, int]) -> None:
        """Loads are (jobs in progress, servers in them)."""
        with self._lock:
            self._peaks.setdefault(target, Peak()).raise_to(*load)
            self._overall.raise_to(*overall)

    def report(self, *, detail: bool) -> dict[str, Any]:
        with self._lock:
            operations: dict[str, dict[str, int]] = {}
            for (operation, outcome), number in sorted(self._counts.items()):
                operations.setdefault(operation, {})[outcome] = number
            report: dict[str, Any] = {
                "total": self._counts.total(),
                "operations": operations,
                "peak": {
                    "overall": asdict(self._overall),
                    "targets": [{**key._asdict(), **asdict(peak)} for key, peak in sorted(self._peaks.items())],
                },
            }
            if detail:
                report["calls"] = [camel_case_keys(asdict(call)) for call in self._recent]
            return report
