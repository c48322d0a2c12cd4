"""The commands of the group `context`: list, show and use."""

from typing import Annotated

import typer

from cli.commands.arguments import AsJson, CommandGroup, OutputForm, choose_output
from cli.connection import Connection, complete_context
from cli.contexts import config
from cli.listings.cells import show_yes
from cli.listings.columns import Column, Listing
from cli.listings.output import print_listing
from cli.terminal import FAILED, INVALID, console, end, print_json
from recovery.free_text import flatten

_HELP = """\
Deployments with names, in a configuration file.

The file is $DRS_WAVES_CONFIG, or drs-waves/config.toml in $XDG_CONFIG_HOME or ~/.config. It has no credentials:

\b
  default = "prod"
  [contexts.prod]
  stack = "drs-waves-prod"   # or api-url = "https://..."
  region = "eu-west-1"
  profile = "hub"

Which deployment a command uses, the first that is given:

\b
  1. --sandbox, --context, --api-url or --stack
  2. DRS_WAVES_CONTEXT, DRS_WAVES_API_URL or DRS_WAVES_STACK
  3. a sandbox that runs from this checkout
  4. the default context
  5. the stack drs-waves

With --context, the options --api-url, --stack, --profile and --region override what the context says; --profile
and --region also override the default context. Two names that contradict each other are refused: --sandbox with
any other, --api-url with --stack, two of the variables, and 3 with 4.
"""

app = CommandGroup(no_args_is_help=True, help=_HELP)

_CONTEXTS = Listing(
    path="",
    items="contexts",
    schema="",
    columns=(
        Column("name", "context"),
        Column("isDefault", "default", show_yes),
        Column("stack", "stack", folds=True),
        Column("region", "Region"),
        Column("profile", "profile", folds=True),
        Column("apiUrl", "API URL", folds=True),
    ),
    empty="There are no contexts: see `drs-waves context --help`.",
)


def _read() -> config.Config:
    try:
        return config.read_config()
    except config.ConfigInvalid as error:
        end(INVALID, str(error))


@app.command("list", epilog="Example: drs-waves context list")
def list_(output: OutputForm = None, as_json: AsJson = False) -> None:
    """List the contexts."""
    form = choose_output(output, as_json)
    found = _read()
    print_listing(_CONTEXTS, [_to_item(each, found) for each in found.contexts.values()], form)


def _to_item(context: config.Context, found: config.Config) -> dict[str, object]:
    return {
        "name": context.name,
        "isDefault": context.name == found.default,
        "stack": context.stack,
        "apiUrl": context.api_url,
        "profile": context.profile,
        "region": context.region,
    }


Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_context, help="The name of a context.")]


@app.command(epilog="Example: drs-waves context show prod")
def show(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", autocompletion=complete_context, help="A context; else the default one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a context, and the file that names it."""
    found = _read()
    if (name or found.default) is None:
        end(FAILED, config.describe_missing_default(found))
    context = _find(found, str(name or found.default))
    if as_json:
        print_json({**_to_item(context, found), "file": str(found.path)})
        return
    connection = Connection(context.api_url, context.stack, context.profile, context.region, context=context)
    console().print(connection.describe() + (" (default)" if context.name == found.default else ""), markup=False)
    console().print(f"file {flatten(found.path)}", markup=False)


def _find(found: config.Config, name: str) -> config.Context:
    try:
        return found.find(name)
    except config.ConfigInvalid as error:
        end(INVALID, str(error))


@app.command(epilog="Example: drs-waves context use prod")
def use(name: Name) -> None:
    """Make a context the default one."""
    try:
        path = config.set_default(name)
    except config.ConfigInvalid as error:
        end(INVALID, str(error))
    except OSError as error:
        end(FAILED, flatten(error))
    console().print(f"{name} is the default context now, by {flatten(path)}", markup=False)
