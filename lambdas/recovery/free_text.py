"""Text that people or AWS have written, on its way to a reader: names, comments, host names, tags, texts of errors.

Such text must neither look like a line of ours nor hide anything. Characters that no reader sees are refused where
people enter text, and left out where text of any origin is shown. Text in a line of ours is flattened to one line; text
of several lines is quoted, so that each of them shows whose it is.
"""

import json
import re
import unicodedata

# Unicode's control and format characters, its line and paragraph separators, surrogates, characters for private use and
# noncharacters; then characters without a shape: the joiner of graphemes, fillers of Hangul and Khmer, variation
# selectors, the blank of Braille and musical notation, and code points that Unicode reserves for more of these.
# A test compares the ranges with Python's table of categories.
_OF_TWO_BYTES = (
    (0x0000, 0x001F),
    (0x007F, 0x009F),
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xE000, 0xF8FF),
    (0xFDD0, 0xFDEF),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
)
_SURROGATES = (0xD800, 0xDFFF)
_ABOVE = (
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A),
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0x10000, 0xE0000, 0x10000)),
    (0xE0000, 0xE0FFF),
    (0xEFFFE, 0x10FFFF),
)
_HIDDEN = re.compile(
    "[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in (*_OF_TWO_BYTES, _SURROGATES, *_ABOVE)) + "]"
)

LINE_BREAKS_AND_TABS = "\n\r\t"
_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
# The characters that show a symbol as text or as an emoji.
STYLES_OF_SYMBOLS = "\ufe0e\ufe0f"


def pattern_class(besides: str = "") -> str:
    """The inside of a class of a regular expression, as JSON Schema has them, with the hidden characters up to U+FFFF.

    Those above cannot be written in the same way for all programs that read the schema.
    """
    return "".join(_write_range(low, high) for low, high in _without(besides))


def _without(besides: str) -> list[tuple[int, int]]:
    ranges = list(_OF_TWO_BYTES)
    for code in sorted(map(ord, besides)):
        low, high = next(each for each in ranges if each[0] <= code <= each[1])
        at = ranges.index((low, high))
        ranges[at : at + 1] = [each for each in ((low, code - 1), (code + 1, high)) if each[0] <= each[1]]
    return ranges


def _write_range(low: int, high: int) -> str:
    return f"\\u{low:04x}" + (f"-\\u{high:04x}" if high > low else "")


def find_hidden(text: str, besides: str = "", *, with_styles: bool = False) -> str | None:
    """The first character that no reader sees and that is none of `besides`; None if there is none.

    With `with_styles`, a symbol may be followed by the character that shows it as text or as an emoji.
    """
    for match in _HIDDEN.finditer(text):
        if match[0] not in besides and not (with_styles and _is_style_of_a_symbol(match)):
            return match[0]
    return None


def name_code_point(character: str) -> str:
    """`U+202E`."""
    return f"U+{ord(character):04X}"


def _is_style_of_a_symbol(match: re.Match[str]) -> bool:
    before = match.string[match.start() - 1 : match.start()]
    return match[0] in STYLES_OF_SYMBOLS and before != "" and unicodedata.category(before) == "So"


def clean(text: object, keep: str = "") -> str:
    """The text without hidden characters. Line breaks and tabs become spaces, unless `keep` has them."""

    def replace(match: re.Match[str]) -> str:
        if match[0] in keep or _is_style_of_a_symbol(match):
            return match[0]
        return " " if match[0] in _BREAKS else ""

    return _HIDDEN.sub(replace, str(text))


def flatten(text: object) -> str:
    """The text as one line that can stand in a line of ours: without hidden characters, with single spaces.

    Columns and the parts of our lines are two spaces apart, so the text cannot look like several of them.
    """
    return " ".join(clean(text).split())


def quote(text: object) -> str:
    """A text of one line as that line; any other as lines that each begin with `  > `, after a line break."""
    lines = [flatten(line) for line in str(text).splitlines()]
    lines = [line for line in lines if line]
    return "".join(lines) if len(lines) < 2 else "".join(f"\n  > {line}" for line in lines)


def escape_json(text: str) -> str:
    """JSON with the same value, in which hidden characters of its texts are written as `\\u202e`."""
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return _HIDDEN.sub(lambda match: match[0] if match[0] in LINE_BREAKS_AND_TABS else json.dumps(match[0])[1:-1], text)
