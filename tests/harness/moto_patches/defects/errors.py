"""The names of errors, and the text of strings in a definition."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from sandbox.engine.patch import defect
from tests.harness.moto_patches.internals import parser_module, states_error


@defect("moto 5.2.5")
def name_api_errors() -> None:
    """InvalidDefinition, InvalidToken, TaskTimedOut and similar errors reach boto3 with an empty error code.

    Wrong in moto: the classes ported from LocalStack have `code`, and moto's AWSError sends `TYPE`.
    Patch: set TYPE to the code.
    """
    api = parser_module("api")
    for error in list(vars(api).values()):
        if isinstance(error, type) and issubclass(error, api.ServiceException) and "code" in vars(error):
            kind: Any = error
            kind.TYPE = kind.code


@defect("moto 5.2.5")
def let_states_errors_out_of_maps() -> None:
    """A Map or Parallel in which something fails with `States.Timeout` fails with States.Runtime instead.

    Wrong in moto: the error is wrapped in CustomErrorName, which refuses names that begin with `States.`.
    Patch: wrap such an error in the class for States errors.
    """
    custom = parser_module("asl.component.common.error_name.custom_error_name").CustomErrorName
    plain = parser_module("asl.component.common.error_name.error_name").ErrorName

    def error_name(error_name: str | None) -> Any:
        if error_name is None or not error_name.startswith("States."):
            return custom(error_name=error_name)
        with contextlib.suppress(ValueError):
            return states_error(error_name)
        return plain(error_name=error_name)

    parser_module("asl.component.state.exec.state_map.iteration.iteration_worker").CustomErrorName = error_name
    parser_module("asl.component.state.exec.state_parallel.branches_decl").CustomErrorName = error_name


@defect("moto 5.2.5", "localstack/localstack#12222")
def read_escapes() -> None:
    """A quote, newline or letter beyond ASCII in a plain string of a definition comes out as `\\"`, `\\n`, `\\u00e9`.

    Wrong in moto: most visitors use the text of the JSON token without its quotes. The one that unescapes follows
    Python's rules, which turn one emoji into two surrogates. (LocalStack has corrected this.)
    Patch: read a JSON string as JSON.
    """
    preprocessor = parser_module("asl.parse.preprocessor")
    inner, from_literal = preprocessor.Preprocessor._inner_string_of, preprocessor.from_string_literal

    def read(parser_rule_context: Any, otherwise: Callable[..., Any]) -> Any:
        text = parser_rule_context.getText()
        if text.startswith('"'):
            with contextlib.suppress(ValueError):
                return json.loads(text)
        return otherwise(parser_rule_context)

    preprocessor.Preprocessor._inner_string_of = staticmethod(
        lambda parser_rule_context: read(parser_rule_context, inner)
    )
    preprocessor.from_string_literal = lambda parser_rule_context: read(parser_rule_context, from_literal)
