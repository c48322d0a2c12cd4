"""Task tokens: when one is valid, and for which attempt."""

import json
import threading
from typing import Any

from sandbox.engine.patch import defect
from tests.harness import limits
from tests.harness.moto_patches.internals import parser_module


@defect("moto 5.2.5")
def honour_task_tokens() -> None:
    """A token can be answered twice, or after its Task timed out or its execution ended, without an error.

    Wrong in moto: the endpoint of a token is never closed. A retried Task keeps its old token and the answer to it, so
    the second attempt ends at once with the answer to the first. With HeartbeatSeconds, an answer that arrives before
    the function returns is not seen until the heartbeat expires.
    Patch: the first answer counts and later ones raise TaskTimedOut. Each attempt has its own token.
    """
    callback = parser_module("asl.eval.callback.callback")
    task = parser_module(
        "asl.component.state.exec.state_task.service.state_task_service_callback"
    ).StateTaskServiceCallback
    state = parser_module("asl.component.state.exec.execute_state").ExecutionState
    late = parser_module("asl.component.common.timeouts.timeout").EvalTimeoutError
    backend = parser_module("models").StepFunctionsParserBackend
    api = parser_module("api")
    attempt, integrate, with_timeout = (
        task._eval_execution,
        task._eval_integration_pattern,
        state._evaluate_with_timeout,
    )
    set_up_heartbeat = callback.CallbackEndpoint.setup_heartbeat_endpoint
    answering = threading.Lock()
    callback.CallbackEndpoint.closed = False

    def answer(self: Any, token: str, outcome: Any) -> None:
        for execution in self._get_executions():
            endpoint = execution.exec_worker.env.callback_pool_manager.get(token)
            if endpoint is None:
                continue
            with answering:
                if endpoint.closed or endpoint.get_outcome() is not None or execution.status != "RUNNING":
                    raise api.TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
                endpoint.notify(outcome)
            return
        raise api.InvalidToken()

    def send_task_success(self: Any, task_token: str, outcome: str) -> None:
        try:
            json.loads(outcome)
        except ValueError as error:
            raise api.InvalidOutput(f"Invalid Output: '{error}'") from error
        if limits.size_of(outcome) > limits.PAYLOAD_LIMIT:
            limits.report(f"SendTaskSuccess: output is over {limits.PAYLOAD_LIMIT:,} bytes")
            raise api.InvalidOutput("Invalid Output: too large")
        answer(self, task_token, callback.CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    def send_task_failure(self: Any, task_token: str, error: str | None = None, cause: str | None = None) -> None:
        answer(self, task_token, callback.CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    def endpoint_of(env: Any) -> Any:
        token = (env.states.context_object.context_object_data.get("Task") or {}).get("Token")
        return env.callback_pool_manager.get(token) if token else None

    def eval_attempt(self: Any, env: Any) -> None:
        endpoint = endpoint_of(env)
        if endpoint is not None and (endpoint.closed or endpoint.get_outcome() is not None):
            env.callback_pool_manager.add(env.states.context_object.update_task_token())
        attempt(self, env)

    def eval_integration(self: Any, env: Any, **arguments: Any) -> None:
        try:
            integrate(self, env=env, **arguments)
        finally:
            if (endpoint := endpoint_of(env)) is not None:
                endpoint.closed = True

    def evaluate_with_timeout(self: Any, env: Any) -> None:
        try:
            with_timeout(self, env)
        except late:
            if (endpoint := endpoint_of(env)) is not None:
                endpoint.closed = True
                endpoint.interrupt_all()
            raise

    def heartbeat_of(self: Any, heartbeat_seconds: int) -> Any:
        heartbeat = set_up_heartbeat(self, heartbeat_seconds)
        if self.get_outcome() is not None:
            heartbeat.notify()
        return heartbeat

    backend.send_task_success, backend.send_task_failure = send_task_success, send_task_failure
    task._eval_execution, task._eval_integration_pattern = eval_attempt, eval_integration
    state._evaluate_with_timeout = evaluate_with_timeout
    callback.CallbackEndpoint.setup_heartbeat_endpoint = heartbeat_of
