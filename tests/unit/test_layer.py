"""The layer for AWS is small, built for its Python, and reproducible."""

import re
import sys
from pathlib import Path

import pytest

from scripts.build_layer import MAX_BYTES, NOT_COMPILED, PLATFORMS, compile_bytecode, install_packages, measure

HERE = f"3.{sys.version_info.minor}"


def test_two_builds_are_the_same_and_small_and_have_nothing_of_this_machine(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "somewhere" / "else"
    for folder in (first, second):
        install_packages(folder, HERE, "x86_64")
        assert compile_bytecode(folder, HERE)
    assert measure(first) == measure(second)
    size, _ = measure(first)
    assert 5_000_000 < size <= MAX_BYTES
    files = [path for path in first.rglob("*") if path.is_file()]
    assert not [path for path in files if path.name == ".lock"]
    compiled_from = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in files if path.suffix == ".pyc"}
    left = {path for path in files if path.suffix == ".py"} - compiled_from
    assert all(re.search(NOT_COMPILED, str(path)) for path in left)
    assert not [path for path in files if str(tmp_path).encode() in path.read_bytes()]
    compiled = {path.name.partition(".")[0]: path.name for path in files if path.suffix == ".so"}
    assert set(compiled) == {"_pydantic_core", "_speedups"}
    assert all(f"cpython-{HERE.replace('.', '')}-x86_64" in name for name in compiled.values())


def test_a_layer_is_not_compiled_without_its_python(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("x = 1")
    assert not compile_bytecode(tmp_path, "3.2")
    assert [path.name for path in tmp_path.iterdir()] == ["module.py"]


def write_python(folder: Path, text: str) -> None:
    """Write a script that poses as Python 3.2."""
    folder.mkdir()
    (folder / "python3.2").write_text(text)
    (folder / "python3.2").chmod(0o755)


BREAKS = '#!/bin/sh\ncase $2 in *version*) echo 3.2;; *) mkdir "$HALF" && : >"$HALF/module.pyc"; exit 1;; esac\n'


@pytest.mark.parametrize("text", ["\x00no program", "#!/nowhere/python\n", "#!/bin/sh\nexit 127\n", BREAKS])
def test_a_python_that_fails_leaves_no_bytecode(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_python(tmp_path / "bin", text)
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "module.py").write_text("x = 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("HALF", str(layer / "__pycache__"))
    assert not compile_bytecode(layer, "3.2")
    assert [path.name for path in layer.iterdir()] == ["module.py"]


def test_a_python_gets_its_environment_without_the_variables_that_change_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_python(tmp_path / "bin", '#!/bin/sh\ncase $2 in *version*) echo 3.2;; *) exec "$REAL" "$@";; esac\n')
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "module.py").write_text("x = 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("REAL", sys.executable)
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    assert compile_bytecode(layer, "3.2")
    assert [path.name for path in (layer / "__pycache__").iterdir()] == [f"module.{sys.implementation.cache_tag}.pyc"]


def test_the_hash_changes_with_a_byte_and_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    before = measure(tmp_path)
    (tmp_path / "a").write_text("two")
    assert measure(tmp_path) != before
    (tmp_path / "a").write_text("one")
    assert measure(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert measure(tmp_path) != before
    assert measure(tmp_path)[0] == 3


def test_the_layer_can_be_built_for_every_architecture_of_the_template() -> None:
    template = (Path(__file__).resolve().parents[2] / "cfn" / "template.yaml").read_text()
    assert f"AllowedValues: [{', '.join(PLATFORMS)}]" in template
