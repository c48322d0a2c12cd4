"""CloudFormation: transforms of nested stacks."""

import json
from typing import Any

from ministack.services.cloudformation import engine, helpers

from sandbox.engine.patch import defect


@defect("MiniStack 1.5.33")
def transform_nested_templates() -> None:
    """Apply the SAM transform to the template of a nested stack.

    MiniStack transforms the template of the stack that is deployed, and uses those of nested stacks as they are.
    """
    resolve_template = helpers._resolve_template

    def resolve_and_transform(params: dict[str, Any]) -> tuple[str | None, Any]:
        body, error = resolve_template(params)
        if body and error is None:
            body = json.dumps(engine._apply_transforms(engine._parse_template(body)))
        return body, error

    # Only nested stacks read this name at each call; the other callers imported the function itself.
    helpers._resolve_template = resolve_and_transform
