"""The command `console`: web pages for operators, on this machine."""

import os
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.arguments import CommandGroup
from cli.connection import Connection, connected
from cli.people import PERSON_VARIABLE
from cli.session import Session
from cli.terminal import INVALID, end

if TYPE_CHECKING:  # what this imports takes long, so the command imports it
    from console.deployment import Deployment

app = CommandGroup()

_DEFAULT_PORT = 8765


@app.command("console", epilog="Example: drs-waves console --stack drs-waves-prod --region eu-west-1 --read-only")
@connected
def console_(
    connection: Connection,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            envvar="DRS_WAVES_CONSOLE_PORT",
            help="The port, on 127.0.0.1; 0 is any free one.",
        ),
    ] = _DEFAULT_PORT,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show everything, and change nothing.")] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve the operators' console on this machine, until Ctrl-C.

    It acts with the AWS credentials of this command. Whoever opens the printed address acts as you: do not pass it on.
    """
    from console.serving import PortTaken, bind, serve

    session = Session.open(connection)
    try:
        listener = bind(port)
    except PortTaken as error:
        end(INVALID, f"The console cannot start: {error}. Choose another port: --port 0 takes any free one.")

    def show(address: str) -> None:
        session.print_line(f"Console of {connection.describe()}:\n  {address}\nCtrl-C ends it; runs continue.")
        if open_browser:
            webbrowser.open(address)

    with listener:
        serve(describe_deployment(session, read_only=read_only), listener, show)


def describe_deployment(session: Session, *, read_only: bool = False) -> "Deployment":
    """The deployment that a console shows."""
    from console.deployment import Deployment

    return Deployment(
        session.api,
        session.connection.describe(),
        session.poll_seconds,
        speed=session.speed,
        read_only=read_only,
        options=session.options,
        person=os.environ.get(PERSON_VARIABLE) or None,
        now=lambda: session.now,
    )
