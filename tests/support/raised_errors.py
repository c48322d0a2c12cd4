"""Which errors of recovery/errors.py and those beside it a function can raise, read off the source as AWS calls are.

A class counts as raised where it stands in a reachable function, except where it is only asked for (in an `except`,
an isinstance or an annotation), so what is found is at least what can happen. What DRS answers becomes an error by its
code; of these codes those count that botocore's model gives to an operation that the function can call, and those
that any service may answer.
"""

import ast
from collections.abc import Iterator
from functools import cache

import botocore.session
from botocore import xform_name

from recovery import drill_errors, errors, target_errors
from recovery.drs.calls import ERROR_BY_CODE
from recovery.errors import DrsWavesError
from tests.support.call_graph import Code, _dotted, sources, steps

Kind = type[DrsWavesError]

ERRORS: dict[str, Kind] = {
    name: kind
    for module in (errors, drill_errors, target_errors)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, DrsWavesError)
}
_TREE = ("recovery.errors", "recovery.drill_errors", "recovery.target_errors")
# Functions that log every error and let none out; tests of what is overdue and of standing readiness break them.
CONTAINED = frozenset(
    {
        "recovery.actions.closing._stop",
        "recovery.runs.standing.due.start_due",
        "recovery.runs.watch.overdue.check_open_runs",
        "recovery.runs.watch.overdue.follow_job",
    }
)
BY_CODE_FUNCTION = "recovery.drs.calls._send"  # where a code of DRS becomes an error


@cache
def reachable(handler: str) -> frozenset[str]:
    """Every function and class of ours that may be called from the handler on, itself included."""
    package, module, _ = handler.split(".")
    waiting = {f"{package}.{module}", handler}
    if package == "api":
        waiting = {name for name in sources() if name.startswith("api.")}
    found = set[str]()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= {step.call for step in steps(name) if step.call and step.call in sources()} - found - CONTAINED
    return frozenset(found)


def can_raise(handler: str) -> set[Kind]:
    """The errors that a function with this handler (`tasks.poll_job.handler`) can end with."""
    names = reachable(handler)
    found = {kind for name in names for code in sources()[name] for kind in _raised_in(code)}
    if BY_CODE_FUNCTION in names:
        found |= {ERROR_BY_CODE[code] for code in _codes(names)}
    return found - {DrsWavesError}  # the base is only asked about, never raised


def _raised_in(code: Code) -> Iterator[Kind]:
    if code.module in _TREE or not isinstance(code.body, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return  # the tree itself; a table at module level, of which BY_CODE_FUNCTION's is read by its codes
    asked_for = set[ast.AST]()
    for node in ast.walk(code.body):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.ExceptHandler):
            parts = [node.type]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            parts = list(node.args[1:])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [node.returns, *node.decorator_list]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        asked_for |= {each for part in parts if part for each in ast.walk(part)}
    for node in ast.walk(code.body):
        if isinstance(node, ast.Name | ast.Attribute) and node not in asked_for:
            name = _dotted(node, code) or ""
            if name.startswith(tuple(f"{module}." for module in _TREE)) and (
                kind := ERRORS.get(name.rsplit(".", 1)[-1])
            ):
                yield kind


def _codes(names: frozenset[str]) -> set[str]:
    """The codes of drs._BY_CODE that DRS may answer to what these functions call."""
    model = botocore.session.get_session().get_service_model("drs")
    operations = {xform_name(name): name for name in model.operation_names}
    called = {
        operations[node.value]
        for name in names
        for code in sources()[name]
        if code.module in ("recovery.drs.client", "recovery.drs.calls")
        for node in ast.walk(code.body)
        if isinstance(node, ast.Constant) and node.value in operations
    }
    declared = {shape.name for name in called for shape in model.operation_model(name).error_shapes}
    of_drs = {shape.name for name in operations.values() for shape in model.operation_model(name).error_shapes}
    # A code that the model knows comes from the operations that declare it; others may come from any.
    any_may = (ERROR_BY_CODE.keys() - of_drs) | {"AccessDeniedException"}
    return (declared | any_may) & ERROR_BY_CODE.keys()
