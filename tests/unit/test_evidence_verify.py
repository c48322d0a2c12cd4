"""Whether evidence is as it was written: `drs-waves evidence verify DIR`, without AWS."""

import hashlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from typer.testing import CliRunner, Result

from cli.main import app
from cli.report import pdf
from cli.report.evidence import verify_evidence
from recovery import VERSION
from tests.support.evidence import KEY_ARN, make_key, write_folder, write_public_key
from tests.support.report_facts import nasty

FILES = ("report.html", "report.json", "servers.csv", "plan.json", "manifest.json", "manifest.sig")


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return make_key()


@pytest.fixture
def folder(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    write_folder(nasty(), tmp_path / "evidence", key)
    (tmp_path / "key.pem").write_bytes(write_public_key(key))
    return tmp_path / "evidence"


def check(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["evidence", "verify", str(folder), *words])


def trusted(folder: Path) -> tuple[str, str]:
    return "--public-key", str(folder.parent / "key.pem")


def test_evidence_as_it_was_written_is_verified_and_its_key_is_named(folder: Path) -> None:
    result = check(folder, *trusted(folder))
    assert result.exit_code == 0, result.output
    assert KEY_ARN in result.stdout
    assert "came with the evidence" not in result.stdout


def test_a_key_that_came_with_the_evidence_is_said_to_prove_less(folder: Path) -> None:
    result = check(folder)
    assert result.exit_code == 0, result.output
    assert "does not show who signed it" in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_one_changed_byte_of_any_file_is_refused_with_the_name_of_the_file(folder: Path, name: str, where: str) -> None:
    content = bytearray((folder / name).read_bytes())
    at = {"first": 0, "middle": len(content) // 2, "last": len(content) - 1}[where]
    content[at] ^= 1
    (folder / name).write_bytes(content)
    result = check(folder, *trusted(folder))
    assert result.exit_code == 1, result.output
    assert name in result.stderr


@pytest.mark.parametrize("is_trusted", [True, False])
def test_each_byte_of_the_signature_counts(folder: Path, is_trusted: bool) -> None:
    key = (folder.parent / "key.pem").read_bytes() if is_trusted else None
    content = (folder / "manifest.sig").read_bytes()
    for at in range(len(content)):
        (folder / "manifest.sig").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        found = verify_evidence(folder, VERSION, key)
        assert [each for each in found.problems if "manifest.sig" in each], content[at - 10 : at + 10]


def test_a_byte_too_many_is_refused(folder: Path) -> None:
    (folder / "plan.json").write_bytes((folder / "plan.json").read_bytes() + b" ")
    result = check(folder)
    assert (result.exit_code, "plan.json has" in result.stderr) == (1, True)


def test_evidence_signed_by_another_key_is_refused(folder: Path, tmp_path: Path) -> None:
    write_folder(nasty(), folder, make_key())
    assert check(folder).exit_code == 0, "whoever signs anew brings the own key along"
    result = check(folder, *trusted(folder))
    told = " ".join(result.stderr.split())
    assert (result.exit_code, "manifest.sig is not by the key that was given" in told) == (1, True)
    assert "changed" not in told


def test_a_changed_file_is_not_followed_by_words_that_nothing_was_changed(folder: Path) -> None:
    (folder / "report.json").write_bytes(b"{}")
    result = check(folder)
    assert result.exit_code == 1
    assert "nothing was changed" not in " ".join(result.output.split())
    assert "--public-key" not in result.stdout


def test_a_folder_without_a_manifest_is_named(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    result = check(folder)
    told = " ".join(result.stderr.split())
    assert (result.exit_code, "Errno" in told) == (1, False)
    assert "evidence has no manifest.json" in told


def test_a_renamed_and_an_added_file_are_refused(folder: Path) -> None:
    (folder / "servers.csv").rename(folder / "hosts.csv")
    result = check(folder)
    assert result.exit_code == 1
    assert "servers.csv is missing" in result.stderr
    assert "hosts.csv is in the folder and not in the manifest" in " ".join(result.stderr.split())


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    result = check(folder, *trusted(folder))
    assert (result.exit_code, name in result.stderr) == (1, True), result.output


def test_a_manifest_that_leaves_a_file_out_is_refused(folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"] = [each for each in manifest["files"] if each["name"] != "servers.csv"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "servers.csv").unlink()
    result = check(folder, *trusted(folder))
    assert (result.exit_code, "servers.csv is not in the manifest" in result.stderr) == (1, True)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "manifest.json", "..", "", "a\0b"])
def test_a_manifest_names_only_files_beside_it(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"].append({"name": name, "bytes": 1, "sha256": "0"})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    result = check(folder)
    assert (result.exit_code, "is no file beside it" in " ".join(result.stderr.split())) == (1, True)


def test_unsigned_evidence_says_what_its_sums_do_not_prove(folder: Path) -> None:
    (folder / "manifest.sig").unlink()
    write_folder(nasty(), folder)
    result = check(folder)
    assert (result.exit_code, "It is not signed" in result.stdout) == (0, True), result.output
    assert check(folder, *trusted(folder)).exit_code == 1, "with a key, a signature is expected"


def test_json_says_the_same(folder: Path) -> None:
    told = json.loads(check(folder, "--json").stdout)
    assert (told["isVerified"], told["signedBy"], told["publicKeyFrom"]) == (True, KEY_ARN, "evidence")
    (folder / "report.json").write_bytes(b"{}")
    told = json.loads(check(folder, "--json").stdout)
    assert not told["isVerified"]
    assert told["problems"][0].startswith("report.json")


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_file_that_is_no_public_key_is_refused(folder: Path, content: bytes) -> None:
    (folder.parent / "key.pem").write_bytes(content)
    result = check(folder, *trusted(folder))
    assert (result.exit_code, "public key" in " ".join(result.stderr.split())) == (2, True), result.output


def test_a_public_key_of_another_kind_is_refused(folder: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    der = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder.parent / "key.pem").write_bytes(der)
    assert check(folder, *trusted(folder)).exit_code == 2


def test_a_public_key_may_be_der_as_kms_gives_it(folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
    encoding = serialization.Encoding.DER
    der = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder.parent / "key.pem").write_bytes(der)
    assert check(folder, *trusted(folder)).exit_code == 0


def test_a_machine_without_a_browser_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(pdf.BROWSER_VARIABLE, raising=False)
    monkeypatch.setattr(pdf, "PLACES", ())
    with pytest.raises(pdf.NotPrinted, match="Chromium, Chrome or Edge"):
        pdf.print_pdf(tmp_path / "report.html", tmp_path / "report.pdf")


# --- where the run was ---
def test_evidence_of_a_sandbox_is_said_to_prove_nothing_about_aws(folder: Path) -> None:
    write_folder(replace(nasty(), is_sandbox=True, speed=60.0), folder)
    (folder / "manifest.sig").unlink()
    result = check(folder)
    assert (result.exit_code, "it proves nothing about AWS" in result.stdout) == (0, True), result.output


@pytest.mark.parametrize("told", [{"kind": "aws"}, {"timeScale": None}, {"kind": None, "timeScale": None}])
def test_a_report_and_a_manifest_that_differ_about_the_sandbox_are_refused(
    folder: Path, key: ec.EllipticCurvePrivateKey, told: dict[str, object]
) -> None:
    write_folder(replace(nasty(), is_sandbox=True, speed=60.0), folder, key, **told)
    result = check(folder, *trusted(folder))
    assert (result.exit_code, "differ about where the run was" in " ".join(result.stderr.split())) == (1, True)


# --- without drs-waves --------------------------------------------------------------------------------------------
def run_by_hand(folder: Path) -> "subprocess.CompletedProcess[str]":
    """The commands of docs/evidence.md that need neither drs-waves nor AWS, in the folder."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "evidence.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (block,) = [each for each in blocks if "openssl dgst" in each]
    (folder.parent / "evidence-key.pem").write_bytes((folder.parent / "key.pem").read_bytes())
    script = f"set -euo pipefail\n{block}"
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_sha256sum_and_openssl_verify_the_same_evidence(folder: Path) -> None:
    done = run_by_hand(folder)
    assert done.returncode == 0, done
    assert [line for line in done.stdout.splitlines() if line.endswith(": OK")] == [
        f"{name}: OK" for name in ("report.html", "report.json", "servers.csv", "plan.json")
    ]
    assert "Verified OK" in done.stdout


@pytest.mark.parametrize("name", FILES)
def test_sha256sum_and_openssl_refuse_what_was_changed(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    if name == "manifest.sig":
        changed = content.replace(b'"signature": "M', b'"signature": "N')
    else:
        changed = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
    assert changed != content
    (folder / name).write_bytes(changed)
    assert run_by_hand(folder).returncode != 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b'{"schema": 1, "files": [{"name": "a", "bytes": 1e999, "sha256": ""}]}'),
        ("manifest.json", b'{"files": ' + b"[" * 100_000),
        ("manifest.json", b'{"schema": 1, "files": []}'),
        ("manifest.sig", b'{"signature": ' + b"[" * 100_000),
        ("plan.json", b"[]"),
        ("plan.json", b"no JSON"),
        ("plan.json", b"[" * 100_000),
        ("report.json", b"[]"),
    ],
)
def test_what_is_no_evidence_is_refused_in_words(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    if name.startswith(("plan", "report")):  # with the right sum, as a forger writes it
        (folder / "manifest.sig").unlink()
        manifest = json.loads((folder / "manifest.json").read_bytes())
        (entry,) = [each for each in manifest["files"] if each["name"] == name]
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        (folder / "manifest.json").write_text(json.dumps(manifest | {"signedBy": None}))
    result = check(folder)
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, f"{name} is not as drs-waves writes it" in result.stderr) == (1, True), result.output


def test_a_manifest_that_names_a_file_twice_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"].insert(0, {"name": "plan.json", "bytes": 1, "sha256": "0" * 64})
    (folder / "manifest.json").write_text(json.dumps(manifest | {"signedBy": None}))
    (folder / "manifest.sig").unlink()
    assert check(folder).exit_code == 1
