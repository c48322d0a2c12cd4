"""Which AWS actions a function's code can make, read off the source: calls followed by name from the handler on.

A name that stands in a function counts as a call of it, a class as all of its methods, and a handler in `api/` as
all of that package; so what is found is at least what can happen. DynamoDB's actions are told table by table: a
table is named by a setting (`settings().limits_table`) in the call, or else anywhere in the function that makes it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

from api.app import app
from evidence import in_process

LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"
# Where IAM's name of a service is not boto3's.
PREFIXES = {"elbv2": "elasticloadbalancing", "stepfunctions": "states", "service-quotas": "servicequotas"}
# Where IAM's name of an action is not that of the operation.
ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction"}
IN_TARGET = "target"  # in the place of a table: what is asked of target accounts, with their roles
# The modules that make calls in targets for others, which name the method, and the service too in the second.
CALLERS = ("recovery.drs.calls.", "recovery.target_services.calls.")
# The functions of ours that make a part of a transaction, and what IAM calls the part.
TRANSACTION_PARTS = {
    "recovery.aws.dynamodb.put_action": "dynamodb:PutItem",
    "recovery.aws.dynamodb.update_action": "dynamodb:UpdateItem",
    "recovery.aws.dynamodb.delete_action": "dynamodb:DeleteItem",
    "recovery.aws.dynamodb.check_action": "dynamodb:ConditionCheckItem",
}
OPEN = "?"  # the table that the caller names

Grant = tuple[str, str]  # an action, and for DynamoDB the table or "table/index", as the settings name it


@cache
def actions_of(service: str) -> dict[str, str]:
    """IAM actions of a service by the method of its client."""
    names = botocore.session.get_session().get_service_model(service).operation_names
    actions = {xform_name(name): f"{PREFIXES.get(service, service)}:{name}" for name in names}
    made = {method: ACTIONS.get(action, action) for method, action in actions.items()}
    # What a URL that it signs is for; the function of the product says "get_object" and names a version.
    return {**made, "generate_presigned_url": "s3:GetObjectVersion"} if service == "s3" else made


@dataclass
class Code:
    """A function, or the body of a module, and what the names in it stand for."""

    module: str
    body: ast.AST
    names: dict[str, str] = field(default_factory=dict)


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in LAMBDAS.rglob("*.py"):
        yield ".".join(path.relative_to(LAMBDAS).with_suffix("").parts), ast.parse(path.read_text())


@cache
def sources() -> dict[str, list[Code]]:
    """Every function by its dotted name; a class stands for its methods."""
    found: dict[str, list[Code]] = {}
    for module, tree in _modules():
        names = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names[node.name] = f"{module}.{node.name}"
                found[f"{module}.{node.name}"] = [Code(module, node, names)]
            else:
                found.setdefault(module, []).append(Code(module, node, names))
    return found


def _dotted(node: ast.AST, code: Code) -> str | None:
    """What a name or `module.name` stands for, if it is one of ours."""
    if isinstance(node, ast.Name):
        return code.names.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in code.names:
        return f"{code.names[node.value.id]}.{node.attr}"
    return None


@cache
def _service(name: str) -> str | None:
    """The service whose client the function of this name makes: it says `clients.create_client("sns", ...)`."""
    for code in sources().get(name, ()):
        for node in ast.walk(code.body):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "clients.create_client":
                (service,) = (argument.value for argument in node.args if isinstance(argument, ast.Constant))
                return str(service)
    return None


def _client(node: ast.AST, code: Code) -> str | None:
    """The service, if the node is a call that gives a client."""
    name = _dotted(node.func, code) if isinstance(node, ast.Call) else None
    return _service(name) if name else None


@cache
def _dispatched(name: str) -> str | None:
    """The service whose operation the function's first argument names.

    Such a function says `getattr(client(), operation)(...)`, or hands its `operation` to another one that does.
    """
    for code in sources().get(name, ()):
        for node in ast.walk(code.body):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
                return _client(node.args[0], code)
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.args[0]) == "operation":
                return _dispatched(_dotted(node.func, code) or "")
    return None


def _tables(node: ast.AST, code: Code, local: dict[str, ast.AST]) -> set[str]:
    """The tables an expression names, itself, by a variable or by a function such as `table()`."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr.endswith("_table") and "settings()" in ast.unparse(part.value):
            found.add(part.attr.removesuffix("_table"))
        elif isinstance(part, ast.Name) and part.id in local:
            found |= _tables(local[part.id], code, {name: at for name, at in local.items() if name != part.id})
        elif isinstance(part, ast.Call) and not part.args and (name := _dotted(part.func, code)):
            for source in sources().get(name, ()):
                body = getattr(source.body, "body", [])
                if isinstance(body[-1], ast.Return) and len(body) <= 2:  # a docstring and the table's name
                    found |= _tables(body[-1], source, {})
    return found


@dataclass(frozen=True)
class Step:
    """Something a function does, with the tables it names: an action, or the call of a function of ours."""

    tables: frozenset[str]
    action: str | None = None
    call: str | None = None


@cache
def steps(name: str) -> frozenset[Step]:
    """What the function of this name does itself."""
    return frozenset(step for code in sources().get(name, ()) for step in (*_steps(code), *_steps_in_targets(code)))


def _steps(code: Code) -> Iterator[Step]:
    assigned = [node for node in ast.walk(code.body) if isinstance(node, ast.Assign) and len(node.targets) == 1]
    local = {ast.unparse(node.targets[0]): node.value for node in assigned}
    anywhere = _tables(code.body, code, {})
    in_calls = set[ast.AST]()

    def tables(where: ast.AST) -> frozenset[str]:
        on_index = any(keyword.arg == "index" for keyword in getattr(where, "keywords", ()))
        return frozenset(f"{each}/index" if on_index else each for each in _tables(where, code, local) or anywhere)

    def named(node: ast.AST, where: ast.AST) -> Iterator[Step]:
        if isinstance(node, ast.Attribute) and (service := _client(node.value, code)):
            if action := actions_of(service).get(node.attr):
                yield Step(tables(where), action=action)
                if action == "sts:AssumeRole" and any(each.arg == "Tags" for each in getattr(where, "keywords", ())):
                    yield Step(tables(where), action="sts:TagSession")
        elif name := _dotted(node, code):
            yield Step(tables(where), call=name)

    for node in ast.walk(code.body):  # outer nodes come first, so a call before the names in it
        if isinstance(node, ast.Call):
            name = _dotted(node.func, code)
            if name and (service := _dispatched(name)) and isinstance(node.args[0], ast.Constant):
                yield Step(tables(node), action=actions_of(service)[node.args[0].value])
            if name in TRANSACTION_PARTS:
                yield Step(tables(node), action=TRANSACTION_PARTS[name])
            for part in (node.func, *node.args):
                yield from named(part, node)
                in_calls.add(part)
        elif isinstance(node, ast.Name | ast.Attribute) and node not in in_calls:
            yield from named(node, node)


@cache
def _service_in_targets(module: str) -> str | None:
    """The service that the module calls in a target: by its own client, through `recovery.drs.calls`, or by a method
    that a function is given.
    """
    for code in (each for codes in sources().values() for each in codes if each.module == module):
        for node in ast.walk(code.body):
            name = _dotted(node.func, code) if isinstance(node, ast.Call) else None
            if (
                isinstance(node, ast.Call)
                and name == "recovery.drs.assumed_roles.get_client"
                and isinstance(node.args[0], ast.Constant)
            ):
                return str(ast.literal_eval(node.args[0]))
            if name and name.startswith(CALLERS[0]):
                return "drs"
            if isinstance(node, ast.Call) and name and name.startswith(CALLERS[1]):
                named = [part.value for part in node.args if isinstance(part, ast.Constant)]
                if len(named) == 1:  # the service; the module names the methods where it calls this function
                    return str(named[0])
    return None


def _steps_in_targets(code: Code) -> Iterator[Step]:
    """Operations named in a call, `_read(target, "describe_jobs", ...)`, or called, `client.describe_instances()`."""
    for node in ast.walk(code.body):
        if isinstance(node, ast.Call) and (_dotted(node.func, code) or "").startswith(CALLERS[1]):
            named = [part.value for part in node.args if isinstance(part, ast.Constant)]
            if len(named) == 2:  # the service and the method
                yield from _step_in_target(actions_of(named[0])[named[1]], node, "Tags")
    if not (service := _service_in_targets(code.module)):
        return
    actions = actions_of(service)
    for node in ast.walk(code.body):
        if not isinstance(node, ast.Call):
            continue
        named = [part.value for part in node.args if isinstance(part, ast.Constant)]
        called = [node.func.attr] if isinstance(node.func, ast.Attribute) else []
        for action in (actions[name] for name in (*named, *called) if name in actions):
            yield from _step_in_target(action, node, "tags")


def _step_in_target(action: str, call: ast.Call, tags: str) -> Iterator[Step]:
    """The action, and that of tagging where something is tagged, which IAM asks for as well."""
    yield Step(frozenset({IN_TARGET}), action=action)
    if any(keyword.arg == tags for keyword in call.keywords):
        tagging = "ssm:AddTagsToResource" if action.startswith("ssm:") else f"{action.split(':')[0]}:TagResource"
        yield Step(frozenset({IN_TARGET}), action=tagging)


def _grants(action: str, tables: frozenset[str]) -> set[Grant]:
    if action == "dynamodb:TransactWriteItems":  # allowed by the actions in it
        return set()
    if action == "s3:HeadObject":  # of a version, with its retention
        return {("s3:GetObjectVersion", ""), ("s3:GetObjectRetention", "")}
    if not action.startswith("dynamodb:"):
        return {(action, IN_TARGET if IN_TARGET in tables else "")}
    return {(action, table) for table in tables or {OPEN}}


@cache
def _reach() -> dict[str, set[Grant]]:
    """What each function can do. Where it names no table itself, those its callers name stand in for OPEN."""
    found: dict[str, set[Grant]] = {name: set() for name in sources()}
    while True:
        before = sum(map(len, found.values()))
        for name, grants in found.items():
            for step in steps(name):
                if step.action:
                    grants |= _grants(step.action, step.tables)
                for action, table in set(found.get(step.call or "", ())):
                    grants |= _grants(action, step.tables) if table == OPEN else {(action, table)}
        if sum(map(len, found.values())) == before:
            return found


def reaches(name: str, *, past: str = "") -> frozenset[str]:
    """Every function of ours that the function of this name may call, itself or through others but `past`."""
    found, waiting = set[str](), {name}
    while waiting:
        found |= waiting
        waiting = {step.call for each in waiting for step in steps(each) if step.call in sources()} - found - {past}
    return frozenset(found)


def can_do(handler: str) -> set[Grant]:
    """Every AWS action that a function with this handler (`tasks.poll_job.handler`) can request with its own role."""
    return {grant for grant in _all_of(handler) if grant[1] != IN_TARGET}


def can_do_in_targets(handler: str) -> set[str]:
    """The actions that it can request in target accounts, with their roles."""
    return {action for action, where in _all_of(handler) if where == IN_TARGET}


def asked_by_room(room: str) -> set[str]:
    """The actions that the modules of a room, such as `recovery.target_services`, can request in target accounts."""
    return {
        action
        for name, grants in _reach().items()
        if any(code.module.startswith(f"{room}.") for code in sources()[name])
        for action, where in grants
        if where == IN_TARGET
    }


def _all_of(handler: str) -> set[Grant]:
    package, module, _ = handler.split(".")
    roots = [f"{package}.{module}", handler]
    if package == "api":  # its routes are reached by the framework
        roots = [name for name in sources() if name.startswith("api.")]
    elif "evidence.in_process.InProcessReader" in reaches(handler):  # which asks these routes and no others
        asked = [each for each in app.operations if each.method == "GET" and each.path in in_process.PATHS]
        roots += [f"{each.handler.__module__}.{each.handler.__name__}" for each in asked]
    return {grant for root in roots for grant in _reach().get(root, ())}
