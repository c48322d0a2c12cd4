"""Patches for moto, so that its Step Functions interpreter runs what AWS runs.

`defects` corrects what moto does differently from AWS. `accelerators` makes moto faster and changes no answer. Each
patch says what is wrong in moto and can be deleted alone. `upstream_probe` runs moto without the patches; a test
fails when moto no longer needs a patch of a defect. `install` applies all patches.
"""

import importlib

from sandbox.engine.patch import Patch
from tests.harness.moto_patches.accelerators import ACCELERATORS
from tests.harness.moto_patches.defects import DEFECTS

PATCHES: tuple[Patch, ...] = (*ACCELERATORS, *DEFECTS)
"""In the order in which they are applied."""


def install() -> None:
    """Apply every patch. A second call has no effect."""
    importlib.import_module("moto.stepfunctions.responses")
    importlib.import_module("moto.stepfunctions.parser.models")
    for patch in PATCHES:
        patch()
