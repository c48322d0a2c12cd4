"""JSONata expressions."""

import json
from typing import Any

from sandbox.engine.patch import defect
from tests.harness import jsonata_evaluator, limits
from tests.harness.moto_patches.internals import as_json, parser_module, states_error


@defect("moto 5.2.5", "getmoto/moto#10105")
def evaluate_jsonata() -> None:
    """JSONata expressions fail: `'NoneType' object is not callable`.

    Wrong in moto: the port from LocalStack has no evaluator (LocalStack's needs a JVM), so `_eval_jsonata` stays
    None. With an evaluator, values would be spliced into the text of the expression, where a quote in a string breaks
    the syntax, and an undefined result of a Choice's Condition would be a RuntimeError.
    Patch: evaluate with jsonata-python, with `$states` and the variables bound as values. An undefined result or an
    unassigned variable fails the state with States.QueryEvaluationError, as on AWS.
    """
    strings = parser_module("asl.component.common.string.string_expression")
    comparison = parser_module("asl.component.state.choice.comparison.comparison")
    jsonata = parser_module("asl.jsonata.jsonata")

    def evaluate(env: Any, text: str, *, is_condition: bool) -> Any:
        states = {key: value for key, value in env.states._states_data.items() if key in ("input", "context")}
        for key in ("result", "errorOutput"):
            # Between states moto sets these to None. On AWS they do not exist.
            if env.states._states_data.get(key) is not None:
                states[key] = env.states._states_data[key]
        variables = env.variable_store
        bindings = {**variables._outer_scope, **variables._inner_scope, "states": as_json(states)}
        try:
            with jsonata_evaluator.compiled(text) as expression:
                result = expression.evaluate(bindings)
                missing = expression.missing_paths(bindings) if is_condition else []
            for path in missing:
                limits.report(
                    f"Choice {env.next_state_name}: {path} does not exist, so the condition {{% {text} %}} is "
                    f"silently {json.dumps(result if result is not jsonata_evaluator.UNDEFINED else None)}; "
                    f"ask $exists({path}) first if it is optional"
                )
        except Exception as error:
            raise _query_error(env, f"The JSONata expression '{text}' threw an error: {error}") from error
        if result is jsonata_evaluator.UNDEFINED:
            raise _query_error(env, f"The JSONata expression '{text}' returned nothing (undefined).")
        if is_condition and not isinstance(result, bool):
            raise _query_error(env, f"The JSONata expression '{text}' of a Condition returned no boolean: {result!r}")
        return result

    def eval_string(self: Any, env: Any) -> None:
        env.stack.append(evaluate(env, self.expression, is_condition=False))

    def eval_condition(self: Any, env: Any) -> None:
        env.stack.append(evaluate(env, self.string_jsonata.expression, is_condition=True))

    def eval_spliced(text: str) -> Any:
        """Evaluate what moto still splices into text: `$variables` in a JSONPath state."""
        result = jsonata_evaluator.Expression(text).evaluate({})
        return None if result is jsonata_evaluator.UNDEFINED else result

    strings.StringJSONata._eval_body = eval_string
    comparison.ConditionStringJSONata._eval_body = eval_condition
    jsonata._eval_jsonata = eval_spliced


def _query_error(env: Any, cause: str) -> Exception:
    api = parser_module("api")
    error = "States.QueryEvaluationError"
    failure = parser_module("asl.component.common.error_name.failure_event")
    event = failure.FailureEvent(
        env=env,
        error_name=states_error(error),
        event_type=api.HistoryEventType.EvaluationFailed,
        event_details=parser_module("asl.eval.event.event_detail").EventDetails(
            evaluationFailedEventDetails=api.EvaluationFailedEventDetails(cause=cause, error=error)
        ),
    )
    raised: Exception = failure.FailureEventException(failure_event=event)
    return raised
