"""The command `console`: web pages for operators, on this machine."""

import http.client
import os
import signal
import sys
import webbrowser
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cli.api_client import ApiClient
from cli.commands.arguments import CommandGroup
from cli.connection import Connection, connected
from cli.people import PERSON_VARIABLE
from cli.refusal import ApiRefused
from cli.session import Session
from cli.terminal import INVALID, end, print_json, print_notice

if TYPE_CHECKING:  # what this imports takes long, so the command imports it
    from console.deployment import Deployment

app = CommandGroup()

DEFAULT_PORT = 8765
PORT_VARIABLE = "DRS_WAVES_CONSOLE_PORT"
# What a shell calls the end by a signal: 130 after Ctrl-C, 143 after SIGTERM.
_ENDED_BY_SIGNAL = 128


@app.command("console", epilog="Example: drs-waves console --stack drs-waves-prod --region eu-west-1 --read-only")
@connected
def console_(
    connection: Connection,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, envvar=PORT_VARIABLE, help="The port, on 127.0.0.1; 0 is any free one."),
    ] = DEFAULT_PORT,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show everything, and change nothing.")] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the address as JSON, for programs; then serve all the same.")
    ] = False,
) -> None:
    """Serve the operators' console here, until Ctrl-C.

    It acts with the AWS credentials of this command, and so does each browser that opens the printed address: do not
    pass it on. Runs continue when the console ends.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(_ENDED_BY_SIGNAL + number))
    session = Session.open(connection, as_json)
    _require_credentials(session.api)
    from console.serving import PortTaken, bind, serve

    try:
        listener = bind(port)
    except PortTaken as error:
        end(INVALID, _explain_port(port, str(error)))

    def show(address: str) -> None:
        session.print_line(
            f"Console of {connection.describe()}{', read only' if read_only else ''}:\n  {address}\n"
            "Each browser that opens this address acts with your credentials. Ctrl-C ends the console; runs continue."
        )
        if as_json:
            print_json({"address": address})
            sys.stdout.flush()
        if open_browser and not webbrowser.open(address):
            print_notice("There is no browser that --open can open. Open the address by hand.")

    with listener:
        number = serve(describe_deployment(session, read_only=read_only), listener, show)
    print_notice("The console has ended. Runs continue; the command starts it again.")
    _leave(_ENDED_BY_SIGNAL + number)


def describe_deployment(session: Session, *, read_only: bool = False) -> "Deployment":
    """The deployment that a console shows."""
    from console.deployment import Deployment

    return Deployment(
        session.api,
        session.connection.describe(),
        session.poll_seconds,
        speed=session.speed,
        origin=session.origin,
        read_only=read_only,
        options=session.options,
        person=os.environ.get(PERSON_VARIABLE) or None,
    )


def is_console(port: int) -> bool:
    """Return whether what listens on this port of 127.0.0.1 is a console. It refuses who has no key, in its words."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return b"drs-waves console" in connection.getresponse().read(4096)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _require_credentials(api: ApiClient) -> None:
    """Raise ApiUnreachable, CredentialsExpired. What the API refuses this caller, the pages say."""
    try:
        api.get("/recovery-plans", limit="1")
    except ApiRefused:
        return


def _explain_port(port: int, problem: str) -> str:
    another = f"choose another port with --port or {PORT_VARIABLE}: --port 0 takes any free one."
    if is_console(port):
        return (
            f"Port {port} is that of a console that runs already. Open the address that it has printed in its terminal "
            f"(in that of `make sandbox`, if the sandbox serves it), or {another}"
        )
    return f"The console cannot start: {problem}. {another.capitalize()}"


def _leave(status: int) -> NoReturn:
    """Exit at once. A thread that waits for an answer of the API would hold the process for half a minute."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
