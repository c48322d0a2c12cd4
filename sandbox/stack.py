"""The product on this machine: the engine, the DRS emulator, and the templates of cfn/ in two emulated accounts.

    with Sandbox() as sandbox:
        sandbox.request("GET", "/health")
        sandbox.client("dynamodb").scan(TableName=sandbox.resources["ExecutionsTable"])

An unmodified `sam deploy` deploys `cfn/template.yaml`, which does not mention the sandbox. The functions inherit what
they need (where DRS is, how fast the clock runs) from the engine's environment.

No process can reach AWS: each starts without the AWS_ variables and profiles of the caller, and with the engine as its
only endpoint.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.config import Config

from loopback import guard
from sandbox import clients, deployment, environments
from sandbox.clients import Reply
from sandbox.processes import LeashedProcess
from sandbox.settings import (
    DEFAULT_DRS_PORT,
    DEFAULT_PORT,
    DRS_PORT_VARIABLE,
    HOST,
    HUB_ACCOUNT,
    PORT_VARIABLE,
    REGION,
    ROOT,
    SECRET_KEY,
    STACK_NAME,
    TABLES_PARAMETERS,
    TABLES_STACK_NAME,
    TARGET_ACCOUNT,
    Port,
    SandboxError,
)

_STARTUP_SECONDS = 30.0
_DEPLOY_SECONDS = 180.0


class Sandbox:
    """Starts the processes in `__enter__`. Stops everything that it started, even if start-up fails."""

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
        """`parameters` are parameters of the template. `emulator=False` leaves DRS out, for tests that need none.

        With `enforce_iam` the functions can do only what their roles' policies allow, and a role of another account
        is refused to a caller with the wrong external id.
        """
        self._port = Port(
            port or int(os.environ.get(PORT_VARIABLE, DEFAULT_PORT)), "local AWS", "--port", PORT_VARIABLE
        )
        self._drs_port = Port(
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
        self.secret = guard.make_secret()
        """What the engine and the emulator expect of their callers, as the session token of their credentials."""
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

    def client(self, service: str, *, account: str = HUB_ACCOUNT, region: str = REGION) -> Any:
        """A boto3 client for the engine, or for the emulator if it plays the service, as functions have it."""
        endpoint = self.drs_url if service in environments.SERVICES_OF_EMULATOR else self.engine_url
        quiet = Config(proxies={}, retries={"total_max_attempts": 2, "mode": "standard"})
        session = clients.create_session(account, region, self.secret)
        return session.client(service, endpoint_url=endpoint, config=quiet)  # type: ignore[call-overload]

    def request(self, method: str, path: str, body: Any = None) -> Reply:
        """Call the HTTP API as an operator does, signed with IAM credentials of the hub account."""
        return clients.call_api(self.api_url, clients.root_credentials(self.secret), method, path, body)

    def control_emulator(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control API of the DRS emulator. Raise SandboxError if it refuses."""
        return clients.control_emulator(self.drs_url, self.secret, method, path, body)

    def addresses(self) -> dict[str, Any]:
        """What another process needs to use this sandbox. Only this user may read `sessionToken`, its secret."""
        return {
            "apiUrl": self.api_url,
            "engineUrl": self.engine_url,
            "drsUrl": self.drs_url,
            "region": REGION,
            "account": HUB_ACCOUNT,
            "secret": SECRET_KEY,
            "sessionToken": self.secret,
            "speed": self.speed,
            "origin": self.origin,
            "pid": os.getpid(),
            "messageLog": str(self.folder / "messages.log"),
        }

    def now(self) -> float:
        """The simulated time of the product and the emulator, in epoch seconds."""
        return self.origin + (time.time() - self.origin) * self.speed

    # --- Starting -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Raise SandboxError if a file is missing, a port is taken, or a process fails; then call `stop`."""
        self._require_files()
        self._port.require_free()
        if self._with_emulator:
            self._drs_port.require_free()
        self._make_folder()
        with self._timed("start"):
            self._on_progress("starting the local AWS and the DRS emulator")
            engine = self._run("engine", [sys.executable, "-m", "sandbox.engine"], self._build_engine_environment())
            emulator = self._run("drs", self._emulator_command(), environments.build_emulator_environment(self.secret))
            self._await_health(engine, f"{self.engine_url}/_ministack/health")
            if emulator:
                self._await_health(emulator, f"{self.drs_url}/_emulator/health")
        with self._timed("deploy"):
            self._on_progress(f"deploying {self._template.name}")
            deployment.create_bucket(self.client("s3"))
            command = deployment.build_sam_command(self._template, self._parameters)
            deploy = self._run("deploy", command, self.build_caller_environment())
            # `sam deploy` takes seconds to load. These stacks are plain CloudFormation and exist before it begins.
            self._deploy_tables()
            self._deploy_target_accounts()
            self._await_deploy(deploy)
        stacks = self.client("cloudformation")
        self.outputs = deployment.read_outputs(stacks, STACK_NAME)
        if self._tables_template is not None:
            self.resources.update(deployment.list_resources(stacks, TABLES_STACK_NAME))
        self.resources.update(deployment.list_resources(stacks, STACK_NAME))

    def stop(self) -> None:
        """Stop what `start` started, whatever its state. A second call has no effect."""
        for process in self._processes:
            process.ask_to_stop()
        while self._processes:
            self._processes.pop().stop()

    def require_alive(self) -> None:
        """Raise SandboxError, with the end of its log, if the engine or the emulator has died."""
        for process in self._processes:
            if process.returncode is not None:
                raise SandboxError(process.death_notice())

    def _require_files(self) -> None:
        for path in filter(None, (self._template, self._tables_template, self._target_template)):
            if not path.exists():
                raise SandboxError(f"{path} does not exist.")
        if self._template.is_relative_to(ROOT) and not (ROOT / "build" / "layer" / "python").is_dir():
            raise SandboxError("The Lambda layer is not built yet: run `make build`.")

    def _make_folder(self) -> None:
        """Create an empty folder. Remove what an earlier sandbox left behind."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)  # logs and code of functions are for this user alone
        for name in ("tmp", "s3", "state", "sam"):
            (self.folder / name).mkdir()
        # In a new folder, `sam deploy` would ask the package index for a newer sam. This file prevents that.
        (self.folder / "sam" / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
        # sam zips everything in the functions' folder. Bytecode there would make every zip different.
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
            "env-file": self.folder / "drs.env",
        }
        given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [sys.executable, "-m", "drs_emulator", *given]

    def _deploy_tables(self) -> None:
        if self._tables_template is not None:
            stacks = self.client("cloudformation")
            deployment.create_stack(stacks, TABLES_STACK_NAME, self._tables_template, TABLES_PARAMETERS)

    def _deploy_target_accounts(self) -> None:
        for account in (HUB_ACCOUNT, TARGET_ACCOUNT):
            self.add_target_account(account)

    def add_target_account(self, account: str) -> None:
        """Deploy the role to assume in this account, if there is none yet."""
        if self._target_template is None or account in self.target_roles:
            return
        stacks = self.client("cloudformation", account=account)
        outputs = deployment.create_target_stack(stacks, account, self._target_template)
        self.target_roles[account] = outputs["RoleArn"]

    # --- Environments ---------------------------------------------------------------------------------------------

    def _build_engine_environment(self) -> dict[str, str]:
        return environments.build_engine_environment(
            self._port.number,
            self.folder,
            secret=self.secret,
            drs_url=self.drs_url,
            speed=self.speed,
            origin=self.origin,
            iam=self._enforce_iam,
        )

    def build_caller_environment(self) -> dict[str, str]:
        """The environment of a process that calls the engine as the administrator of the hub account."""
        return environments.build_caller_environment(self.engine_url, self.folder, self.secret)

    # --- Waiting --------------------------------------------------------------------------------------------------

    def _await_health(self, process: LeashedProcess | None, url: str) -> None:
        deadline = time.monotonic() + _STARTUP_SECONDS
        while process is not None:
            if process.returncode is not None:
                raise SandboxError(process.death_notice())
            if clients.is_healthy(url, self.secret):
                return
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"{process.name} does not answer at {url} after {_STARTUP_SECONDS:.0f} s.\n"
                    f"{process.log_tail()}\nThe whole log: {process.log}"
                )
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
            raise SandboxError(deploy.death_notice(lines=40))
        self._processes.remove(deploy)
        deploy.stop()

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings[step] = time.monotonic() - began
