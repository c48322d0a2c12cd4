"""The report of a run as one HTML page that loads nothing else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from recovery.free_text import flatten
from report import drawings, files
from report.assessment.describe import list_changes
from report.drawings import quota_chart, timeline
from report.drawings.waves import draw_run
from report.plan.profiles import SETTINGS_WORDS
from report.plan.steps import list_actions_not_run
from report.plan.table import describe_plan_as_run
from report.times import parse_time
from report.words import WAVE_WORDS, format_duration, format_unrecovered

TEMPLATE = "report.html.j2"

# Servers that the page names of each group. All are in servers.csv.
MEMBERS_SHOWN = 20

# Servers that the page names because their launch settings are not put back. All are in servers.csv.
SETTINGS_SHOWN = 100

# Columns of the table of servers that are left out where no server of the wave has a value.
_OPTIONAL_COLUMNS = ("recoveryInstanceId", "endedAt", "snapshotAt", "rpoSeconds")
_VERIFIED_AT = "verifiedAt"


@dataclass(frozen=True, slots=True)
class WaveServers:
    """The servers of a wave, and the columns of their table.

    `has` says by optional column whether any server has a value, `has_retries` whether one was tried more than once.
    """

    name: str
    servers: Sequence[Mapping[str, Any]]
    has: Mapping[str, bool]
    has_retries: bool

    @classmethod
    def of(cls, name: str, servers: Sequence[Mapping[str, Any]]) -> "WaveServers":
        """Look once which columns there are: a table may have thousands of rows."""
        has = {column: any(each.get(column) is not None for each in servers) for column in _OPTIONAL_COLUMNS}
        has[_VERIFIED_AT] = any(each.get("verification") for each in servers)
        return cls(name, servers, has, any(each["attempts"] > 1 for each in servers))

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return 3 + sum(self.has.values()) + self.has_retries


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
        rejected=_find_rejection(report),
        assessed_changes=list_changes(report["assessment"]),
        waves=draw_run(report, (report["tested"] or {}).get("plan")),
        quotas=[quota_chart.draw(use, report) for use in report["quotaUse"]],
        servers_by_wave=[WaveServers.of(name, servers) for name, servers in by_wave.items()],
        has_checks=any(wave["launchedAt"] for wave in report["waves"]),
        has_rto_targets=any(each["targetMinutes"] for each in (report["rto"]["whole"], *report["rto"]["waves"])),
        plan_as_run=describe_plan_as_run(report),
        not_run=list_actions_not_run(report),
        wave_words=WAVE_WORDS,
        unrecovered=format_unrecovered,
        result_word="readiness" if report["mode"] == "READINESS" else "result",
        cleanup_left=_describe_left(report),
        members_shown=MEMBERS_SHOWN,
        members={group["groupId"]: _list_members(group) for group in report["groups"]},
        page_label=_page_label(report),
        json_sha256=files.digest(files.write_json(report)),
        not_launched=not_launched,
        settings_words=SETTINGS_WORDS,
        landed_elsewhere=_list_landed(report, "DIFFERS")[:SETTINGS_SHOWN],
        landed_unknown=_list_landed(report, "UNKNOWN")[:SETTINGS_SHOWN],
        settings_left=_list_settings_left(report)[:SETTINGS_SHOWN],
        warned=[each for each in report["sourceServers"] if each.get("warnings")],
    )


def _find_rejection(report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The verdict of the person who has rejected the run; None if it stands as it ended."""
    verdict: Mapping[str, Any] | None = (report["assessment"] or {}).get("verdict")
    return verdict if verdict and verdict["verdict"] == "REJECTED" else None


def _list_settings_left(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The servers whose launch settings are not as before the run, or whose profile could not be applied."""
    return [
        each
        for each in report["sourceServers"]
        if (each.get("launchSettings") or {}).get("state") in ("CHANGED", "LEFT", "REFUSED")
    ]


def _list_landed(report: Mapping[str, Any], state: str) -> list[Mapping[str, Any]]:
    return [each for each in report["sourceServers"] if (each.get("landing") or {}).get("state") == state]


def _list_members(group: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The servers that the run found for a group; then those that it lists by id and that the run did not find."""
    found = {each["sourceServerId"] for each in group["members"]}
    missing = [server_id for server_id in group["sourceServerIds"] or () if server_id not in found]
    return [
        *({**each, "isFound": True} for each in group["members"]),
        *({"sourceServerId": server_id, "hostname": None, "isFound": False} for server_id in missing),
    ]


def _describe_left(report: Mapping[str, Any]) -> str:
    """What is left of a drill that was not cleaned up."""
    running = (report["cleanup"] or {}).get("running")
    if running:
        return f"{_plural(running, 'instance')} {'runs' if running == 1 else 'run'}"
    launched = sum(bool(each["recoveryInstanceId"]) for each in report["sourceServers"])
    if running is None or launched:
        return f"{_plural(launched, 'instance')} launched, and how many run is not known"
    return "no instance was launched"


def _page_label(report: Mapping[str, Any]) -> str | None:
    """What each printed page says at its foot: a string of CSS. None for an id that is none."""
    execution_id = str(report["executionId"])
    return f"drs-waves {execution_id}" if re.fullmatch(r"[A-Za-z0-9._-]+", execution_id) else None


@lru_cache(maxsize=1)
def _template() -> Template:
    return build_environment().get_template(TEMPLATE)


def build_environment(*folders: Path) -> Environment:
    """Jinja2 for pages that load nothing else, with the templates of these folders and those of reports.

    A page includes `page.css`, which wants `page_label`: what each printed page says at its foot, or None.
    """
    environment = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent, drawings.FOLDER]),
        autoescape=True,
        finalize=_clean,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        duration=_duration, moment=_date_and_time, when=_when, day=_day, clock=_time_of_day, plural=_plural
    )
    return environment


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


def _when(time: str | None) -> str:
    """`2026-11-22 08:15:30`, in UTC, for tables."""
    return f"{parse_time(time):%Y-%m-%d %H:%M:%S}" if time else "unknown"


def _day(time: str | None) -> str:
    return f"{parse_time(time):%Y-%m-%d}" if time else "unknown"


def _time_of_day(time: str | None) -> str:
    return f"{parse_time(time):%H:%M:%S}" if time else "–"


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
