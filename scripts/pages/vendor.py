#!/usr/bin/env python3
"""Copy what the console's pages load from the npm packages of package-lock.json into console/static/vendor.

    make vendor

The copies are in the repository and in the wheel, so that pages load nothing from elsewhere and an install needs no
npm. vendor.json beside them says which package, version and licence they are of, with the integrity of the lock and a
SHA-256 of each copy. tests/unit/test_console_packaging.py holds them to each other.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENDOR, LIST = ROOT / "console" / "static" / "vendor", "vendor.json"
# Of each package: the SPDX name of its licence, and its files by the name of the copy.
PACKAGES = {"htmx.org": ("0BSD", {"htmx.min.js": "dist/htmx.min.js", "htmx.LICENSE": "LICENSE"})}


def describe(folder: Path = VENDOR) -> list[dict[str, Any]]:
    """What vendor.json says of the copies in this folder, and of their packages in the lock."""
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    return [
        {
            "name": name,
            "version": locked[f"node_modules/{name}"]["version"],
            "licence": licence,
            "integrity": locked[f"node_modules/{name}"]["integrity"],
            "files": {copy: hashlib.sha256((folder / copy).read_bytes()).hexdigest() for copy in files},
        }
        for name, (licence, files) in PACKAGES.items()
    ]


def main() -> None:
    """Copy the files of each package, and write the list."""
    for name, (_, files) in PACKAGES.items():
        for copy, source in files.items():
            shutil.copyfile(ROOT / "node_modules" / name / source, VENDOR / copy)
    (VENDOR / LIST).write_text(json.dumps(describe(), indent=2) + "\n")


if __name__ == "__main__":
    main()
