"""The options that choose a deployment, the same for every command, and how errors end a command."""

import functools
import inspect
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli import checkout
from cli.api_client import ApiClient, ApiRefused, ApiUnreachable, CredentialsExpired
from cli.terminal import FAILED, INTERRUPTED, REFUSED, end, print_error
from recovery.free_text import flatten

ApiUrl = Annotated[
    str | None, typer.Option("--api-url", envvar="DRS_WAVES_API_URL", help="The URL of the API: the output ApiUrl.")
]
Stack = Annotated[
    str | None,
    typer.Option("--stack", help="The stack with the output ApiUrl.  [env var: DRS_WAVES_STACK; default: drs-waves]"),
]
Profile = Annotated[str | None, typer.Option("--profile", help="The AWS profile that signs requests.")]
Region = Annotated[str | None, typer.Option("--region", help="The Region of the API.")]
Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="Use the sandbox that `make sandbox` runs. If one runs and no deployment is named, it is used anyway.",
    ),
]


@dataclass(frozen=True, slots=True)
class Connection:
    """The deployment that the command line or the environment names."""

    api_url: str | None = None
    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    sandbox: bool = False

    def open_api(self) -> ApiClient:
        """A new client. Raise ApiUnreachable."""
        if self.sandbox:
            return ApiClient.in_sandbox()
        return ApiClient.on_aws(url=self.api_url, stack=self.stack, profile=self.profile, region=self.region)

    @property
    def options(self) -> str:
        """The options that name this deployment, to append to a command: ` --stack shop --region us-west-2`."""
        if self.sandbox:
            return " --sandbox"
        options = {
            "--api-url": self.api_url,
            "--stack": self.stack,
            "--profile": self.profile,
            "--region": self.region,
        }
        return "".join(f" {option} {shlex.quote(value)}" for option, value in options.items() if value)


def choose_connection(
    url: str | None, stack: str | None, profile: str | None, region: str | None, sandbox: bool
) -> Connection:
    """The deployment that these options name. If nothing names one, a sandbox that runs from this checkout.

    Raise typer.BadParameter for options that contradict each other.
    """
    if sandbox:
        if stack or profile or region:
            raise typer.BadParameter("--sandbox goes with none of --stack, --profile and --region")
        return Connection(url, None, None, None, sandbox=True)
    if url and stack:
        raise typer.BadParameter("give --api-url or --stack, not both")
    if not url:  # the command line overrides the environment
        stack = stack or os.environ.get("DRS_WAVES_STACK") or None
    is_named = any((url, stack, profile, region))
    if not is_named and checkout.is_sandbox_running():
        typer.echo("Using the sandbox that runs from this checkout; --stack or --api-url names another.", err=True)
        return Connection(url, stack, profile, region, sandbox=True)
    return Connection(url, stack, profile, region, sandbox=False)


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "api_url": (ApiUrl, None),
    "stack": (Stack, None),
    "profile": (Profile, None),
    "region": (Region, None),
    "in_sandbox": (Sandbox, False),
}


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Give a typer command the options of a connection. It receives the Connection as its first argument.

    An error in the command becomes a message and an exit status.
    """
    hints = inspect.get_annotations(command, eval_str=True)
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        connection = choose_connection(*(arguments.pop(name) for name in _OPTIONS))
        exit_on_error(lambda: command(connection, **arguments))

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
    del run.__wrapped__  # typer would read the annotations of the wrapped function instead
    return run


def exit_on_error(work: Callable[[], None]) -> None:
    """Do the work. An expected error becomes a message and an exit status instead of a stack trace."""
    try:
        work()
    except ApiRefused as error:
        end(REFUSED if error.reply.status < 500 else FAILED, str(error))
    except (ApiUnreachable, CredentialsExpired) as error:
        end(FAILED, str(error))
    except OSError as error:  # its text names a file
        end(FAILED, flatten(error))
    except KeyboardInterrupt:
        end(INTERRUPTED, "stopped")


def exit_status_after(work: Callable[[], int], command: str) -> int:
    """Run work that follows a run, and return its exit status. `command` does the same work later.

    Print its errors instead of raising them, so that the result of the run is still reported.
    """
    try:
        return work()
    except (ApiRefused, ApiUnreachable, CredentialsExpired, OSError) as error:
        print_error(f"{error}\nTo do this later:  {command}")
        return FAILED
