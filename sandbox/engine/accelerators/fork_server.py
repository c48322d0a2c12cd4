"""A process that has imported boto3 and the layer, and forks a Lambda execution environment for each request.

A Python that imports boto3 and the layer takes a second of CPU and 70 MB. Twenty functions with two or three
environments each would cost a laptop a minute and 4 GB. At 60 times real time, every cold start would take a simulated
minute. A fork of a process that has already imported them takes 10 ms and shares their memory.

Run as a script, this file is that process. After the imports it removes its own site-packages from the path. A
function then finds what AWS provides (the standard library, boto3 and what boto3 needs) and its layers, and no other
package that is installed on this machine.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import site
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

RUNTIME_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil.tz", "six", "urllib3")
"""What the Python runtime of Lambda provides."""

LAYER_MODULES = (
    "aws_lambda_powertools",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.metrics",
    "pybreaker",
    "pydantic",
    "tenacity",
)
"""What the layer contains. A module that is missing is not imported ahead."""

CLIENTS = ("dynamodb", "drs", "ec2", "lambda", "scheduler", "service-quotas", "sns", "stepfunctions", "sts")
"""A client of each is created ahead, which imports the parts of botocore that load on first use."""

_SIZE_BYTES = 4


class ForkedProcess:
    """A forked environment, with the part of `subprocess.Popen` that MiniStack's worker uses.

    The environment is a child of the fork server and not of this process, so this process cannot wait for it.
    Instead the environment holds the writing end of a pipe: end-of-file on the reading end means that it has ended.
    """

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int, alive: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "w", buffering=1)
        self.stdout = os.fdopen(stdout)
        self.stderr = os.fdopen(stderr, errors="replace")
        self._alive = os.fdopen(alive, "rb")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._gone_within(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._gone_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"environment {self.pid}", timeout or 0)
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _gone_within(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            ended = select.poll()  # select() takes no descriptor above 1,023, which 250 environments reach
            ended.register(self._alive, select.POLLIN | select.POLLHUP)
            if ended.poll(None if timeout is None else 1_000 * timeout):
                self.returncode = -1
        return self.returncode

    def _signal(self, signum: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signum)


class ForkServer:
    """The process from which all environments with the same layers are forked. It starts on first use."""

    def __init__(self, layers: Iterable[Path]) -> None:
        self._layers = [str(layer) for layer in layers]
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def fork(self, script: str, *, cwd: str, env: Mapping[str, str]) -> ForkedProcess:
        """Run `script` as __main__ in a fork that is connected to this process by pipes."""
        request = json.dumps({"script": script, "cwd": cwd, "env": dict(env)}).encode()
        stdin, to_stdin = os.pipe()
        from_stdout, stdout = os.pipe()
        from_stderr, stderr = os.pipe()
        from_alive, alive = os.pipe()
        theirs = [stdin, stdout, stderr, alive]
        try:
            with self._lock:
                connection = self._connection()
                socket.send_fds(connection, [len(request).to_bytes(_SIZE_BYTES)], theirs)
                connection.sendall(request)
                pid = int.from_bytes(_receive(connection, _SIZE_BYTES))
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return ForkedProcess(pid, to_stdin, from_stdout, from_stderr, from_alive)

    def _connection(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair()
            with theirs:
                # -I: only the standard library and site-packages are on the path, whatever the environment says.
                command = [sys.executable, "-I", __file__, str(theirs.fileno()), *self._layers]
                subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        return self._socket


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError("the other side has closed the connection")
        data += part
    return data


def serve(connection: socket.socket, layers: list[str]) -> None:
    """Fork an environment for each request until the engine has ended."""
    _import_ahead(layers)
    gc.collect()
    gc.freeze()  # otherwise the collector writes to every page of the imports, which then is no longer shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended environments leave no zombies
    while True:
        size, descriptors, _, _ = socket.recv_fds(connection, _SIZE_BYTES, 4)
        if not size:
            return
        request = json.loads(_receive(connection, int.from_bytes(size)))
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become_environment(request["script"], request["cwd"], request["env"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        connection.sendall(pid.to_bytes(_SIZE_BYTES))


def _import_ahead(layers: list[str]) -> None:
    sys.path[:0] = [os.path.join(layer, "python") for layer in layers]
    for name in (*RUNTIME_MODULES, *LAYER_MODULES):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _make_clients()
    elsewhere = {*site.getsitepackages(), site.getusersitepackages()}
    sys.path[:] = [entry for entry in sys.path if entry not in elsewhere]


def _make_clients() -> None:
    import boto3

    session = boto3.Session("none", "none", region_name="us-east-1")
    for service in CLIENTS:
        session.client(service)  # type: ignore[call-overload]  # the stubs know only literal names
    session.resource("dynamodb")


def _become_environment(script: str, cwd: str, env: Mapping[str, str], descriptors: list[int]) -> NoReturn:
    """Run as `python script` would. The fourth descriptor stays open and shows the engine that this process runs."""
    code = 1
    try:
        for target, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, target)
            os.close(descriptor)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)
        os.environ.clear()
        os.environ.update(env)
        time.tzset()
        os.chdir(cwd)
        sys.argv = [script]
        exec(compile(Path(script).read_text(), script, "exec"), {"__name__": "__main__", "__file__": script})
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, EOFError):
        serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
