"""Parse less, log less and invoke functions without HTTP in the Step Functions interpreter."""

import collections
import importlib
import json
import threading
from typing import Any

from sandbox.engine.patch import accelerator
from tests.harness.moto_patches.internals import parser_module


@accelerator
def invoke_lambda_directly() -> None:
    """Pass the payload of a `lambda:invoke` Task from the interpreter to the function directly.

    moto spends 5 ms per Task in botocore, URL matching and HTTP parsing. The invocation of an unknown function still
    goes through HTTP, so that its error is the real one.
    """
    utils = parser_module("asl.component.state.exec.state_task.lambda_eval_utils")
    get_backend: Any = importlib.import_module("moto.awslambda.utils").get_backend
    through_http = utils._invoke_lambda_function

    def invoke(parameters: Any, region: str, state_credentials: Any) -> Any:
        name = parameters["FunctionName"]
        owner = name if name.startswith("arn:") else state_credentials.role_arn
        home = name.split(":")[3] if name.startswith("arn:") else region
        try:
            function = get_backend(owner.split(":")[4], home).get_function(name, parameters.get("Qualifier"))
        except Exception:  # noqa: BLE001 - moto raises a different class for each kind of unknown function
            return through_http(parameters, region, state_credentials)
        headers: dict[str, str] = {}
        body = function.invoke(parameters.get("Payload") or b"{}", {}, headers)
        answer = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": json.loads(body)}
        if "x-amz-function-error" in headers:
            answer["FunctionError"] = headers["x-amz-function-error"]
        return answer

    utils._invoke_lambda_function = invoke


@accelerator
def parse_each_definition_once() -> None:
    """Keep the last 32 parsed definitions.

    moto parses the definition for each execution with ANTLR in Python, which takes 0.1 to 1 s. A parsed definition
    holds no state of an execution: that is in the Environment.
    """
    parser = parser_module("asl.parse.asl_parser").AmazonStateLanguageParser
    parse = parser.parse
    parsed: collections.OrderedDict[str, Any] = collections.OrderedDict()
    lock = threading.Lock()

    def parse_once(definition: str) -> Any:
        with lock:
            if definition not in parsed:
                parsed[definition] = parse(definition)
                if len(parsed) > 32:
                    parsed.popitem(last=False)
            parsed.move_to_end(definition)
            return parsed[definition]

    parser.parse = staticmethod(parse_once)


@accelerator
def log_errors_in_one_line() -> None:
    """Log an error that a Retry or Catch handles as one line at DEBUG.

    moto logs it as ERROR with the `repr` of every component that it passes through, tens of kilobytes each time.
    """
    component = parser_module("asl.component.eval_component")

    def log_failure(self: Any, failure_event_exception: Any) -> None:
        component.LOG.debug("%s fails with %s", type(self).__name__, failure_event_exception.extract_error_cause_pair())

    def log_exception(self: Any, exception: Any) -> None:
        component.LOG.debug("%s raises %r", type(self).__name__, exception)

    component.EvalComponent._log_failure_event_exception = log_failure
    component.EvalComponent._log_exception = log_exception
