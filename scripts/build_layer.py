"""Build the Lambda layer for AWS: `scripts/build_layer.py FOLDER --python 3.13 --architecture arm64`.

All packages are wheels with the hashes of requirements/lambda.txt. So any machine can build the layer, for any Python
from 3.11 on and for both architectures, and two builds are the same byte for byte: an unchanged layer is not deployed
again. If this machine has the layer's Python, the layer is compiled; otherwise each cold start compiles it. The script
prints the size and a hash of the contents, and exits with 1 if the layer is larger than MAX_BYTES.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_BYTES = 18_000_000
"""Unzipped. AWS allows 250 MB for layers and code together, but a cold start reads everything that it imports."""
PLATFORMS = {"x86_64": "x86_64-manylinux2014", "arm64": "aarch64-manylinux2014"}
"""The names that uv has for them, with the oldest C library of Lambda's runtimes from Python 3.11 on."""

NOT_COMPILED = (
    r"/pydantic/(v1|deprecated|experimental|mypy)|/aws_lambda_powertools/utilities/(?!data_classes|jmespath|typing)"
)
"""Modules that no function imports. Their bytecode would only make the layer larger."""


def install_packages(folder: Path, python: str, architecture: str) -> None:
    """Empty the folder, and install the locked packages into it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    uv = [str(ROOT / ".venv" / "bin" / "uv"), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    target = ["--only-binary", ":all:", "--target", str(folder), "--python-version", python]
    platform = [
        "--python-platform",
        PLATFORMS[architecture],
        "--requirement",
        str(ROOT / "requirements" / "lambda.txt"),
    ]
    subprocess.run([*uv, *target, *platform], check=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts, whose first line has a path of this machine
    (folder / ".lock").unlink(missing_ok=True)


def compile_bytecode(folder: Path, python: str) -> bool:
    """Write bytecode with the paths it has on Lambda, valid whatever the sources' times. False without that Python.

    If one Python fails, its bytecode is removed and the next is tried.
    """
    options = [
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        str(folder),
        "-p",
        "/opt/python",
        "-x",
        NOT_COMPILED,
    ]
    # These variables change the bytecode or its place. A Python that is a shell script may need the others.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for name in (sys.executable, f"python{python}"):
        command = shutil.which(name)
        if command is None or _version(command) != python:
            continue
        try:
            compileall = [command, "-m", "compileall", *options, str(folder)]
            subprocess.run(compileall, check=True, env={**environment, "PYTHONHASHSEED": "0"})
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{command} cannot compile the layer: {error}", file=sys.stderr)
            for incomplete in [*folder.rglob("__pycache__")]:
                shutil.rmtree(incomplete)
            continue
        return True
    return False


def _version(command: str) -> str | None:
    """A version such as 3.13; None if the command does not run, like a shim for a Python that is not installed."""
    print_version = [command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(print_version, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, UnicodeDecodeError, subprocess.CalledProcessError):
        return None


def measure(folder: Path) -> tuple[int, str]:
    """The size of all files in bytes, and a hash of their names and contents."""
    size, digest = 0, hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        size += len(data)
        digest.update(f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return size, digest.hexdigest()[:16]


def main() -> int:
    """Build the layer, and return the exit status."""
    parser = argparse.ArgumentParser(description="Build the Lambda layer for AWS.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="3.11", help="the Python of the functions, such as 3.13")
    parser.add_argument("--architecture", default="x86_64", choices=sorted(PLATFORMS))
    arguments = parser.parse_args()
    try:
        install_packages(arguments.folder, arguments.python, arguments.architecture)
        if not compile_bytecode(arguments.folder, arguments.python):
            print(
                f"This machine has no Python {arguments.python}, so each cold start compiles the layer", file=sys.stderr
            )
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    size, digest = measure(arguments.folder)
    print(f"layer for python{arguments.python} {arguments.architecture}: {size} bytes, contents {digest}")
    if size > MAX_BYTES:
        print(f"the layer is larger than {MAX_BYTES} bytes; which package has grown?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
