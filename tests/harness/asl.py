"""Reads state machines and checks them by the rules of AWS, and by ours, before anything runs.

`load` makes a definition of a YAML file; `check` lists what is wrong with it; `assert_sound` fails a test with that
list. The language: https://states-language.net/spec.html and
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

import copy
import functools
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.machines import read_yaml
from tests.harness import jsonata_evaluator
from tests.harness.limits import DEFINITION_LIMIT, NAME_LIMIT

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a definition."""

    where: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class State:
    """A state, where it is, and what it can see."""

    where: str
    name: str
    body: dict[str, Any]
    siblings: dict[str, Any]
    known_variables: frozenset[str]
    """Assigned anywhere in its scope or an outer one."""
    outer_variables: frozenset[str]

    @property
    def kind(self) -> str:
        return str(self.body.get("Type"))


# --- loading

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


def load(source: Path | str, substitutions: Mapping[str, str] | None = None) -> Definition:
    """The definition in a file (a Path) or a text, YAML or JSON, its `${Name}`s filled in as CloudFormation does.

    Raise KeyError for a `${Name}` that `substitutions` does not have.
    """
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    known = substitutions or {}
    if missing := sorted({name for name in _PLACEHOLDER.findall(text) if name not in known}):
        raise KeyError(f"no substitution for {', '.join(missing)}")
    return copy.deepcopy(_read(_PLACEHOLDER.sub(lambda match: str(known[match[1]]), text)))


@functools.lru_cache(maxsize=64)
def _read(text: str) -> Definition:
    """Cached, because reading takes long and all tests have the same machines."""
    definition: Definition = json.loads(text) if text.startswith("{") else read_yaml(text)
    return definition


def placeholders(source: Path | str) -> set[str]:
    """The names of the `${Name}`s in a file or text."""
    return set(_PLACEHOLDER.findall(source.read_text(encoding="utf-8") if isinstance(source, Path) else source))


# --- names

_BAD_IN_NAMES = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
_BAD_IN_STATE_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]|^\s|\s$")


def execution_name_problem(name: str) -> str | None:
    """Why AWS refuses this as the name of an execution or a state machine, or None.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    if not 1 <= len(name) <= NAME_LIMIT:
        return f"name {name!r} has {len(name)} characters, 1 to {NAME_LIMIT} are allowed"
    if bad := _BAD_IN_NAMES.search(name):
        return f"name {name!r} has {bad.group()!r} in it"
    return None


def execution_log_problem(name: str) -> str | None:
    """Why CloudWatch Logs may have no log of an execution of this name, or None.

    "To enable logging with CloudWatch Logs, the name should only contain 0-9, A-Z, a-z, - and _." (same page)
    """
    if bad := re.search(r"[^0-9A-Za-z_-]", name):
        return f"name {name!r} has {bad.group()!r} in it, which CloudWatch Logs does not take"
    return None


# --- walking


def states(definition: Definition) -> Iterator[State]:
    """Every state of a definition, those inside Map and Parallel too. For house rules that tests want to add."""
    yield from _states_of(definition, "", frozenset())


def _states_of(machine: dict[str, Any], prefix: str, outer: frozenset[str]) -> Iterator[State]:
    siblings = machine.get("States") or {}
    own = {name for body in siblings.values() for block in _assigns(body) for name in block}
    known = outer | own
    for name, body in siblings.items():
        yield State(f"{prefix}{name}", str(name), body, siblings, frozenset(known), outer)
        for inner_prefix, inner in _inner_machines(f"{prefix}{name}", body):
            yield from _states_of(inner, inner_prefix, frozenset(known))


def _assigns(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for holder in (body, *body.get("Catch", ()), *body.get("Choices", ())):
        if isinstance(holder.get("Assign"), dict):
            yield holder["Assign"]


def _inner_machines(where: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in ("ItemProcessor", "Iterator"):
        if isinstance(body.get(key), dict):
            yield f"{where}/", body[key]
    for number, branch in enumerate(body.get("Branches", ())):
        yield f"{where}/{number}/", branch


def _machines(definition: Definition, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield prefix, definition
    for name, body in (definition.get("States") or {}).items():
        for inner_prefix, inner in _inner_machines(f"{prefix}{name}", body):
            yield from _machines(inner, inner_prefix)


def successors(body: dict[str, Any]) -> list[Any]:
    """The states that can come after this one."""
    found = [body[key] for key in ("Next", "Default") if key in body]
    return found + [rule["Next"] for rule in (*body.get("Choices", ()), *body.get("Catch", ())) if "Next" in rule]


def _expressions(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(field, string) for every string in a state, without those of the states inside it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("ItemProcessor", "Iterator", "Branches", "Comment"):
                yield from _expressions(item, f"{path}.{key}" if path else str(key))


# --- rules

_ANY_STATE = {"Type", "Comment", "QueryLanguage", "Assign", "Output"}
_FIELDS = {
    "Task": {
        *("Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds", "Credentials", "Retry", "Catch"),
        *("Next", "End"),
    },
    "Map": {
        *("ItemProcessor", "Items", "ItemSelector", "ItemReader", "ItemBatcher", "ResultWriter", "MaxConcurrency"),
        *("ToleratedFailureCount", "ToleratedFailurePercentage", "Label", "Retry", "Catch", "Next", "End"),
    },
    "Parallel": {"Branches", "Arguments", "Retry", "Catch", "Next", "End"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "Timestamp", "Next", "End"},
    "Pass": {"Next", "End"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}
_NEEDED = {"Task": "Resource", "Map": "ItemProcessor", "Parallel": "Branches", "Choice": "Choices"}
_TERMINAL = {"Choice", "Succeed", "Fail"}
_NO_LIMIT = 99_999_999
_VARIABLE = re.compile(r"[^\W\d]\w*\Z")

Rule = Callable[[Definition], Iterator[tuple[str, str]]]


def _definition_size(definition: Definition) -> Iterator[tuple[str, str]]:
    try:
        size = len(json.dumps(definition, separators=(",", ":")).encode())
    except TypeError as error:
        yield "definition", f"is no JSON: {error}"
        return
    if size > DEFINITION_LIMIT:
        yield "definition", f"has {size:,} bytes, the limit is {DEFINITION_LIMIT:,}"


def _query_language(definition: Definition) -> Iterator[tuple[str, str]]:
    if definition.get("QueryLanguage") != "JSONata":
        yield "definition", "does not say QueryLanguage: JSONata"
    for state in states(definition):
        if state.body.get("QueryLanguage", "JSONata") != "JSONata":
            yield state.where, "is not in JSONata"


def _state_names(definition: Definition) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for prefix, machine in _machines(definition):
        for name in machine.get("States") or {}:
            where = f"{prefix}{name}"
            if not isinstance(name, str):
                yield where, f"the name is {name!r} to YAML; quote it"
                continue
            if len(name) > NAME_LIMIT:
                yield where, f"the name has {len(name)} characters, {NAME_LIMIT} are allowed"
            if bad := _BAD_IN_STATE_NAMES.search(name):
                yield where, f"the name has {bad.group()!r} in it"
            if not name:
                yield where, "the name is empty"
            if name in seen:
                yield where, f"the name is taken by {seen[name]}; it must be unique in the whole machine"
            seen.setdefault(name, where)


def _flow(definition: Definition) -> Iterator[tuple[str, str]]:
    for prefix, machine in _machines(definition):
        where = prefix.rstrip("/") or "definition"
        found = machine.get("States") or {}
        if not found:
            yield where, "has no States"
            continue
        start = machine.get("StartAt")
        if start not in found:
            yield where, f"StartAt is {start!r}, which does not exist"
        for name, body in found.items():
            for target in successors(body):
                if target not in found:
                    yield f"{prefix}{name}", f"leads to {target!r}, which does not exist (here)"
            ways = [key for key in ("Next", "End") if key in body]
            if body.get("Type") not in _TERMINAL and len(ways) != 1:
                yield f"{prefix}{name}", "needs either Next or End" + (", has both" if ways else "")
        reached: set[Any] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in found and name not in reached:
                reached.add(name)
                waiting.extend(successors(found[name]))
        for name in found:
            if name not in reached:
                yield f"{prefix}{name}", "can never be reached"
        if not any(found[name].get("End") or found[name].get("Type") in ("Succeed", "Fail") for name in reached):
            yield where, "has no way out: no reachable state ends"


def _fields(definition: Definition) -> Iterator[tuple[str, str]]:
    for state in states(definition):
        if state.kind not in _FIELDS:
            yield state.where, f"Type is {state.body.get('Type')!r}"
            continue
        allowed = (_ANY_STATE | _FIELDS[state.kind]) - ({"Assign", "Output"} if state.kind == "Fail" else set())
        for key in state.body:
            if key not in allowed:
                yield state.where, f"a {state.kind} in JSONata has no field {key!r}"
        if (needed := _NEEDED.get(state.kind)) and not state.body.get(needed):
            yield state.where, f"has no {needed}"
        if state.kind == "Wait" and ("Seconds" in state.body) == ("Timestamp" in state.body):
            yield state.where, "needs either Seconds or Timestamp"
        for number, rule in enumerate(state.body.get("Choices", ())):
            if "Condition" not in rule or "Next" not in rule:
                yield state.where, f"choice {number} needs Condition and Next"
        if state.kind == "Map" and "Mode" not in (state.body.get("ItemProcessor") or {}).get("ProcessorConfig", {}):
            yield state.where, "ItemProcessor needs ProcessorConfig: {Mode: INLINE}"


def _timeouts(definition: Definition) -> Iterator[tuple[str, str]]:
    for state in states(definition):
        for key in ("TimeoutSeconds", "HeartbeatSeconds"):
            seconds = state.body.get(key, 1)
            if isinstance(seconds, str) and _is_expression(seconds):
                continue
            if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= _NO_LIMIT:
                yield state.where, f"{key} is {seconds!r}; whole seconds from 1 to {_NO_LIMIT:,}"
        limit, beat = state.body.get("TimeoutSeconds", 60), state.body.get("HeartbeatSeconds", 0)
        if isinstance(limit, int) and isinstance(beat, int) and beat >= limit:
            yield state.where, f"HeartbeatSeconds {beat} is not under TimeoutSeconds {limit}"


def _error_handling(definition: Definition) -> Iterator[tuple[str, str]]:
    for state in states(definition):
        for key in ("Retry", "Catch"):
            rules = state.body.get(key, ())
            for number, rule in enumerate(rules):
                where = f"{state.where}.{key}[{number}]"
                names = rule.get("ErrorEquals")
                if not isinstance(names, list) or not names:
                    yield where, "has no ErrorEquals"
                    continue
                if "States.ALL" in names and (len(names) > 1 or number < len(rules) - 1):
                    yield where, "States.ALL must stand alone, and last"
                for later in rules[number + 1 :]:
                    if twice := sorted(set(names) & set(later.get("ErrorEquals", ()))):
                        yield where, f"{twice[0]} is here and in a later one, which never sees it"
                if key == "Catch" and "Next" not in rule:
                    yield where, "has no Next"
                if key == "Retry":
                    yield from ((where, message) for message in _retrier(rule))


def _retrier(rule: dict[str, Any]) -> Iterator[str]:
    interval, attempts = rule.get("IntervalSeconds", 1), rule.get("MaxAttempts", 3)
    longest, rate = rule.get("MaxDelaySeconds", 31_622_400), rule.get("BackoffRate", 2.0)
    if not isinstance(interval, int) or not 1 <= interval <= _NO_LIMIT:
        yield f"IntervalSeconds is {interval!r}; whole seconds from 1"
    elif not isinstance(longest, int) or not interval < longest <= 31_622_400:
        yield f"MaxDelaySeconds {longest!r} must be over IntervalSeconds {interval}, and at most 31,622,400"
    if not isinstance(attempts, int) or not 0 <= attempts <= _NO_LIMIT:
        yield f"MaxAttempts is {attempts!r}; a whole number from 0"
    if not isinstance(rate, (int, float)) or rate < 1:
        yield f"BackoffRate is {rate!r}; at least 1.0"
    if rule.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
        yield f"JitterStrategy is {rule['JitterStrategy']!r}; FULL or NONE"


def _is_expression(text: str) -> bool:
    return text.startswith("{%") and text.endswith("%}")


def _jsonata(definition: Definition) -> Iterator[tuple[str, str]]:
    for state in states(definition):
        for field, text in _expressions(state.body):
            where = f"{state.where}.{field}"
            if not _is_expression(text):
                if text.startswith("{%") or text.endswith("%}"):
                    yield where, f"an expression is {{% … %}} and nothing around it, this is {text!r}"
                continue
            try:
                with jsonata_evaluator.compiled(text[2:-2]) as expression:
                    unknown = expression.free_variables - state.known_variables - {"states"}
            except Exception as error:  # noqa: BLE001 - the library has many
                yield where, f"is no JSONata: {error}"
                continue
            for name in sorted(unknown):
                yield where, f"${name} is never assigned"
            if "$eval" in text:
                yield where, "Step Functions has no $eval; use $parse"
            in_catch, head = field.startswith("Catch."), field.split(".")[0]
            if "$states.errorOutput" in text and not in_catch:
                yield where, "$states.errorOutput exists only in a Catch"
            if "$states.result" in text and (in_catch or head not in ("Assign", "Output")):
                yield where, "$states.result exists only in Assign and Output"


def _variables(definition: Definition) -> Iterator[tuple[str, str]]:
    for state in states(definition):
        for block in _assigns(state.body):
            for name in block:
                if name == "states" or len(name) > NAME_LIMIT or not _VARIABLE.match(name):
                    yield state.where, f"{name!r} is no name for a variable"
                if name in state.outer_variables:
                    yield state.where, f"assigns ${name}, which belongs to the machine around it: AWS refuses that"


def _choice_has_default(definition: Definition) -> Iterator[tuple[str, str]]:
    for state in states(definition):
        if state.kind == "Choice" and "Default" not in state.body:
            yield state.where, "has no Default: what no choice foresees fails with States.NoChoiceMatched"


def _comments(definition: Definition) -> Iterator[tuple[str, str]]:
    if not definition.get("Comment"):
        yield "definition", "has no Comment"
    for state in states(definition):
        if not state.body.get("Comment"):
            yield state.where, "has no Comment"


def _task_has_timeout(definition: Definition) -> Iterator[tuple[str, str]]:
    for state in states(definition):
        if state.kind == "Task" and "TimeoutSeconds" not in state.body:
            yield state.where, "has no TimeoutSeconds: it may hang for three years"


AWS_RULES: dict[str, Rule] = {
    "size": _definition_size,
    "query-language": _query_language,
    "state-name": _state_names,
    "flow": _flow,
    "field": _fields,
    "timeout": _timeouts,
    "error-handling": _error_handling,
    "jsonata": _jsonata,
    "variable": _variables,
}
"""What AWS refuses, or what fails at run time for sure. `query-language` is ours: the other rules rely on it."""
HOUSE_RULES: dict[str, Rule] = {
    "choice-default": _choice_has_default,
    "comment": _comments,
    "task-timeout": _task_has_timeout,
}
"""What AWS allows and docs/ forbids."""


def check(
    definition: Definition, rules: Mapping[str, Rule] | None = None, ignore: Collection[str] = ()
) -> list[Problem]:
    """List every problem of a definition by these rules. By default, apply both kinds of rule."""
    chosen = {**AWS_RULES, **HOUSE_RULES} if rules is None else rules
    return [
        Problem(where, rule, message)
        for rule, find in chosen.items()
        if rule not in ignore
        for where, message in find(definition)
    ]


def assert_sound(definition: Definition, rules: Mapping[str, Rule] | None = None, name: str = "definition") -> None:
    """Raise AssertionError with a line per problem."""
    if problems := check(definition, rules):
        raise AssertionError(f"{name}:\n" + "\n".join(f"  {problem}" for problem in problems))
