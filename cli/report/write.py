"""Write the files of a report into a folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from report.collect import make_texts
from report.document import Facts
from report.files import CSV_FILE, HTML_FILE, JSON_FILE


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a report. `json_sha256` is the digest of its JSON, which the page shows."""

    html: Path
    json: Path
    csv: Path
    json_sha256: str


def write_report(facts: Facts, folder: Path) -> Written:
    """Write the page, its JSON and the table of servers into the folder."""
    texts = make_texts(facts)
    written = Written(folder / HTML_FILE, folder / JSON_FILE, folder / CSV_FILE, texts.json_sha256)
    write_file(texts.json, written.json)
    write_file(texts.csv, written.csv)
    write_file(texts.html, written.html)
    return written


def write_file(text: str, path: Path) -> None:
    """Write the whole file or, after an error, nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)
