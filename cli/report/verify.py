"""Whether the three files of a report still belong together, without the API.

The page is a pure function of report.json and the version of drs-waves, so it can be made again and compared.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import UndefinedError

from report.document import SCHEMA
from report.files import CSV_FILE, HTML_FILE, JSON_FILE, write_csv, write_json
from report.page import render_html

_SHOWN_DIGEST = re.compile(r"<dt>report\.json</dt><dd[^>]*>SHA-256 ([0-9a-f]{64})</dd>")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check found. `differences` name the files that differ, `limits` what could not be compared.

    `json_sha256` is the SHA-256 of report.json.
    """

    json_sha256: str
    differences: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def verify(folder: Path, version: str) -> Verified:
    """Hold servers.csv and report.html in the folder against report.json. Raise OSError for a file that is missing.

    `version` is that of this command. Only it can make the page of a report of the same version again.
    """
    json_bytes, csv_bytes, html_bytes = ((folder / name).read_bytes() for name in (JSON_FILE, CSV_FILE, HTML_FILE))
    sha256 = hashlib.sha256(json_bytes).hexdigest()
    try:
        document = json.loads(json_bytes)
        if (schema := document["schema"]) != SCHEMA or (author := document["versions"]["command"]) != version:
            written = f"drs-waves {author}" if schema == SCHEMA else f"another drs-waves, with the schema {schema}"
            limit = f"This is drs-waves {version} and the report is by {written}: only digests were compared, "
            differences = _compare_digests(document, sha256, csv_bytes, html_bytes)
            return Verified(sha256, tuple(differences), (f"{limit}not the text of {HTML_FILE}.",))
        return Verified(sha256, tuple(_compare(document, json_bytes, csv_bytes, html_bytes)))
    except (LookupError, TypeError, ValueError, AttributeError, UndefinedError):  # not the shape of a report
        return Verified(sha256, (f"{JSON_FILE} is not as drs-waves wrote it: it is no report.",))


def _compare(document: dict[str, Any], json_bytes: bytes, csv_bytes: bytes, html_bytes: bytes) -> list[str]:
    found = []
    if write_json(document).encode() != json_bytes:
        found.append(f"{JSON_FILE} is not as drs-waves wrote it: its spaces or the order of its fields differ.")
    is_recorded = hashlib.sha256(csv_bytes).hexdigest() == document["files"][CSV_FILE]
    if not is_recorded or write_csv(document).encode() != csv_bytes:
        found.append(f"{CSV_FILE} differs from the servers of {JSON_FILE}.")
    if render_html(document).encode() != html_bytes:
        found.append(f"{HTML_FILE} differs from the page of {JSON_FILE}: one of the two was changed.")
    return found


def _compare_digests(document: dict[str, Any], sha256: str, csv_bytes: bytes, html_bytes: bytes) -> list[str]:
    found = []
    if hashlib.sha256(csv_bytes).hexdigest() != document["files"][CSV_FILE]:
        found.append(f"{CSV_FILE} has not the SHA-256 that {JSON_FILE} has of it.")
    if _SHOWN_DIGEST.findall(html_bytes.decode(errors="replace")) != [sha256]:
        found.append(f"{JSON_FILE} has not the SHA-256 that {HTML_FILE} shows.")
    return found
