"""Which deployment a command talks to, by the same options everywhere, and how what goes wrong ends a command.

Exit status: 0 done, 1 failed, 2 the command or its file is not valid, 3 refused, by you or by the API, 130 Ctrl-C.
"""

import functools
import inspect
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from scripts.client import Api, ApiRefused, ApiUnreachable

FAILED, INVALID, REFUSED, INTERRUPTED = 1, 2, 3, 130

errors = Console(highlight=False, soft_wrap=True, stderr=True)

ApiUrl = Annotated[
    str | None, typer.Option("--api-url", envvar="DRS_WAVES_API_URL", help="Where the API is: the output ApiUrl.")
]
Stack = Annotated[
    str | None,
    typer.Option("--stack", help="The stack whose output ApiUrl it is; $DRS_WAVES_STACK, or drs-waves, if not given."),
]
Profile = Annotated[str | None, typer.Option("--profile", help="The AWS profile to sign with.")]
RegionOption = Annotated[str | None, typer.Option("--region", help="The Region the API is in.")]
InSandbox = Annotated[bool, typer.Option("--sandbox", help="The sandbox that `make sandbox` runs.")]


@dataclass(frozen=True, slots=True)
class Connection:
    """A deployment, as the command line and the environment name it."""

    api_url: str | None = None
    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    sandbox: bool = False

    @property
    def api(self) -> Api:
        """A client of its own. Raise ApiUnreachable."""
        if self.sandbox:
            return Api.in_sandbox()
        return Api.on_aws(url=self.api_url, stack=self.stack, profile=self.profile, region=self.region)

    @property
    def options(self) -> str:
        """The options that name it again, to be put behind a command: ` --stack shop --region us-west-2`."""
        if self.sandbox:
            return " --sandbox"
        named = {
            "--api-url": self.api_url,
            "--stack": self.stack,
            "--profile": self.profile,
            "--region": self.region,
        }
        return "".join(f" {option} {shlex.quote(value)}" for option, value in named.items() if value)


def connect(url: str | None, stack: str | None, profile: str | None, region: str | None, sandbox: bool) -> Connection:
    """Raise typer.BadParameter for options that do not go together."""
    if sandbox and (stack or profile or region):
        raise typer.BadParameter("--sandbox goes with none of --stack, --profile and --region")
    if url and stack and not sandbox:
        raise typer.BadParameter("give --api-url or --stack, not both")
    if not (url or sandbox):  # the environment says nothing against what the command line names
        stack = stack or os.environ.get("DRS_WAVES_STACK") or None
    return Connection(url, stack, profile, region, sandbox)


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "api_url": (ApiUrl, None),
    "stack": (Stack, None),
    "profile": (Profile, None),
    "region": (RegionOption, None),
    "in_sandbox": (InSandbox, False),
}


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """A typer command that has the options of a connection besides its own, and is given it as its first argument.

    What goes wrong within it becomes a message and an exit status.
    """
    hints = inspect.get_annotations(command, eval_str=True)
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def run(**words: Any) -> None:
        url, stack, profile, region, sandbox = (words.pop(name) for name in _OPTIONS)
        connection = connect(url, stack, profile, region, sandbox)
        guarded(lambda: command(connection, **words))

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]
    as_keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    run.__signature__ = inspect.Signature([*as_keywords, *added])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {
        **{name: hint for name, hint in hints.items() if name in {each.name for each in own}},
        **{name: annotation for name, (annotation, _) in _OPTIONS.items()},
    }
    del run.__wrapped__  # or its annotations are read in place of these
    return run


def guarded(work: Callable[[], None]) -> None:
    """Do it; what goes wrong is a message and an exit status, not a stack trace."""
    try:
        work()
    except ApiRefused as error:
        end(REFUSED if error.reply.status < 500 else FAILED, str(error))
    except (ApiUnreachable, OSError) as error:
        end(FAILED, str(error))
    except KeyboardInterrupt:
        end(INTERRUPTED, "stopped")


def end(status: int, message: str) -> NoReturn:
    """Say why on standard error, and leave."""
    errors.print(escape(message), style="red")
    raise typer.Exit(status)
