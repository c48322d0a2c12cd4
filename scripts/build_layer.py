"""Put together the Lambda layer for AWS: `scripts/build_layer.py FOLDER --python 3.13 --architecture arm64`.

Everything comes as wheels, by the hashes of requirements/lambda.txt, so it can be built on any machine for any Python
from 3.11 and both processors, and comes out the same byte for byte: what has not changed is not deployed again. It is
compiled when that Python is on this machine, or else by each cold start. Says the size and a hash of the contents, and
exits with 1 when it has grown past LARGEST.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 15_000_000
"""Bytes, unzipped. AWS allows 250 MB for layers and code together; every cold start reads what is imported."""
PLATFORMS = {"x86_64": "x86_64-manylinux2014", "arm64": "aarch64-manylinux2014"}
"""As uv names them, for the oldest C library of Lambda's runtimes from Python 3.11 on."""

SELDOM = (
    r"/pydantic/(v1|deprecated|experimental|mypy)|/aws_lambda_powertools/utilities/(?!data_classes|jmespath|typing)"
)
"""What no function imports stays uncompiled: bytecode is as large again as what it was made from."""


def install(folder: Path, python: str, architecture: str) -> None:
    """Fill the folder, from nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    uv = [str(ROOT / ".venv" / "bin" / "uv"), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    target = ["--only-binary", ":all:", "--target", str(folder), "--python-version", python]
    wanted = ["--python-platform", PLATFORMS[architecture], "--requirement", str(ROOT / "requirements" / "lambda.txt")]
    subprocess.run([*uv, *target, *wanted], check=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts, with a path of this machine in their first line
    (folder / ".lock").unlink(missing_ok=True)


def compile_all(folder: Path, python: str) -> bool:
    """Bytecode beside the sources, that nothing checks by time, with the paths of Lambda; False without that Python.

    A Python that breaks leaves nothing, and the next is tried.
    """
    how = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/opt/python", "-x", SELDOM]
    # A Python may be a script that needs the rest; those would change what is written, or where.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for name in (sys.executable, f"python{python}"):
        command = shutil.which(name)
        if command is None or _version(command) != python:
            continue
        try:
            compiling = [command, "-m", "compileall", *how, str(folder)]
            subprocess.run(compiling, check=True, env={**kept, "PYTHONHASHSEED": "0"})
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{command} cannot compile the layer: {error}", file=sys.stderr)
            for half in [*folder.rglob("__pycache__")]:
                shutil.rmtree(half)
            continue
        return True
    return False


def _version(command: str) -> str | None:
    """Such as 3.13; None of what is called a Python and does not run, as a shim for one that is not installed."""
    asked = [command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, UnicodeDecodeError, subprocess.CalledProcessError):
        return None


def contents(folder: Path) -> tuple[int, str]:
    """How many bytes the files have, and a hash of their names and bytes."""
    size, summed = 0, hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        size += len(data)
        summed.update(f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return size, summed.hexdigest()[:16]


def main() -> int:
    """Build it as the command line says."""
    parser = argparse.ArgumentParser(description="Put together the Lambda layer for AWS.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="3.11", help="the Python of the functions, such as 3.13")
    parser.add_argument("--architecture", default="x86_64", choices=sorted(PLATFORMS))
    wanted = parser.parse_args()
    try:
        install(wanted.folder, wanted.python, wanted.architecture)
        if not compile_all(wanted.folder, wanted.python):
            print(f"Python {wanted.python} is not here to compile the layer; cold starts will", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    size, summed = contents(wanted.folder)
    print(f"layer for python{wanted.python} {wanted.architecture}: {size} bytes, contents {summed}")
    if size > LARGEST:
        print(f"that is more than {LARGEST} bytes; what has come in?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
