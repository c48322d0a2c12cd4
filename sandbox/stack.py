"""The whole product running on this machine: engine, DRS emulator, and cfn/ deployed as into two AWS accounts.

    with Sandbox() as sandbox:
        sandbox.request("POST", "/executions", {"planId": "shop", "mode": "DRILL"})
        sandbox.client("dynamodb").scan(TableName=sandbox.resources["ExecutionsTable"])

`cfn/template.yaml` is deployed by an unmodified `sam deploy` and nothing in it knows of the sandbox: what the functions
need to know (where DRS is, how fast the clock runs) is in the engine's environment, which they inherit.

Nothing here can reach AWS: the processes are started without any AWS_ variable of the caller, without its profiles,
and with the engine as the only endpoint.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from sandbox.processes import LeashedProcess

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
HUB_ACCOUNT = "111122223333"
TARGET_ACCOUNT = "444455556666"
REGION = "us-west-2"
STACK_NAME = "drs-waves"
TABLES_STACK_NAME = f"{STACK_NAME}-tables"
TARGET_STACK_NAME = "drs-waves-target"
EXTERNAL_ID = "drs-waves-sandbox"

PORT_VARIABLE = "DRS_WAVES_PORT"
DRS_PORT_VARIABLE = "DRS_WAVES_DRS_PORT"
DEFAULT_PORT = 4566
DEFAULT_DRS_PORT = 4567

_SECRET = "test"  # noqa: S105  # MiniStack's secret key of every account
_BUCKET = "drs-waves-sandbox-artifacts"
_STARTUP_SECONDS = 30.0
_DEPLOY_SECONDS = 180.0
_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxError(Exception):
    """The sandbox cannot start; the message says why and what to do."""


class PortTaken(SandboxError):
    """A port the sandbox needs is in use."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the HTTP API answered; `body` is the parsed JSON, or the text where it is none."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class _Port:
    number: int
    purpose: str
    option: str
    variable: str

    def require_free(self) -> None:
        with socket.socket() as probe:
            # A listener that ended a moment ago leaves connections in TIME_WAIT, which are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.number))
            except OSError as error:
                raise PortTaken(
                    f"Port {self.number}, for the {self.purpose}, cannot be used: {error.strerror}. "
                    f"Stop what runs there, or choose another with {self.option} or {self.variable}."
                ) from error


class Sandbox:
    """Starts in `__enter__`, ends exactly what it started in `__exit__`, and on any other way out too."""

    def __init__(
        self,
        *,
        port: int | None = None,
        drs_port: int | None = None,
        speed: float = 60.0,
        seed: int = 7,
        template: Path = ROOT / "cfn" / "template.yaml",
        tables_template: Path | None = ROOT / "cfn" / "tables.yaml",
        target_template: Path | None = ROOT / "cfn" / "target_account.yaml",
        parameters: Mapping[str, str] | None = None,
        emulator: bool = True,
        enforce_iam: bool = True,
        on_progress: Callable[[str], None] = lambda message: None,
    ) -> None:
        """`parameters` are the template's own; `emulator=False` leaves DRS out, for tests that need none.

        With `enforce_iam` the functions can do only what their roles' policies allow, and a role of another account
        is refused to a caller with the wrong external id.
        """
        self._port = _Port(
            port or int(os.environ.get(PORT_VARIABLE, DEFAULT_PORT)), "local AWS", "--port", PORT_VARIABLE
        )
        self._drs_port = _Port(
            drs_port or int(os.environ.get(DRS_PORT_VARIABLE, DEFAULT_DRS_PORT)),
            "DRS emulator",
            "--drs-port",
            DRS_PORT_VARIABLE,
        )
        if self._port.number == self._drs_port.number:
            raise SandboxError(f"--port and --drs-port are both {self._port.number}; they must differ.")
        if speed <= 0:
            raise SandboxError("--speed must be above 0: simulated seconds for each second on the wall.")
        self.speed = speed
        self.origin = round(time.time(), 3)
        self.folder = ROOT / "build" / "sandbox" / str(self._port.number)
        self.outputs: dict[str, str] = {}
        """Outputs of the root stack by name."""
        self.target_roles: dict[str, str] = {}
        """The ARN of the role to assume in each target account, by account id; the hub is a target as well."""
        self.resources: dict[str, str] = {}
        """Physical id (a table's name, a machine's ARN) by logical id in the stack of the tables and the root stack."""
        self.timings: dict[str, float] = {}
        """Wall-clock seconds of each step of the start."""
        self._seed = seed
        self._template = template
        self._tables_template = tables_template
        self._target_template = target_template
        self._parameters = dict(parameters or {})
        self._with_emulator = emulator
        self._enforce_iam = enforce_iam
        self._on_progress = on_progress
        self._processes: list[LeashedProcess] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # --- What runs where ------------------------------------------------------------------------------------------

    @property
    def engine_url(self) -> str:
        return f"http://{HOST}:{self._port.number}"

    @property
    def drs_url(self) -> str:
        return f"http://{HOST}:{self._drs_port.number}"

    @property
    def api_url(self) -> str:
        """Where the REST API of the output `ApiUrl` answers on this machine."""
        at_aws = urlsplit(self.outputs["ApiUrl"])
        api_id = str(at_aws.hostname).partition(".")[0]
        return f"{self.engine_url}/restapis/{api_id}/{at_aws.path.strip('/')}/_user_request_"

    def session(self, account: str = HUB_ACCOUNT, region: str = REGION) -> boto3.Session:
        """Credentials of an account's root. Clients made from it need `endpoint_url`; `client` sees to that."""
        core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        core.set_config_variable("config_file", os.devnull)
        core.set_config_variable("credentials_file", os.devnull)
        return boto3.Session(account, _SECRET, region_name=region, botocore_session=core)

    def client(self, service: str, *, account: str = HUB_ACCOUNT, region: str = REGION) -> Any:
        """A boto3 client for the engine, or for the emulator if the service is DRS."""
        endpoint = self.drs_url if service == "drs" else self.engine_url
        quiet = Config(proxies={}, retries={"total_max_attempts": 2, "mode": "standard"})
        return self.session(account, region).client(service, endpoint_url=endpoint, config=quiet)  # type: ignore[call-overload]

    def request(self, method: str, path: str, body: Any = None) -> Reply:
        """Call the HTTP API as an operator does, signed with IAM credentials of the hub account."""
        url = f"{self.api_url}/{quote(path.lstrip('/'), safe='/?&=%+:,')}"
        data = None if body is None else json.dumps(body).encode()
        signed = AWSRequest(method, url, headers={"Content-Type": "application/json"}, data=data)
        SigV4Auth(Credentials(HUB_ACCOUNT, _SECRET), "execute-api", REGION).add_auth(signed)
        # The URL is ours, so no other scheme than HTTP can be smuggled in.
        request = urllib.request.Request(url, data, dict(signed.headers), method=method)  # noqa: S310
        try:
            with _LOCAL.open(request, timeout=60) as response:
                return _reply(response.status, response.read())
        except urllib.error.HTTPError as error:
            return _reply(error.code, error.read())

    def addresses(self) -> dict[str, Any]:
        """What another process needs to use this sandbox; `secret` is one only here."""
        return {
            "apiUrl": self.api_url,
            "engineUrl": self.engine_url,
            "drsUrl": self.drs_url,
            "region": REGION,
            "account": HUB_ACCOUNT,
            "secret": _SECRET,
            "speed": self.speed,
            "origin": self.origin,
            "pid": os.getpid(),
        }

    def now(self) -> float:
        """The simulated time, the one the product and the emulator keep: epoch seconds."""
        return self.origin + (time.time() - self.origin) * self.speed

    # --- Starting -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Raises SandboxError when something is missing, taken or broken; the caller then calls `stop`."""
        self._require_files()
        self._port.require_free()
        if self._with_emulator:
            self._drs_port.require_free()
        self._make_folder()
        with self._timed("start"):
            self._on_progress("starting the local AWS and the DRS emulator")
            engine = self._run("engine", [sys.executable, "-m", "sandbox.engine"], self._engine_environment())
            emulator = self._run("drs", self._emulator_command(), self.caller_environment())
            self._await_health(engine, f"{self.engine_url}/_ministack/health")
            if emulator:
                self._await_health(emulator, f"{self.drs_url}/_emulator/health")
        with self._timed("deploy"):
            self._on_progress(f"deploying {self._template.name}")
            self.client("s3").create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            deploy = self._run("deploy", self._deploy_command(), self.caller_environment())
            # `sam deploy` takes seconds to load; these stacks are plain CloudFormation and are there before it begins.
            self._deploy_tables()
            self._deploy_target_accounts()
            self._await_deploy(deploy)
        stack = self.client("cloudformation")
        self.outputs = _outputs(stack, STACK_NAME)
        for name in (TABLES_STACK_NAME,) * (self._tables_template is not None) + (STACK_NAME,):
            for page in stack.get_paginator("list_stack_resources").paginate(StackName=name):
                for resource in page["StackResourceSummaries"]:
                    self.resources[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]

    def stop(self) -> None:
        """End what `start` started, in whatever state that is. May be called again."""
        for process in self._processes:
            process.ask_to_stop()
        while self._processes:
            self._processes.pop().stop()

    def require_alive(self) -> None:
        """Raise SandboxError, with the end of its log, if the engine or the emulator has died meanwhile."""
        for process in self._processes:
            if process.returncode is not None:
                raise SandboxError(_death_notice(process))

    def _require_files(self) -> None:
        for path in filter(None, (self._template, self._tables_template, self._target_template)):
            if not path.exists():
                raise SandboxError(f"{path} does not exist.")
        if self._template.is_relative_to(ROOT) and not (ROOT / "build" / "layer" / "python").is_dir():
            raise SandboxError("The Lambda layer is not built yet: run `make build`.")

    def _make_folder(self) -> None:
        """An empty folder of our own; what a killed sandbox left there goes first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("tmp", "s3", "state", "sam"):
            (self.folder / name).mkdir(parents=True)
        # `sam deploy` would ask the package index for a newer sam once a week, and always in a new folder.
        (self.folder / "sam" / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
        # sam zips the functions' folder as it finds it; bytecode there would make each zip a different one.
        for cache in (ROOT / "lambdas").rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)

    def _run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> LeashedProcess | None:
        if not command:
            return None
        process = LeashedProcess(name, command, log=self.folder / f"{name}.log", env=environment, cwd=ROOT)
        self._processes.append(process)
        return process

    def _emulator_command(self) -> list[str]:
        if not self._with_emulator:
            return []
        options = {
            "host": HOST,
            "port": self._drs_port.number,
            "speed": self.speed,
            "origin": self.origin,
            "engine-url": self.engine_url,
            "seed": self._seed,
        }
        given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [sys.executable, "-m", "drs_emulator", *given]

    def _deploy_command(self) -> list[str]:
        command = [sys.executable, "-m", "samcli", "deploy", "--template-file", str(self._template)]
        command += ["--stack-name", STACK_NAME, "--region", REGION, "--s3-bucket", _BUCKET, "--no-progressbar"]
        command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--capabilities", "CAPABILITY_IAM"]
        command += ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
        if self._parameters:
            # Quoted for sam's own parser, which splits each of these words at blanks once more.
            overrides = (f"{name}={json.dumps(value)}" for name, value in self._parameters.items())
            command += ["--parameter-overrides", *overrides]
        return command

    def _deploy_tables(self) -> None:
        if self._tables_template is not None:
            self._deploy_plain(HUB_ACCOUNT, TABLES_STACK_NAME, self._tables_template, {"ControlPlane": STACK_NAME})

    def _deploy_target_accounts(self) -> None:
        if self._target_template is None:
            return
        parameters = {"HubAccountId": HUB_ACCOUNT, "ExternalId": EXTERNAL_ID}
        for account in (HUB_ACCOUNT, TARGET_ACCOUNT):
            outputs = self._deploy_plain(account, TARGET_STACK_NAME, self._target_template, parameters)
            self.target_roles[account] = outputs["RoleArn"]

    def _deploy_plain(self, account: str, name: str, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
        """Create a stack whose template needs no sam, and return its outputs."""
        stack = self.client("cloudformation", account=account)
        stack.create_stack(
            StackName=name,
            TemplateBody=template.read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )
        waiter = stack.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
        return _outputs(stack, name)

    # --- Environments ---------------------------------------------------------------------------------------------

    def _engine_environment(self) -> dict[str, str]:
        return {
            **_clean_environment(),
            # The engine itself
            "GATEWAY_PORT": str(self._port.number),
            "BIND_HOST": HOST,
            "LAMBDA_EXECUTOR": "local",
            "MINISTACK_ACCOUNT_ID": HUB_ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AUTH": "true" if self._enforce_iam else "false",
            "SFN_WAIT_SCALE": str(1 / self.speed),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "STATE_DIR": str(self.folder / "state"),
            "TMPDIR": str(self.folder / "tmp"),
            # Listeners on fixed ports that we do not use
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # The functions, which inherit these
            "AWS_ENDPOINT_URL_DRS": self.drs_url,
            "DRS_WAVES_CLOCK": f"{self.speed:g}@{self.origin:.3f}",
        }

    def caller_environment(self) -> dict[str, str]:
        """For what calls the engine as the hub account's administrator would call AWS."""
        return {
            **_clean_environment(),
            "AWS_ACCESS_KEY_ID": HUB_ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.engine_url,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",
            "__SAM_CLI_APP_DIR": str(self.folder / "sam"),
        }

    # --- Waiting --------------------------------------------------------------------------------------------------

    def _await_health(self, process: LeashedProcess | None, url: str) -> None:
        deadline = time.monotonic() + _STARTUP_SECONDS
        while process is not None:
            if process.returncode is not None:
                raise SandboxError(_death_notice(process))
            try:
                with _LOCAL.open(url, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline:
                    raise SandboxError(
                        f"{process.name} does not answer at {url} after {_STARTUP_SECONDS:.0f} s.\n"
                        f"{process.log_tail()}\nThe whole log: {process.log}"
                    ) from None
                time.sleep(0.05)

    def _await_deploy(self, deploy: LeashedProcess | None) -> None:
        if deploy is None:
            return
        try:
            code = deploy.wait(_DEPLOY_SECONDS)
        except subprocess.TimeoutExpired:
            raise SandboxError(
                f"sam deploy has not ended after {_DEPLOY_SECONDS:.0f} s.\n{deploy.log_tail()}"
            ) from None
        if code != 0:
            raise SandboxError(_death_notice(deploy, lines=40))
        self._processes.remove(deploy)
        deploy.stop()

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings[step] = time.monotonic() - began


def _clean_environment() -> dict[str, str]:
    """Ours without anything that could lead a child to AWS, to a profile, or through a proxy to 127.0.0.1."""
    unwanted = ("AWS_", "SAM_", "MINISTACK_", "PYTHONDONTWRITEBYTECODE")  # sam alone takes 5 s to compile
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {
        **kept,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{HOST},localhost",
        "no_proxy": f"{HOST},localhost",
        "PYTHONUNBUFFERED": "1",
    }


def _death_notice(process: LeashedProcess, lines: int = 15) -> str:
    end_of_log = process.log_tail(lines)
    return f"{process.name} ended with code {process.returncode}:\n{end_of_log}\nThe whole log: {process.log}"


def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _reply(status: int, payload: bytes) -> Reply:
    try:
        return Reply(status, json.loads(payload))
    except ValueError:
        return Reply(status, payload.decode(errors="replace"))
