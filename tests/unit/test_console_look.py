"""The colours of the console: each text can be read on what it stands on, in the light, in the dark and in print."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[2] / "console" / "static" / "console.css").read_text()
# WCAG 2.2, 1.4.3 and 1.4.11: text, and what else must be seen, such as the border of a field.
TEXT, OTHER = 4.5, 3.0
GROUNDS = ("paper", "band")
TEXTS = ("ink", "soft", "accent", "good", "bad", "partly", "wait", "job")
PAIRS = [
    *((text, ground, TEXT) for text in TEXTS for ground in GROUNDS),
    *((text, f"{text}-soft", TEXT) for text in ("good", "bad", "partly", "wait")),
    ("job", "busy-soft", TEXT),
    *((text, "wait-soft", TEXT) for text in ("ink", "soft", "accent", "bad", "good", "partly", "job")),
    *(("ink", f"{tone}-soft", TEXT) for tone in ("good", "bad")),
    *((f"on-{ground}", ground, TEXT) for ground in ("accent", "sandbox", "aws", "production")),
    *((mark, ground, OTHER) for mark in ("edge", "skip") for ground in GROUNDS),
]


def read_tokens() -> dict[str, dict[str, str]]:
    """The colours by scheme. Those of the dark and of print replace those of the light."""
    found = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", block))
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    ]
    light, dark, printed = (tokens for tokens in found if len(tokens) > 5)
    return {"light": light, "dark": {**light, **dark}, "print": {**light, **printed}}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_contrast_is_computed_as_wcag_does() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_each_text_can_be_read_on_each_ground_it_stands_on(scheme: str) -> None:
    tokens = read_tokens()[scheme]
    measured = {f"{text} on {ground}": contrast(tokens[text], tokens[ground]) for text, ground, _ in PAIRS}
    wanted = {f"{text} on {ground}": least for text, ground, least in PAIRS}
    assert {pair: round(ratio, 2) for pair, ratio in measured.items() if ratio < wanted[pair]} == {}


def test_each_colour_that_is_used_has_a_value() -> None:
    used, given = set(re.findall(r"var\(--([a-z-]+)", CSS)), set(re.findall(r"--([a-z-]+):", CSS))
    assert used - given == set()
