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
from cli.api_client import DEFAULT_STACK, ApiClient, ApiUnreachable, CredentialsExpired, RegionUnknown
from cli.contexts.config import ConfigInvalid, Context, read_config
from cli.people import PERSON_VARIABLE
from cli.refusal import ApiRefused
from cli.terminal import FAILED, INTERRUPTED, REFUSED, end, print_error
from recovery.free_text import flatten


def complete_context(incomplete: str) -> list[str]:
    """The names of the contexts, for the shell; nothing if the file cannot be read."""
    try:
        return [name for name in read_config().contexts if name.startswith(incomplete)]
    except ConfigInvalid:
        return []


ContextName = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="NAME",
        autocompletion=complete_context,
        help="A deployment of the configuration file; see `drs-waves context`.  [env var: DRS_WAVES_CONTEXT]",
    ),
]
ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api-url", metavar="URL", help="The URL of the API: the output ApiUrl.  [env var: DRS_WAVES_API_URL]"
    ),
]
Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="The stack with the output ApiUrl.  [env var: DRS_WAVES_STACK; default: drs-waves]",
    ),
]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="The AWS profile that signs requests.")]
Region = Annotated[str | None, typer.Option("--region", metavar="REGION", help="The Region of the API.")]
Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="Use the sandbox that `make sandbox` runs. If one runs and no deployment is named, it is used anyway.",
    ),
]


@dataclass(frozen=True, slots=True)
class Connection:
    """The deployment that the command line, the environment or a context names.

    `context` is the context that it is, which the other fields may override.
    """

    api_url: str | None = None
    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    sandbox: bool = False
    context: Context | None = None

    def open_api(self) -> ApiClient:
        """A new client. Raise ApiUnreachable."""
        client = self._open()
        client.options = self.options
        return client

    def _open(self) -> ApiClient:
        if self.sandbox:
            return ApiClient.in_sandbox()
        try:
            return ApiClient.on_aws(url=self.api_url, stack=self.stack, profile=self.profile, region=self.region)
        except ApiUnreachable as error:
            if self != Connection() or not checkout.is_checkout():
                raise
            # Nothing names a deployment. In a checkout that means the sandbox, as a rule.
            aws = "For AWS give --stack and --region, or --context." if isinstance(error, RegionUnknown) else error
            message = f"No sandbox runs from this checkout (start one: make sandbox).\n{aws}"
            raise ApiUnreachable(message) from error

    @property
    def options(self) -> str:
        """The options that name this deployment, to append to a command: ` --stack shop --region us-west-2`."""
        if self.sandbox:
            return " --sandbox"
        known = self.context or Context("")
        options = {
            "--context": known.name,
            "--api-url": None if self.api_url == known.api_url else self.api_url,
            "--stack": None if self.stack == known.stack else self.stack,
            "--profile": None if self.profile == known.profile else self.profile,
            "--region": None if self.region == known.region else self.region,
        }
        return "".join(f" {option} {shlex.quote(value)}" for option, value in options.items() if value)

    def describe(self) -> str:
        """The deployment in words: `context prod: stack drs-waves-prod, eu-west-1, profile hub`."""
        if self.sandbox:
            return "the sandbox of this checkout"
        place = self.api_url or f"stack {self.stack or DEFAULT_STACK}"
        details = [place, self.region, f"profile {self.profile}" if self.profile else None]
        context = f"context {self.context.name}: " if self.context else ""
        return flatten(context + ", ".join(filter(None, details)))


def choose_connection(
    url: str | None,
    stack: str | None,
    profile: str | None,
    region: str | None,
    sandbox: bool,
    context: str | None = None,
) -> Connection:
    """The deployment that these options name, or else the environment, a running sandbox or the default context.

    Raise typer.BadParameter for names that contradict each other, and for an invalid configuration file.
    """
    if sandbox:
        if any((url, stack, profile, region, context)):
            raise typer.BadParameter(
                "--sandbox goes with none of --context, --api-url, --stack, --profile and --region"
            )
        return Connection(sandbox=True)
    if url and stack:
        raise typer.BadParameter("give --api-url or --stack, not both")
    if not any((url, stack, context)):
        url, stack, context = _read_environment()
    is_named = any((url, stack, context))
    try:
        if not (is_named or profile or region) and checkout.is_sandbox_running():
            return _choose_running_sandbox()
        known = _find_context(context) if context or not is_named else None
    except ConfigInvalid as error:
        raise typer.BadParameter(str(error)) from error
    return Connection(url, stack, profile, region) if known is None else _override(known, url, stack, profile, region)


def _find_context(name: str | None) -> Context | None:
    """The context with this name, or the default one if there is one. Raise ConfigInvalid."""
    config = read_config()
    wanted = name or config.default
    return config.find(wanted) if wanted else None


def _override(
    known: Context, url: str | None, stack: str | None, profile: str | None, region: str | None
) -> Connection:
    if not (url or stack):
        url, stack = known.api_url, known.stack
    return Connection(url, stack, profile or known.profile, region or known.region, context=known)


def _read_environment() -> tuple[str | None, str | None, str | None]:
    """The URL, the stack and the context that the environment names: one of them at most."""
    variables = ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT")
    url, stack, context = (os.environ.get(name) or None for name in variables)
    given = [name for name in variables if os.environ.get(name)]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} are set, and each names a deployment; unset all but one")
    return url, stack, context


def _choose_running_sandbox() -> Connection:
    if (default := read_config().default) is not None:
        raise typer.BadParameter(
            f"A sandbox runs from this checkout, and the default context is {default}: "
            f"give --sandbox or --context {default}."
        )
    typer.echo("Using the sandbox that runs from this checkout; --stack or --api-url names another.", err=True)
    return Connection(sandbox=True)


CONNECTION_OPTIONS: dict[str, tuple[Any, Any]] = {
    "context": (ContextName, None),
    "url": (ApiUrl, None),
    "stack": (Stack, None),
    "profile": (Profile, None),
    "region": (Region, None),
    "sandbox": (Sandbox, False),
}


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Give a typer command the options of a connection. It receives the Connection as its first argument.

    An error in the command becomes a message and an exit status.
    """
    hints = inspect.get_annotations(command, eval_str=True)
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        connection = choose_connection(**{name: arguments.pop(name) for name in CONNECTION_OPTIONS})
        _refuse_person_on_aws(connection)
        exit_on_error(lambda: command(connection, **arguments))

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in CONNECTION_OPTIONS.items()
    ]
    as_keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    run.__signature__ = inspect.Signature([*as_keywords, *added])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {
        **{name: hint for name, hint in hints.items() if name in {each.name for each in own}},
        **{name: annotation for name, (annotation, _) in CONNECTION_OPTIONS.items()},
    }
    del run.__wrapped__  # typer would read the annotations of the wrapped function instead
    return run


def _refuse_person_on_aws(connection: Connection) -> None:
    """On AWS the credentials say who calls. Who thinks to act as another person must not act as themselves."""
    if os.environ.get(PERSON_VARIABLE) and not connection.sandbox:
        raise typer.BadParameter(
            f"{PERSON_VARIABLE} names a person of the sandbox, and this is {connection.describe()}: "
            "unset it, or give --sandbox. On AWS, --profile chooses who calls."
        )


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
