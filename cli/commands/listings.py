"""The commands that list what the API has: plans, groups, accounts, instances, servers, actions, logs and others."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from cli import run_client
from cli.api_client import ApiClient, ApiUnreachable
from cli.commands.arguments import (
    AsJson,
    CommandGroup,
    ExecutionId,
    OutputForm,
    PlanOption,
    WaveOption,
    choose_output,
)
from cli.connection import Connection, connected
from cli.listings import catalog
from cli.listings.cells import show_time
from cli.listings.columns import Item, Listing
from cli.listings.drills import describe_cost, read_running_drills
from cli.listings.instances import MAX_COMMANDS, describe_all, group_running_drills, list_syncs
from cli.listings.output import Output, print_listing
from cli.listings.plans import add_age
from cli.profiles.reading import list_places
from cli.refusal import ApiRefused
from cli.session import Session
from cli.terminal import REFUSED, end, print_notice
from cli.text import COMMAND
from recovery.wording import first_of
from report.run_record import list_jobs

app = CommandGroup()

# Accounts and Regions whose last sync is shown below the table of instances.
MAX_SYNCS = 10


def _add(name: str, listing: Listing, summary: str) -> None:
    @app.command(name, help=summary, epilog=f"Example: drs-waves {name} --output csv")
    @connected
    def show(connection: Connection, output: OutputForm = None, as_json: AsJson = False) -> None:
        form = choose_output(output, as_json)
        api = Session.open(connection).api
        print_listing(listing, list(api.list_items(listing.path, listing.items)), form)


@app.command(epilog="Example: drs-waves plans --output csv")
@connected
def plans(connection: Connection, output: OutputForm = None, as_json: AsJson = False) -> None:
    """List the recovery plans, with their readiness."""
    form = choose_output(output, as_json)
    session = Session.open(connection)
    found = session.api.list_items(catalog.PLANS.path, catalog.PLANS.items)
    print_listing(catalog.PLANS, [add_age(plan, session.now) for plan in found], form)


_add("groups", catalog.GROUPS, "List the protection groups.")
_add("accounts", catalog.ACCOUNTS, "List the registered accounts.")


@app.command(epilog="Example: drs-waves capacity --output json")
@connected
def capacity(connection: Connection, output: OutputForm = None, as_json: AsJson = False) -> None:
    """List what DRS's quotas leave free. This calls DRS in each Region.

    Only Regions that the registered accounts name are asked.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    listing = catalog.CAPACITY
    print_listing(listing, list(session.api.list_items(listing.path, listing.items, limit="20")), form)


@app.command(epilog="Example: drs-waves instances --plan three-tier")
@connected
def instances(
    connection: Connection,
    plan: PlanOption = None,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List recovery instances, first those that drills left.

    Ages are until now. What DRS says of an instance is as of the last sync, which runs every five minutes. Without
    --plan, the Regions of all accounts and groups are read.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    if plan is None:
        found = list(_read_all_instances(session.api))
    else:
        query = {"planId": session.find_plan(plan, by_prefix=True)["planId"]}
        found = list(_read_instances(session.api, query))
    items = describe_all(found, session.now, session.options)
    print_listing(catalog.INSTANCES, items, form)
    if form is Output.TABLE and items:
        syncs = [f"{place} {show_time(at)} UTC" for place, at in list_syncs(items)]
        print_notice(f"\nRead from DRS: {', '.join(first_of(syncs, MAX_SYNCS))}.")
    if form is Output.TABLE and (left := group_running_drills(items)):
        print_notice("\nInstances of drills that still run, and the commands that terminate them:")
        lines = [f"  {counted}:  {command}" for counted, command in left]
        print_notice("\n".join(first_of(lines, MAX_COMMANDS)))
        if plan is None and (cost := _describe_cost(session.api)):
            print_notice(cost)


def _describe_cost(api: ApiClient) -> str | None:
    """What the instances of drills cost; None if the API does not say."""
    try:
        return describe_cost(*read_running_drills(api))
    except (ApiRefused, ApiUnreachable):
        return None


def _read_all_instances(api: ApiClient) -> Iterable[Item]:
    """The instances in each account and Region that a group or an account names."""
    for account_id, region in list_places(api):
        yield from _read_instances(api, {"accountId": account_id, "region": region})


def _read_instances(api: ApiClient, query: Mapping[str, str]) -> Iterable[Item]:
    return api.list_items(catalog.INSTANCES.path, catalog.INSTANCES.items, **query)


# --- of a run -------------------------------------------------------------------------------------------------------
@app.command(epilog="Example: drs-waves servers latest --wave web --output csv")
@connected
def servers(
    connection: Connection,
    execution: ExecutionId,
    wave: WaveOption = None,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List the source servers of a run, and what became of them.

    They come in the order of the plan's waves.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    execution_id = session.find_run(execution)
    found = run_client.list_servers_in_order(session.api, run_client.read_run(session.api, execution_id), wave)
    if wave is not None and not found:
        end(REFUSED, f"{execution_id} has no servers in a wave {wave!r}")
    print_listing(catalog.SERVERS, found, form)


@app.command(epilog="Example: drs-waves events latest")
@connected
def events(connection: Connection, execution: ExecutionId, output: OutputForm = None, as_json: AsJson = False) -> None:
    """List what happened in a run, oldest first."""
    form = choose_output(output, as_json)
    session = Session.open(connection)
    path = catalog.EVENTS.path.format(executionId=session.find_run(execution))
    print_listing(catalog.EVENTS, list(session.api.list_items(path, catalog.EVENTS.items)), form)


@app.command(epilog="Example: drs-waves actions latest --output json")
@connected
def actions(connection: Connection, execution: ExecutionId, output: OutputForm = None, as_json: AsJson = False) -> None:
    """List the actions of a run, and what each did or awaits."""
    form = choose_output(output, as_json)
    session = Session.open(connection)
    execution_id = session.find_run(execution)
    path = catalog.ACTIONS.path.format(executionId=execution_id)
    found = session.api.get(path)[catalog.ACTIONS.items]
    print_listing(catalog.ACTIONS, found, form)
    if form is Output.TABLE and any(each["waitingFor"] for each in found):
        print_notice(f"The commands that answer:  {COMMAND} status {execution_id}{session.options}")


@app.command(epilog="Example: drs-waves findings readiness-20261122-071530-9b3e52")
@connected
def findings(
    connection: Connection, execution: ExecutionId, output: OutputForm = None, as_json: AsJson = False
) -> None:
    """List readiness findings: what prevents launches.

    What to do about each is there too. An inspection finds them: that of a readiness check the most, also in EC2 and
    IAM. What people found in a drill is in drs-waves drill-findings list.
    """
    from cli.views.readiness import list_isolation

    form = choose_output(output, as_json)
    session = Session.open(connection)
    path = catalog.FINDINGS.path.format(executionId=session.find_run(execution))
    answer = session.api.get(path)
    print_listing(catalog.FINDINGS, answer[catalog.FINDINGS.items], form)
    if form is Output.TABLE and answer["isolation"]:
        looks = [*answer["isolation"], *answer.get("looks", ())]
        print_notice("\n".join(["\nNetworks that drills launch into:", *list_isolation(looks)]))


@app.command(epilog="Example: drs-waves logs latest --wave web")
@connected
def logs(
    connection: Connection,
    execution: ExecutionId,
    wave: WaveOption = None,
    job: Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only this DRS job.")] = None,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List DRS's logs of the jobs of a run. This calls DRS once for each job.

    The entries of all jobs come in the order of time.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    execution_id = session.find_run(execution)
    record = run_client.read_run(session.api, execution_id)
    jobs = {each.job_id: each.wave for each in list_jobs(record)}
    found = {each: of for each, of in jobs.items() if job in (None, each) and wave in (None, of)}
    if not found and (wave is not None or job is not None):
        listed = "".join(f"\n  {each}  {of}" for each, of in jobs.items()) or " none"
        end(REFUSED, f"{execution_id} has no such job. Its jobs:{listed}")
    path = catalog.LOGS.path.format(executionId=execution_id)
    items: list[dict[str, Any]] = []
    for each, of in found.items():
        entries = session.api.list_items(path, catalog.LOGS.items, jobId=each)
        items += [{**entry, "jobId": each, "wave": of} for entry in entries]
    items.sort(key=lambda entry: entry.get("logDateTime") or "")
    print_listing(catalog.LOGS, items, form)
    if form is Output.TABLE and not jobs:
        print_notice(f"The run has no DRS jobs yet:  {COMMAND} status {execution_id}{session.options}")
