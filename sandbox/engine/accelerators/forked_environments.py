"""Fork execution environments from a process that has imported boto3 and the layer (fork_server.py)."""

import contextvars
import hashlib
import io
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from sandbox.engine import ENVIRONMENTS_AHEAD, ENVIRONMENTS_MOST
from sandbox.engine.accelerators.fork_server import ForkedProcess, ForkServer
from sandbox.engine.patch import accelerator

logger = logging.getLogger("sandbox.engine")


class _Spawning(threading.local):
    """The worker that this thread is spawning, if any."""

    worker: "ForkedWorker | None" = None


_spawning = _Spawning()


class ForkedWorker(lambda_runtime.Worker):  # type: ignore[misc]  # MiniStack is not typed
    """MiniStack's worker, forked from a fork server instead of started as a new Python."""

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        # With no layers in the configuration, MiniStack does not unpack them for each worker.
        super().__init__(func_name, {**config, "Layers": []}, code_zip)
        self._layers = config.get("Layers") or []

    def _spawn(self) -> None:
        _spawning.worker = self
        try:
            super()._spawn()
        finally:
            _spawning.worker = None

    def share_code(self, unpacked: Path) -> None:
        """Replace the code that MiniStack has unpacked for this worker by a link to that of the first one.

        All environments with the same code then load the bytecode that the first one wrote. With it the
        import of the product's API takes 0.15 s of a processor instead of 0.28 s, and thirty requests that come at once
        start thirty environments.
        """
        folder = Path(tempfile.gettempdir()) / f"code-{hashlib.sha256(self.code_zip).hexdigest()[:16]}"
        with _unpacking:
            if folder.exists():
                shutil.rmtree(unpacked, ignore_errors=True)  # MiniStack may be deleting it at this moment
            else:
                unpacked.rename(folder)
        unpacked.symlink_to(folder)

    def fork_server(self) -> ForkServer:
        return _fork_server_for(tuple(filter(None, map(_unpacked_layer, self._layers))))


class _ForkingSubprocess:
    """Replaces the module `subprocess` in MiniStack's Lambda runtime: the Popen of a worker becomes a fork."""

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    @staticmethod
    def Popen(args: list[str], **options: Any) -> "subprocess.Popen[Any] | ForkedProcess":  # noqa: N802
        worker = _spawning.worker
        if worker is None:
            return subprocess.Popen(args, **options)
        worker.share_code(Path(options["cwd"]))
        return worker.fork_server().fork(args[-1], cwd=options["cwd"], env=options["env"])


_unpacking = threading.Lock()
_fork_servers: dict[tuple[Path, ...], ForkServer] = {}


def _unpacked_layer(attachment: str | dict[str, Any]) -> Path | None:
    """The folder of a layer's content, unpacked once for all functions."""
    content: bytes | None = lambda_svc._resolve_layer_zip(attachment)
    if not content:
        return None
    folder = Path(tempfile.gettempdir()) / f"layer-{hashlib.sha256(content).hexdigest()[:16]}"
    with _unpacking:
        if not folder.exists():
            zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder


def _fork_server_for(layers: tuple[Path, ...]) -> ForkServer:
    with _unpacking:
        return _fork_servers.setdefault(layers, ForkServer(layers))


@accelerator
def fork_environments() -> None:
    """Start environments in milliseconds, and the first of each function before its first call.

    MiniStack starts a Python for each environment, unpacks the layers again and imports boto3. That takes 1 to 1.4 s,
    which is a simulated minute.
    """
    original_class_for = lambda_runtime._worker_class_for

    def worker_class_for(config: dict[str, Any]) -> type:
        is_python = str(config.get("Runtime", "")).startswith("python")
        return ForkedWorker if is_python else original_class_for(config)

    lambda_runtime._worker_class_for = worker_class_for
    lambda_runtime.subprocess = _ForkingSubprocess()
    ahead = int(os.environ.get(ENVIRONMENTS_AHEAD, "1"))
    if ahead:
        _start_ahead(ahead)
    if most := int(os.environ.get(ENVIRONMENTS_MOST, "0")):
        _limit_environments(most)


def _limit_environments(most: int) -> None:
    execute: Callable[..., Any] = lambda_svc._execute_function_warm
    places: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(most))
    lock = threading.Lock()

    def execute_in_turn(function: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        with lock:
            place = places[str((function.get("config") or function).get("FunctionName"))]
        with place:
            return execute(function, *args, **kwargs)

    lambda_svc._execute_function_warm = execute_in_turn


def _start_ahead(count: int) -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create: Callable[..., Any] = handlers["create"]
    queue = ThreadPoolExecutor(max_workers=1, thread_name_prefix="environments-ahead")

    def create_and_start(*args: Any, **kwargs: Any) -> Any:
        created = create(*args, **kwargs)
        _show_state(created[0], "Pending")
        # MiniStack reads the account and Region from context variables, so the thread needs a copy of this context.
        queue.submit(contextvars.copy_context().run, _start_environments, created[0], count)
        return created

    handlers["create"] = create_and_start


def _start_environments(name: str, count: int) -> None:
    function = lambda_svc._functions.get(name)
    if function is None or not function.get("code_zip"):
        return
    workers = []
    try:
        for _ in range(count):
            worker, _reason = lambda_runtime.acquire_worker(name, function["config"], function["code_zip"])
            workers.append(worker)
            lambda_runtime.ensure_spawned(worker)
    except Exception:
        # The first call of the function fails in the same way and reports it to its caller.
        logger.warning("%s cannot start", name, exc_info=True)
    finally:
        for worker in workers:
            lambda_runtime.release_worker(worker)
        _show_state(name, "Active")


def _show_state(name: str, state: str) -> None:
    """Let GetFunction show the state, as AWS does while a function is prepared. It can be called in either state."""
    if function := lambda_svc._functions.get(name):
        function["config"]["State"] = state
