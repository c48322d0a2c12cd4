"""Whether a report's files belong together: `drs-waves report --verify DIR`."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.report.verify import verify
from cli.report.write import write_report
from recovery import VERSION
from report.files import write_json
from tests.support.report_facts import nasty

NAMES = ("report.html", "report.json", "servers.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_report(nasty(), tmp_path)
    return tmp_path


def check(folder: Path) -> Result:
    return CliRunner().invoke(app, ["report", "--verify", str(folder)])


def change(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_an_unchanged_report_belongs_together_and_shows_the_digest_to_compare(folder: Path) -> None:
    result = check(folder)
    assert result.exit_code == 0, result.output
    assert "belong together" in result.stdout
    assert f"SHA-256 {verify(folder, VERSION).json_sha256}" in result.stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "named"),
    [
        ("report.html", b"PARTIAL", b"PARTIAl", "report.html"),
        ("report.html", b"SHA-256 ", b"SHA-255 ", "report.html"),
        ("servers.csv", b"FAILED", b"FAILEd", "servers.csv"),
        ("report.json", b"PARTIAL", b"PARTIAl", "report.json"),
        ("report.json", b"  ", b" ", "report.json"),
        ("report.json", b"{", b"", "report.json"),
    ],
)
def test_a_changed_byte_is_found_in_each_file(folder: Path, name: str, old: bytes, new: bytes, named: str) -> None:
    change(folder / name, old, new)
    result = check(folder)
    assert result.exit_code == 1, result.output
    assert named in result.stderr
    assert "belong together" not in result.output


@pytest.mark.parametrize("name", NAMES)
def test_any_byte_of_a_file_counts(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    for place in range(0, len(content), max(len(content) // 25, 1)):
        changed = bytes([content[place] ^ 1])
        (folder / name).write_bytes(content[:place] + changed + content[place + 1 :])
        assert verify(folder, VERSION).differences, place


def test_the_report_of_another_version_has_only_its_digests_compared(folder: Path) -> None:
    found = verify(folder, "99.0.0")
    assert found.differences == ()
    assert "only digests were compared" in found.limits[0]
    change(folder / "report.html", b"PARTIAL", b"PARTIAl")
    assert verify(folder, "99.0.0").differences == ()
    change(folder / "report.json", b"PARTIAL", b"PARTIAl")
    assert verify(folder, "99.0.0").differences == ("report.json has not the SHA-256 that report.html shows.",)
    change(folder / "servers.csv", b"FAILED", b"FAILEd")
    assert len(verify(folder, "99.0.0").differences) == 2


def test_the_report_of_another_schema_has_only_its_digests_compared(folder: Path) -> None:
    text = (folder / "report.json").read_text()
    document = json.loads(text)
    assert document["schema"] == "drs-waves/report/5"
    assert "assessment" in document
    del document["assessment"]
    older = write_json({**document, "schema": "drs-waves/report/4"})
    page = (folder / "report.html").read_text()
    digests = [hashlib.sha256(each.encode()).hexdigest() for each in (text, older)]
    (folder / "report.json").write_text(older)
    (folder / "report.html").write_text(page.replace(*digests))
    found = verify(folder, VERSION)
    assert found.differences == ()
    assert "another drs-waves, with the schema drs-waves/report/4: only digests were compared" in found.limits[0]
    change(folder / "servers.csv", b"FAILED", b"FAILEd")
    assert verify(folder, VERSION).differences


def test_what_is_no_report_is_refused_in_words(folder: Path) -> None:
    (folder / "report.json").write_text(json.dumps({"schema": "drs-waves/report/5", "versions": {"command": VERSION}}))
    assert "it is no report" in check(folder).stderr
    (folder / "servers.csv").unlink()
    result = check(folder)
    assert result.exit_code == 1
    assert "servers.csv" in result.stderr


def test_a_report_without_a_run_is_a_wrong_command() -> None:
    assert CliRunner().invoke(app, ["report"]).exit_code == 2
