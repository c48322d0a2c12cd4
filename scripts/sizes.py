"""Print the largest packages, modules and functions of the code, and fail if one is over its limit.

Complexity is cyclomatic, as radon counts it: branches, boolean operators and
comprehensions.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from radon.complexity import cc_visit

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("lambdas", "cli", "console", "sandbox", "emulator/src", "loopback", "scripts")
FLAT = ROOT / "lambdas" / "tasks"  # a file per state: folders would hide the states
MAX_MODULES, MAX_LINES, MAX_COMPLEXITY = 15, 330, 15
SHOWN = 5


def main() -> int:
    """Print the figures; return the exit status."""
    modules = sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    sizes = Counter(path.parent for path in modules if path.name != "__init__.py" and path.parent != FLAT)
    lines = [(len(path.read_text().splitlines()), _shown(path)) for path in modules]
    failures = [
        *_report("modules in a package", [(count, _shown(package)) for package, count in sizes.items()], MAX_MODULES),
        *_report("lines in a module", lines, MAX_LINES),
        *_report("complexity of a function", list(_functions(modules)), MAX_COMPLEXITY),
    ]
    for failure in failures:
        print(f"over the limit: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _functions(modules: Iterable[Path]) -> Iterator[tuple[int, str]]:
    for path in modules:
        for block in cc_visit(path.read_text()):
            if block.letter in "FM":
                yield block.complexity, f"{_shown(path)}:{block.lineno} {block.fullname}"


def _report(what: str, figures: list[tuple[int, str]], limit: int) -> Iterator[str]:
    """Print the largest figures; yield those over the limit."""
    largest = sorted(figures, key=lambda figure: (-figure[0], figure[1]))
    print(f"{what}, {limit} at most: " + ", ".join(f"{size} {name}" for size, name in largest[:SHOWN]))
    return (f"{size} {what}: {name}" for size, name in largest if size > limit)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
