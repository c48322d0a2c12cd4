"""Links of the documents lead somewhere, the index lists every decision in its room, and the picture is current."""

import json
import re
from pathlib import Path

import pytest

from scripts import live_view_picture

ROOT = Path(__file__).resolve().parents[2]
RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
DOCUMENTS = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
STATUS = re.compile(r"accepted|proposed|superseded by \[\d{4}\]\(\d{4}-[a-z0-9-]+\.md\)")

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|yaml|sh|json|md))`")
_ROW = re.compile(r"^\| (\d{4}) \| \[(.+)\]\((.+)\) \| (\w+)", re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """The fragments that a document's headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", document.read_text(), flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def field(record: Path, name: str) -> str:
    (value,) = re.findall(rf"^- {name}: (.+)$", record.read_text(), re.MULTILINE)
    return str(value)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    for link in _LINK.findall(_CODE.sub("", document.read_text())):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document.name}: {link}"
        assert not fragment or fragment in anchors(target), f"{document.name}: {link}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_a_file_that_a_document_names_is_there(document: Path) -> None:
    for path in _PATH.findall(document.read_text()):
        if not path.startswith("build/"):
            assert any((base / path).exists() for base in (ROOT, ROOT / "lambdas")), f"{document.name}: {path}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_no_blank_line_breaks_a_table(document: Path) -> None:
    lines = _CODE.sub("", document.read_text()).splitlines()
    begins = [at for at, line in enumerate(lines) if line.startswith("|") and not lines[at - 1].startswith("|")]
    assert [lines[at] for at in begins if not re.match(r"\|[-: |]+\|$", lines[at + 1])] == []


def test_the_index_lists_every_decision_under_its_room() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    listed = {}
    for section in index.split("\n## ")[1:]:
        room = section.partition(":")[0]
        for number, title, file, status in _ROW.findall(section):
            assert file.startswith(f"{number}-"), file
            assert file not in listed, file
            listed[file] = (title, room, status)
    wanted = {
        record.name: (
            record.read_text().splitlines()[0].removeprefix(f"# {record.name[:4]} "),
            field(record, "Room"),
            field(record, "Status").split()[0],
        )
        for record in RECORDS
    }
    assert listed == wanted


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_decision_has_a_status_a_date_and_its_four_parts(record: Path) -> None:
    assert STATUS.fullmatch(field(record, "Status"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", field(record, "Date"))
    parts = re.findall(r"^## (.+)\n\n\S", record.read_text(), re.MULTILINE)
    assert parts == ["Context", "Decision", "Alternatives", "Consequences"]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [record.name[:4] for record in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


def test_the_picture_of_the_live_view_shows_its_recording_as_the_command_does() -> None:
    recording = json.loads(live_view_picture.RECORDING.read_text())
    assert live_view_picture.PICTURE.read_text() == live_view_picture.draw(recording), "run `make live-view`"
