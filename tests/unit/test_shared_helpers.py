"""What tests share lies in tests/support and tests/harness: no test module imports from another, or from a conftest."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
FILES = sorted(TESTS.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_no_module_imports_from_a_test_module_or_a_conftest(file: Path) -> None:
    imported = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    modules = [name.split(".") for name in imported if name.startswith("tests.")]
    assert not [name for name in modules if any(part == "conftest" or part.startswith("test_") for part in name)]
