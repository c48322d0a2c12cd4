"""Service integrations: the casing of parameters, the account of a client and the children of a `.sync` Task."""

import functools
import threading
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
from botocore import xform_name
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID

from sandbox.engine.patch import defect
from tests.harness.moto_patches.internals import (
    as_json,
    clients,
    clients_lock,
    default_session,
    find_execution,
    now,
    parser_module,
    replace_everywhere,
)


@defect("moto 5.2.5", "getmoto/moto#10076")
def normalise_parameters() -> None:
    """`states:startExecution(.sync:2)` and many `aws-sdk:` tasks fail with `KeyError: 'Input'` and the like.

    Wrong in moto: ASL uses PascalCase and boto3 the casing of the API. The two methods that convert became `pass` in
    the port. (#10101 proposes a fix for startExecution only.)
    Patch: convert in both directions by botocore's service model, and make responses plain JSON.
    """
    service = parser_module("asl.component.state.exec.state_task.service.state_task_service").StateTaskService
    aws_sdk = parser_module("asl.component.state.exec.state_task.service.state_task_service_aws_sdk")
    session = botocore.session.get_session()
    lock = threading.Lock()  # botocore's loaders are not thread-safe

    @functools.cache
    def operation(service_name: str, action: str) -> Any:
        with lock:
            model = session.get_service_model(service_name)
            names = {xform_name(name): name for name in model.operation_names}
            return model.operation_model(names[action]) if action in names else None

    def shape(self: Any, which: str, service_name: str | None, action: str | None) -> Any:
        found = operation(self._get_boto_service_name(service_name), self._get_boto_service_action(action))
        return getattr(found, which, None)

    def to_boto(
        self: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if found := shape(self, "input_shape", boto_service_name, service_action_name):
            self._to_boto_request(parameters, found)

    def from_boto(
        self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if found := shape(self, "output_shape", boto_service_name, service_action_name):
            self._from_boto_response(response, found)
        if isinstance(response, dict):
            plain = as_json(response)  # datetimes and Decimals
            response.clear()
            response.update(plain)

    service._normalise_parameters = to_boto
    service._normalise_response = from_boto
    # AWS changes only the first letter to upper case (jobID becomes JobID). moto makes it JobId.
    service._to_sfn_cased = staticmethod(lambda key: key[:1].upper() + key[1:])
    aws_sdk._SERVICE_ERROR_NAMES.update(drs="Drs", ec2="Ec2", s3="S3", sns="Sns", sts="Sts", **{"lambda": "Lambda"})


@defect("moto 5.2.5")
def use_clients_of_the_role() -> None:
    """Every Task calls the default account, whatever role it has, and creates a new client (0.1 s) each time.

    Wrong in moto: `boto_client_for` ignores `state_credentials`.
    Patch: cache one client per service, Region and account. For an account other than moto's default one, the
    credentials come from AssumeRole. One thread at a time creates a client: boto3 sessions are not thread-safe.
    """
    old = parser_module("asl.utils.boto_client").boto_client_for
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=3600)

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        role = getattr(state_credentials, "role_arn", None) or ""
        account = role.split(":")[4] if role.startswith("arn:") else DEFAULT_ACCOUNT_ID
        key = (service, region, account)
        with clients_lock:
            if key not in clients:
                session = default_session()
                if account != DEFAULT_ACCOUNT_ID:
                    sts = session.client("sts", region_name=region)
                    assumed = sts.assume_role(RoleArn=role, RoleSessionName="states")["Credentials"]
                    session = boto3.session.Session(
                        assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]
                    )
                clients[key] = session.client(service, region_name=region, config=config)
            return clients[key]

    replace_everywhere("boto_client_for", old, boto_client_for)


@defect("moto 5.2.5")
def stop_children_with_their_parent() -> None:
    """A `.sync` Task leaves its child running when its own execution is stopped, and polls it every second.

    Wrong in moto: `_eval_sync` polls in real time and does not stop the child. AWS stops the child when its parent is
    stopped or times out (https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html).
    Patch: wait for the end of the child before moto polls it for the first time. Stop it if the parent has ended.
    """
    sfn = parser_module("asl.component.state.exec.state_task.service.state_task_service_sfn").StateTaskServiceSfn
    eval_sync = sfn._eval_sync

    def remember_child(build: Callable[..., Any]) -> Callable[..., Any]:
        def build_resolver(self: Any, env: Any, **arguments: Any) -> Any:
            arn = env.stack[-1]["ExecutionArn"]
            resolver = build(self, env=env, **arguments)
            resolver.child = find_execution(arn)
            return resolver

        return build_resolver

    def eval_sync_of_child(self: Any, env: Any, sync_resolver: Any, **arguments: Any) -> Any:
        child = getattr(sync_resolver, "child", None)
        if child is not None:
            while env.is_running() and not child.ended.wait(0.1):
                pass
            if not env.is_running():
                child.stop(stop_date=now(), error=None, cause="The parent execution was stopped.")
        return eval_sync(self, env=env, sync_resolver=sync_resolver, **arguments)

    sfn._build_sync_resolver = remember_child(sfn._build_sync_resolver)
    sfn._build_sync2_resolver = remember_child(sfn._build_sync2_resolver)
    sfn._eval_sync = eval_sync_of_child
