"""What all tests share."""

import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

# A busy machine takes long over one example now and then; pytest's timeout ends a test that hangs.
settings.register_profile("drs-waves", deadline=None)
settings.load_profile("drs-waves")

_CONSTRUCTORS = {
    kind: {name: dict(getattr(kind, name)) for name in ("yaml_constructors", "yaml_multi_constructors")}
    for kind in (yaml.SafeLoader, yaml.constructor.SafeConstructor)
}


@pytest.fixture(autouse=True)
def plain_yaml() -> None:
    """Let YAML mean the same in each test: sam changes how this process reads mappings, tags and times."""
    for kind, constructors in _CONSTRUCTORS.items():
        for name, original in constructors.items():
            setattr(kind, name, dict(original))


def pytest_collection_finish() -> None:
    """Let the runtime of functions know how their modules are before any test has used them."""
    if runtime := sys.modules.get("tests.harness.lambda_runtime"):
        runtime.remember_modules(Path(__file__).parent / "lambdas")
