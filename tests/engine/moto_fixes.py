"""Until the tests import the patches by their new name."""

from tests.engine.moto_patches import install as install
from tests.engine.moto_patches.defects import make_conditional_writes_atomic as make_conditional_writes_atomic
