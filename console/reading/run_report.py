"""The reports of runs, made by the code of `drs-waves report` in threads of their own."""

import io
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console.deployment import Deployment
from recovery.clock import iso
from report.collect import Texts, collect_facts, make_texts
from report.files import CSV_FILE, HTML_FILE, JSON_FILE

# Reports that are made at a time: each reads everything of its run, and takes a core for seconds.
MAX_MAKERS = 2
_MAKERS = threading.Semaphore(MAX_MAKERS)
# How old a report may be, in real seconds. What belongs to a run that has ended still changes: by its clean-up, or
# when its launch settings are put back.
MAX_AGE_OF_ENDED, MAX_AGE_OF_OPEN = 120.0, 5.0
# How long a request waits for a report before it shows how far it is, and before it gives up.
SECONDS_TO_WAIT, MAX_SECONDS = 1.5, 600.0

TYPES = {
    HTML_FILE: "text/html; charset=utf-8",
    JSON_FILE: "application/json",
    CSV_FILE: "text/csv; charset=utf-8",
}


@dataclass(slots=True)
class Making:
    """A report that is being made, or has been. `progress` says how far it is."""

    version: str
    is_open: bool
    progress: str = "beginning"
    texts: Texts | None = None
    error: Exception | None = None
    ended_at: float = 0.0
    is_done: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> Texts | None:
        """The report, or None if it is not made in this time. Raise what prevents it."""
        self.is_done.wait(seconds)
        if self.error is not None:
            raise self.error
        return self.texts


class RunReport:
    """The report of a run, which is made once, however many pages ask for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._making: Making | None = None
        self._guard = threading.Lock()

    def ask(self, deployment: Deployment, record: Mapping[str, Any], version: str, *, anew: bool = False) -> Making:
        """The report of the run, whose record has this version. `anew` makes it now, unless it is being made."""
        with self._guard:
            making = self._making
            if making is None or (making.is_done.is_set() and (anew or not self._is_fresh(making, version))):
                making = self._making = Making(version, record["endedAt"] is None)
                name = f"makes the report of {record['executionId']}"
                threading.Thread(target=self._make, args=(deployment, record, making), name=name, daemon=True).start()
            return making

    @property
    def is_busy(self) -> bool:
        """Whether it is being made. Forgotten, it would be made again for the pages that wait, for ever."""
        return self._making is not None and not self._making.is_done.is_set()

    def find(self, json_sha256: str) -> Texts | None:
        """The report with this digest, if it is still here."""
        texts = self._making.texts if self._making else None
        return texts if texts and texts.json_sha256 == json_sha256 else None

    def _is_fresh(self, making: Making, version: str) -> bool:
        age, limit = self._clock() - making.ended_at, MAX_AGE_OF_OPEN if making.is_open else MAX_AGE_OF_ENDED
        return making.error is None and age < limit and (making.is_open or making.version == version)

    def _make(self, deployment: Deployment, record: Mapping[str, Any], making: Making) -> None:
        def report(words: str) -> None:
            making.progress = words

        report("waiting for other reports")
        try:
            with _MAKERS:
                facts = collect_facts(
                    deployment.api,
                    record,
                    speed=deployment.speed,
                    is_sandbox=deployment.is_sandbox,
                    made_at=iso(deployment.now()),
                    progress=report,
                )
                report("writing the page")
                making.texts = make_texts(facts)
        except Exception as error:  # noqa: BLE001  # those that wait for it get it
            making.error = error
        finally:
            making.ended_at = self._clock()
            making.is_done.set()


def list_files(texts: Texts) -> dict[str, bytes]:
    """The files by name, as the command writes them."""
    contents = {HTML_FILE: texts.html, JSON_FILE: texts.json, CSV_FILE: texts.csv}
    return {name: text.encode() for name, text in contents.items()}


def pack(run_id: str, files: Mapping[str, bytes]) -> bytes:
    """The files in a folder in a ZIP file, which `drs-waves report --verify` can check once it is unpacked."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{run_id}/{name}"), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
