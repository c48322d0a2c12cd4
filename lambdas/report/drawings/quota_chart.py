"""The drawing of a run's jobs in a target against DRS's quotas, as numbers. The template draws the SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.wording import plural
from report.drawings.scale import LEFT, RIGHT, WIDTH, Tick, TimeScale

# DRS's default quotas, per account and Region (Service Quotas, L-D88FAC3A and L-05AFA8C6).
JOBS_QUOTA, SERVERS_QUOTA = 20, 500

HEIGHT = 110


@dataclass(frozen=True, slots=True)
class QuotaChart:
    """Two step lines over time, of jobs and of servers in jobs, each with the end of its axis and its quota."""

    use: Mapping[str, Any]
    ticks: tuple[Tick, ...]
    jobs: str
    servers: str
    jobs_top: int
    servers_top: int
    summary: str
    jobs_quota: int = JOBS_QUOTA
    servers_quota: int = SERVERS_QUOTA
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    height: int = HEIGHT


def draw(use: Mapping[str, Any], report: Mapping[str, Any]) -> QuotaChart:
    """The chart of one entry of the report's `quotaUse`."""
    scale = TimeScale(report)
    jobs_top = _axis_top(use["mostJobs"], JOBS_QUOTA, 2)
    servers_top = _axis_top(use["mostServers"], SERVERS_QUOTA, 1.25)
    place = f"{use['accountId']}/{use['region']}"
    most = f"{plural(use['mostJobs'], 'job')} with {plural(use['mostServers'], 'server')}"
    return QuotaChart(
        use=use,
        ticks=scale.ticks(),
        jobs=_step_line(use["steps"], "jobs", jobs_top, scale, use["until"]),
        servers=_step_line(use["steps"], "servers", servers_top, scale, use["until"]),
        jobs_top=jobs_top,
        servers_top=servers_top,
        summary=f"{place}: at most {most} at once.",
    )


def _axis_top(highest: int, quota: int, spare: float) -> int:
    """The quota, if a quarter of it was used. Otherwise a lower value, so that the figures can be seen."""
    return max(quota, highest) if highest * 4 >= quota else max(math.ceil(highest * spare), 2)


def _step_line(steps: Sequence[Mapping[str, Any]], name: str, top: int, scale: TimeScale, end: str) -> str:
    """An SVG path that keeps each value until the next one."""
    floor, room = HEIGHT - 20, HEIGHT - 34

    def y(value: int) -> float:
        return round(floor - value / top * room, 1)

    path = f"M{LEFT} {y(0)}"
    for step in steps:
        path += f"H{scale.x(step['at'])}V{y(step[name])}"
    return path + f"H{scale.x(end)}"
