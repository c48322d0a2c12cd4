"""The command `drs-emulator`: serves until SIGINT or SIGTERM.

It writes the secret of its callers to a file that only this user can read. Neither the terminal nor the list of
processes shows it.
"""

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from drs_emulator.behaviour import PROFILES
from drs_emulator.control.state_file import StateError
from drs_emulator.emulator import Emulator
from drs_emulator.operations import BUILT
from drs_emulator.protocol.service_model import drs_model
from loopback.private_files import write_environment

EXAMPLE_ACCOUNT = "111122223333"


def main() -> int:
    options = _parse_options()
    if options.operations:
        _list_operations()
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        emulator = Emulator(
            host=options.host,
            port=options.port,
            speed=60 if options.speed is None else options.speed,
            seed=7 if options.seed is None else options.seed,
            origin=options.origin,
            engine_url=options.engine_url,
            state=options.state,
            profile=options.profile or "captured",
            secret=os.environ.get("DRS_EMULATOR_SECRET"),
            engine_token=os.environ.get("DRS_EMULATOR_ENGINE_TOKEN"),
        )
    except OSError as error:
        sys.stderr.write(f"drs-emulator: cannot listen on {options.host}:{options.port}: {error.strerror}\n")
        return 2
    except StateError as error:
        sys.stderr.write(f"drs-emulator: {error}\n")
        return 2
    chosen = {name: value for name in ("speed", "seed", "profile") if (value := getattr(options, name)) is not None}
    emulator.control.change_settings(chosen)  # they override the state file
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with emulator, published(emulator, options.env_file) as path:
            ec2 = f"EC2 of {options.engine_url}" if options.engine_url else "simulated instances"
            speed = emulator.world.clock.speed
            sys.stdout.write(f"DRS emulator on {emulator.url}, time x{speed:g}, {ec2}\n")
            sys.stdout.write(f"  . {path}  # sets what its clients need\n")
            sys.stdout.flush()
            stop.wait()
    except OSError as error:
        sys.stderr.write(f"drs-emulator: cannot write {error.filename}: {error.strerror}\n")
        return 2
    except StateError as error:
        sys.stderr.write(f"drs-emulator: the state was not saved: {error}\n")
        return 1
    return 0


@contextlib.contextmanager
def published(emulator: Emulator, path: Path | None) -> Iterator[Path]:
    """Write the file for clients while the emulator runs. Raise OSError."""
    path = path or Path.home() / ".drs-emulator" / f"{urlsplit(emulator.url).port}.env"
    variables = {
        "AWS_ENDPOINT_URL_DRS": emulator.url,
        "AWS_ENDPOINT_URL_SSM": emulator.url,
        "AWS_ENDPOINT_URL_EC2": emulator.url,
        "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": emulator.url,
        "AWS_ENDPOINT_URL_SERVICE_QUOTAS": emulator.url,
        "AWS_ENDPOINT_URL_IAM": emulator.url,
        "AWS_ACCESS_KEY_ID": EXAMPLE_ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_SESSION_TOKEN": emulator.secret,
    }
    write_environment(path, variables)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


EXAMPLES = """\
examples:
  drs-emulator
      serve on 127.0.0.1:4567; an hour passes in a minute
  drs-emulator --port 4630 --speed 600
      serve on another port; an hour passes in six seconds
  drs-emulator --speed 0
      stop the clock; only `POST /_emulator/advance` moves it
  drs-emulator --profile unkind
      play the worst that a caller of DRS must survive
  drs-emulator --state drs-state.json
      continue from a file, and save to it at the end
  drs-emulator --engine-url http://127.0.0.1:4566
      launch the instances at an AWS emulator such as MiniStack
  drs-emulator --operations
      list the operations of DRS that are built, and those that are missing

Clients need what the --env-file sets, and a 12-digit account id as their access key.
DRS_EMULATOR_SECRET in the environment sets the secret of the callers; otherwise it is new at each start.
DRS_EMULATOR_ENGINE_TOKEN is the session token that the engine expects, if it expects one.
"""


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="drs-emulator",
        description="Serve AWS Elastic Disaster Recovery (DRS) on this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('drs-emulator')}")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=4567, help="port to listen on, or 0 for a free one (%(default)s)")
    parser.add_argument("--speed", type=_parse_speed, help="simulated seconds per real second (60)")
    parser.add_argument("--seed", type=int, help="seed of all random choices, such as durations (7)")
    parser.add_argument("--profile", choices=list(PROFILES), help="how DRS behaves where its model is open (captured)")
    parser.add_argument("--origin", type=float, help="epoch seconds at which simulated and real time are equal (now)")
    parser.add_argument("--engine-url", help="AWS emulator that runs the instances and knows the access keys")
    parser.add_argument("--state", type=Path, help="file to continue from, if it exists, and to save to at the end")
    parser.add_argument(
        "--env-file",
        type=Path,
        help="file to write for clients: address and credentials, to be sourced by a shell "
        "(~/.drs-emulator/PORT.env, removed at the end)",
    )
    parser.add_argument("--operations", action="store_true", help="list the built and the missing operations, and exit")
    return parser.parse_args()


def _parse_speed(text: str) -> float:
    speed = float(text)
    if not 0 <= speed < float("inf"):
        raise ValueError(text)
    return speed


def _list_operations() -> None:
    names = drs_model().operations
    for title, listed in (("built", names.keys() & BUILT), ("missing", names.keys() - BUILT)):
        sys.stdout.write(f"{title} ({len(listed)} of {len(names)}):\n")
        sys.stdout.writelines(f"  {name}\n" for name in sorted(listed))
