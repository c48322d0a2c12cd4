"""The report of a run as one HTML page that loads nothing else."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from cli.report import quota_chart, timeline
from cli.report.times import parse_time
from cli.text import format_duration
from recovery.free_text import flatten

TEMPLATE = "report.html.j2"


def render_html(report: Mapping[str, Any]) -> str:
    """The page of this document."""
    by_wave: dict[str, list[Mapping[str, Any]]] = {wave["name"]: [] for wave in report["waves"]}
    for server in report["sourceServers"]:
        by_wave.setdefault(server["wave"], []).append(server)
    not_launched = [
        each
        for each in report["sourceServers"]
        if each["status"] not in ("LAUNCHED", "PENDING", "LAUNCHING") and report["mode"] != "READINESS"
    ]
    return _template().render(
        r=report,
        chart=timeline.draw(report),
        quotas=[quota_chart.draw(use, report) for use in report["quotaUse"]],
        servers_by_wave=by_wave,
        not_launched=not_launched,
        warned=[each for each in report["sourceServers"] if each.get("warnings")],
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_clean,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(duration=_duration, moment=_date_and_time, clock=_time_of_day, plural=_plural)
    return environment.get_template(TEMPLATE)


def _clean(value: object) -> object:
    """A text as one line, also for tooltips, without hidden characters: those can turn the direction of text."""
    if isinstance(value, Markup):  # of a macro, whose texts have been cleaned and escaped
        return value
    return flatten(value) if isinstance(value, str) else value


def _duration(seconds: float | None) -> str:
    return format_duration(seconds) if seconds is not None else "unknown"


def _date_and_time(time: str | None) -> str:
    """`2026-11-22 08:15:30 UTC`."""
    return f"{parse_time(time):%Y-%m-%d %H:%M:%S} UTC" if time else "unknown"


def _time_of_day(time: str | None) -> str:
    return f"{parse_time(time):%H:%M:%S}" if time else "–"


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
