"""The command that says which plans and servers have a recent drill that counts."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.arguments import AsJson, CommandGroup, OutputForm, choose_output
from cli.commands.completion import complete_plan
from cli.connection import Connection, connected
from cli.listings import compliance as listings
from cli.listings.columns import Listing
from cli.listings.output import Output, format_csv, print_listing
from cli.session import Session
from cli.terminal import FAILED, print_notice
from cli.text import COMMAND

app = CommandGroup()


class _View(Enum):
    """What is listed."""

    PLANS = listings.PLANS
    SERVERS = listings.SERVERS
    GROUPS = listings.GROUPS
    UNPLANNED = listings.UNPLANNED


_Plan = Annotated[
    str | None,
    typer.Argument(metavar="PLAN", autocompletion=complete_plan, help="Only this plan: its id or its name."),
]
_Servers = Annotated[bool, typer.Option("--servers", help="List the servers of plans.")]
_Groups = Annotated[bool, typer.Option("--groups", help="List the groups of plans.")]
_Unplanned = Annotated[bool, typer.Option("--unplanned", help="List the servers that replicate and are in no plan.")]
_Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the list to this file as CSV.")]
_Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write one page with plans and servers to this file.")
]


@app.command(epilog=f"Example: {COMMAND} compliance --html build/compliance.html")
@connected
def compliance(
    connection: Connection,
    plan: _Plan = None,
    servers: _Servers = False,
    groups: _Groups = False,
    unplanned: _Unplanned = False,
    csv: _Csv = None,
    html: _Html = None,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List which plans were drilled in time, and why not.

    The worst come first. Exit status 1 if a plan that is asked for is overdue.
    """
    from cli.report.write import write_file

    view = _choose_view(servers=servers, groups=groups, unplanned=unplanned)
    if view is _View.UNPLANNED and plan is not None:
        raise typer.BadParameter("a server that is in no plan belongs to none; leave out PLAN")
    form = choose_output(output, as_json)
    session = Session.open(connection)
    query = {"planId": session.find_plan(plan, by_prefix=True)["planId"]} if plan else {}
    plans = _read(session, listings.PLANS, query)
    listing = view.value
    items = plans if view is _View.PLANS else _read(session, listing, query)
    if csv is not None:
        write_file(format_csv(listing, items), csv)
        print_notice(f"Written: {csv}")
    if html is not None:
        _write_page(session, query, plans, html)
        print_notice(f"Written: {html}")
    if csv is html is None:
        print_listing(listing, items, form)
        if form is Output.TABLE and view is _View.PLANS and not plan:
            _hint(session)
    if any(each["status"] == "OVERDUE" for each in plans):
        raise typer.Exit(FAILED)


def _choose_view(*, servers: bool, groups: bool, unplanned: bool) -> _View:
    asked = {_View.SERVERS: servers, _View.GROUPS: groups, _View.UNPLANNED: unplanned}
    views = [view for view, is_asked in asked.items() if is_asked]
    if len(views) > 1:
        raise typer.BadParameter("give one of --servers, --groups and --unplanned")
    return views[0] if views else _View.PLANS


def _read(session: Session, listing: Listing, query: dict[str, str]) -> list[dict[str, Any]]:
    limit = "200" if listing is listings.PLANS else "1000"
    found = session.api.list_items(listing.path, listing.items, limit=limit, **query)
    return [listings.add_notes(each) if listing is listings.PLANS else each for each in found]


def _hint(session: Session) -> None:
    count = session.api.get("/compliance", limit="1")["counts"]["unplannedServers"]
    if count:
        servers = "1 server replicates and is" if count == 1 else f"{count} servers replicate and are"
        print_notice(f"\n{servers} in no plan: {COMMAND} compliance --unplanned{session.options}")


def _write_page(session: Session, query: dict[str, str], plans: list[dict[str, Any]], path: Path) -> None:
    from cli.report.write import write_file
    from report.compliance.page import ComplianceFacts, render_page

    head = session.api.get("/compliance", limit="1")
    facts = ComplianceFacts(
        as_of=head["asOf"],
        counts=head["counts"],
        plans=plans,
        servers=_read(session, listings.SERVERS, query),
        unplanned=None if query else _read(session, listings.UNPLANNED, {}),
        is_sandbox=session.connection.sandbox,
        plan=plans[0]["planName"] if query and plans else None,
    )
    write_file(render_page(facts), path)
