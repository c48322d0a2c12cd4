"""Render the templates: what every page has, and how texts, times and numbers are shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from cli.text import describe_state, describe_waits
from console.snapshots import Snapshot, troubles
from recovery.free_text import clean, flatten
from report import drawings
from report.compliance.words import describe_delay
from report.run_record import list_jobs
from report.times import parse_time
from report.words import WAVE_WORDS, format_duration

FOLDER = Path(__file__).parent
# The pages in the navigation: each with its path.
NAVIGATION = (
    ("Overview", "/"),
    ("Runs", "/runs"),
    ("Compliance", "/compliance"),
    ("Fleet", "/fleet"),
    ("Reports", "/reports"),
)


# The words for statuses of runs, batches, servers and actions, where no more is known than the status.
_STATUS_WORDS = {
    **WAVE_WORDS,
    "PENDING": "not started",
    "POLLING": "running",
    "STARTING": "starting",
    "RUNNING": "running",
    "LAUNCHING": WAVE_WORDS["IN_PROGRESS"],
    "SETTLED": "ended",
    "WAITING": "waits",
}


@dataclass(frozen=True, slots=True)
class Live:
    """What keeps a page up to date: a topic, and the snapshot of it that the page shows.

    `interval` is how often the topic is read, in real seconds, if not as often as others.
    """

    topic: str
    snapshot: Snapshot | None = None
    interval: float | None = None


def render(
    request: Request, template: str, title: str, live: Live | None = None, status: int = 200, **context: Any
) -> HTMLResponse:
    """A page, or a part of one. `title` is of the browser's tab; a page without `live` shows what stays as it is."""
    deployment = request.app.state.deployment
    # The page says by itself what keeps its topic from being read.
    of_topic = None if live is None or live.snapshot is None else live.snapshot.trouble
    old = [each for each in dict.fromkeys(troubles.get() or ()) if each != of_topic]
    text = (
        _environment()
        .get_template(template)
        .render(
            title=title,
            live=live,
            deployment=deployment,
            navigation=NAVIGATION,
            path=request.url.path,
            here=f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
            age=None if live is None or live.snapshot is None else live.snapshot.age(deployment.snapshots.clock()),
            old=old,
            **context,
        )
    )
    if old and request.headers.get("HX-Request") == "true" and 'id="live"' not in text:
        text += _environment().get_template("old_parts.html.j2").render(old=old)
    return HTMLResponse(text, status)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader([FOLDER / "templates", drawings.FOLDER]),
        autoescape=True,
        finalize=_clean,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        duration=lambda seconds: "–" if seconds is None else format_duration(seconds),
        when=_when,
        clock=_clock,
        plural=_plural,
        block=_block,
        utc_date=lambda epoch: f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d}",
        utc_time=lambda epoch: f"{datetime.fromtimestamp(epoch, UTC):%H:%M:%S}",
        state=describe_state,
        in_words=lambda status: _STATUS_WORDS.get(status, status),
        running_jobs=lambda record, wave: [
            each for each in list_jobs(record) if each.wave == wave and each.ended_at is None
        ],
        waits=lambda record: [text for text, _ in describe_waits(record, "")],
        delay=lambda plan: list(describe_delay(plan)),
        capitalize_first=lambda text: text[:1].upper() + text[1:],
    )
    return environment


def _clean(value: object) -> object:
    """A text as one line without hidden characters: those can turn the direction of text."""
    if isinstance(value, Markup):  # of a macro, whose texts have been cleaned and escaped
        return value
    return flatten(value) if isinstance(value, str) else value


def _block(text: str) -> Markup:
    """A text with its lines and spaces, for `pre`."""
    lines = str(text).expandtabs(4).splitlines()
    return Markup("\n").join(escape(clean(line)) for line in lines)


def _when(time: str | None) -> str:
    """`2026-11-22 08:15:30`, in UTC."""
    return f"{parse_time(time):%Y-%m-%d %H:%M:%S}" if time else "–"


def _clock(time: str | None) -> str:
    return f"{parse_time(time):%H:%M:%S}" if time else "–"


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
