"""Write the catalogue of checks into docs/readiness.md: `python scripts/check_catalogue.py`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "lambdas"))

from recovery.domain.findings.catalogue import CATALOGUE, Scope  # noqa: E402  # it needs the path above

PAGE = ROOT / "docs" / "readiness.md"
BEGIN, END = "<!-- written by scripts/check_catalogue.py -->\n", "<!-- end of the catalogue -->\n"
DECIDES = {
    Scope.SERVER: "of its servers",
    Scope.TARGET: "of the target",
    Scope.RECORD: "as inspection decides",
}


def build_table() -> str:
    """The catalogue as a table in Markdown."""
    rows = []
    for check in CATALOGUE.values():
        texts = f"{_cell(check.title)} | {_cell(check.remedy)}"
        rows.append(f"| `{check.code}` | {check.severity} | {DECIDES[check.scope]} | {texts} |\n")
    return "| code | severity | decides | what it says | what to do |\n|---|---|---|---|---|\n" + "".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def build_page(page: str) -> str:
    """The page with the present catalogue between its two marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{build_table()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(build_page(PAGE.read_text()))
