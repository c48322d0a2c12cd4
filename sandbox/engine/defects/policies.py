"""IAM: variables in the conditions of policies."""

import re
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator

from sandbox.engine.patch import defect

_PRINCIPAL_TAG = re.compile(r"\$\{(aws:PrincipalTag/[^}]+)\}")


@defect("MiniStack 1.5.33")
def resolve_principal_tags() -> None:
    """Replace `${aws:PrincipalTag/team}` in a condition by the tag of the calling role.

    MiniStack compares with the text of the variable. It gives roles their tags and knows them as condition keys.
    """
    conditions_met = iam_evaluator._conditions_met

    def conditions_met_with_variables(conditions: dict[str, Any], ctx: Any) -> bool:
        def value_of(variable: re.Match[str]) -> str:
            return str(ctx.principal_keys.get(variable[1].lower(), variable[0]))

        resolved = {
            operator: {key: _replace(value_of, expected) for key, expected in keys.items()}
            for operator, keys in conditions.items()
        }
        return bool(conditions_met(resolved, ctx))

    iam_evaluator._conditions_met = conditions_met_with_variables


def _replace(value_of: Callable[[re.Match[str]], str], expected: Any) -> Any:
    if isinstance(expected, list):
        return [_replace(value_of, each) for each in expected]
    return _PRINCIPAL_TAG.sub(value_of, expected) if isinstance(expected, str) else expected
