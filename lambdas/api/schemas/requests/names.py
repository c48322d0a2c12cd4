"""Names of plans and groups: one form of each, and none that a reader cannot tell from another.

A name is compared letter by letter wherever it is looked up, so two forms of one name would be two plans.
"""

import re
import unicodedata

from recovery import free_text

# Letters that look like those of another script. Other scripts, such as Japanese and Latin, may share a word.
SIMILAR_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")

# Cyrillic and Greek letters, each before the Latin letter that it looks like.
_LOOK_ALIKES = (
    "аa еe оo рp сc уy хx ѕs іi јj һh ԁd ԛq ԝw ɡg АA ВB ЕE КK МM НH ОO РP СC ТT ХX ЅS ІI ЈJ ԌG "
    "οo αa ρp νv ιi κk ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX"
)
_TO_LATIN = str.maketrans({pair[0]: pair[1] for pair in _LOOK_ALIKES.split()})


def normalize_name(text: str) -> str:
    """The one form of a name: composed (NFC), with plain single spaces, and none at its ends."""
    letters = (" " if unicodedata.category(each) == "Zs" else each for each in unicodedata.normalize("NFC", text))
    return re.sub(" +", " ", "".join(letters)).strip()


def require_legible(name: str) -> str:
    """Return the name. Raise ValueError if it has invisible characters, or a word of letters from similar scripts."""
    if hidden := free_text.find_hidden(name):
        code_point = free_text.name_code_point(hidden)
        raise ValueError(f"must have no control characters or invisible characters, such as {code_point}")
    for word in re.findall(r"[^\W\d_]+", name):
        scripts = sorted({script for letter in word if (script := _script(letter)) in SIMILAR_SCRIPTS})
        if len(scripts) > 1:
            raise ValueError(
                f"must not mix {' and '.join(map(str.title, scripts))} letters in one word, as {word!r} does"
            )
    return name


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0]


def shape_of(name: str) -> str:
    """What the name looks like: equal for names that readers would take for one another."""
    return unicodedata.normalize("NFKC", normalize_name(name)).translate(_TO_LATIN)
