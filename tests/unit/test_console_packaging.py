"""What the console's pages load: copies of npm packages that the lock names, and files that an install has."""

import json
import re
from pathlib import Path

import pytest

from scripts.pages import vendor

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "console"
LISTED = json.loads((vendor.VENDOR / vendor.LIST).read_text())


def test_each_copy_is_that_of_the_package_in_the_lock() -> None:
    """If it fails, run `make vendor`."""
    assert vendor.describe() == LISTED


@pytest.mark.parametrize("package", LISTED, ids=lambda package: package["name"])
def test_a_copy_has_the_bytes_of_the_installed_package(package: dict[str, str]) -> None:
    installed = ROOT / "node_modules" / package["name"]
    if not installed.is_dir():
        pytest.skip("the npm packages are not installed")
    assert json.loads((installed / "package.json").read_text())["version"] == package["version"]
    for copy, source in vendor.PACKAGES[package["name"]][1].items():
        assert (vendor.VENDOR / copy).read_bytes() == (installed / source).read_bytes()


def test_each_file_of_others_is_listed_and_has_its_licence_beside_it() -> None:
    listed = {copy for package in LISTED for copy in package["files"]}
    assert {path.name for path in vendor.VENDOR.iterdir()} == {*listed, vendor.LIST}
    for package in LISTED:
        assert any(copy.endswith(".LICENSE") for copy in package["files"])
        assert package["licence"] == "0BSD"
        assert f"{package['name']} {package['version']}" in (ROOT / "docs" / "console.md").read_text()


def test_the_copies_are_of_exact_versions_that_package_json_names() -> None:
    named = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert named == {package["name"]: package["version"] for package in LISTED}


def test_no_page_loads_anything_from_elsewhere() -> None:
    own = [*CONSOLE.glob("templates/**/*.j2"), *CONSOLE.glob("static/*.*")]
    assert len(own) > 10
    for path in own:
        text = path.read_text()
        assert not re.search(r"""(src|href|action)=["'](https?:)?//""", text), path
        assert not re.search(r"""url\(|@import|importScripts|fetch\(["']https?:""", text), path


def test_no_template_has_script_or_style_in_its_markup() -> None:
    """The policy of the pages would keep it from working."""
    for path in CONSOLE.glob("templates/**/*.j2"):
        markup = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|\shx-on|<script(?![^>]*\ssrc=)|\|\s*safe\b", markup), path
