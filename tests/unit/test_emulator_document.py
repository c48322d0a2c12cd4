"""docs/emulator.md says of every knob of the DRS emulator which variants it has, and the source of each."""

import re
from pathlib import Path

import pytest

from drs_emulator.behaviour import KNOBS, PROFILES
from drs_emulator.settings import camel_case
from drs_emulator.world.faults import FaultKind

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "emulator.md").read_text()
SOURCES = ("capture", "model", "guide", "users", "no source")


def rows(knob: str) -> list[list[str]]:
    """The rows of a knob: its own, and those below it whose first cell is empty."""
    found: list[list[str]] = []
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4:
            if re.search(rf"`{knob}`", cells[0]) or (found and not cells[0]):
                found.append(cells)
            elif found:
                break
    return found


@pytest.mark.parametrize("knob", KNOBS)
def test_every_variant_of_a_knob_is_listed_with_its_source(knob: str) -> None:
    listed = rows(camel_case(knob))
    variants = [value for value in KNOBS[knob].metadata["variants"] if not isinstance(value, bool)]
    text = " ".join(cells[1] for cells in listed)
    assert all(f"`{variant}`" in text for variant in variants)
    assert listed
    assert all(any(witness in cells[2] for witness in SOURCES) for cells in listed)


@pytest.mark.parametrize("knob", KNOBS)
def test_the_document_names_the_variant_of_the_unkind_profile(knob: str) -> None:
    unkind = str(getattr(PROFILES["unkind"].behaviour, knob)).replace("True", "true")
    assert unkind in [cells[3].strip("`") for cells in rows(camel_case(knob))]


def test_every_profile_is_described() -> None:
    assert all(f"| `{profile}` |" in DOCUMENT for profile in PROFILES)


def test_every_fault_is_described() -> None:
    control_api = (ROOT / "emulator" / "docs" / "control-api.md").read_text()
    table = control_api.partition("## Faults")[2].partition("## ")[0]
    assert all(re.search(rf"\b{kind}\b", table) for kind in FaultKind)
