"""Patches that make MiniStack faster and change no answer."""

from sandbox.engine.accelerators.dynamodb_expressions import parse_expressions_once
from sandbox.engine.accelerators.forked_environments import fork_environments
from sandbox.engine.patch import Patch

ACCELERATORS: tuple[Patch, ...] = (parse_expressions_once, fork_environments)
"""In the order in which they are applied."""
