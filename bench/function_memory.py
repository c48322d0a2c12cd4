"""The memory of the sandbox's functions while it works, from the kernel's VmHWM of their processes."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from sandbox.stack import Sandbox

# A process that is gone has told its last peak by then.
LOOK_SECONDS = 0.5


@contextlib.contextmanager
def watched_memory(sandbox: Sandbox, peaks: dict[str, int]) -> Iterator[None]:
    """Keep the highest peak of each function's processes, in KiB, by the function's name."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            _look(str(sandbox.folder), peaks)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _look(str(sandbox.folder), peaks)


def _look(folder: str, peaks: dict[str, int]) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if folder not in (process / "cmdline").read_text() or "_worker.py" not in (process / "cmdline").read_text():
                continue
            variables = (process / "environ").read_text().split("\0")
            (name,) = (each.partition("=")[2] for each in variables if each.startswith("AWS_LAMBDA_FUNCTION_NAME="))
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            if "VmHWM" in status:  # a zombie has none
                peaks[name] = max(peaks.get(name, 0), int(status["VmHWM"].split()[0]))
