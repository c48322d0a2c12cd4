"""The commands of the group `drill-findings`: what has to be done after a drill, by whom and until when."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cli.commands.arguments import (
    AsJson,
    CommandGroup,
    ExecutionId,
    IdempotencyKey,
    OutputForm,
    YesLatest,
    choose_output,
)
from cli.commands.completion import complete_plan
from cli.commands.confirmations import find_run_to_change
from cli.commands.drills.sending import send
from cli.connection import Connection, connected
from cli.listings.columns import Item
from cli.listings.drill_findings import DRILL_FINDINGS
from cli.listings.output import print_listing
from cli.session import Session
from cli.terminal import REFUSED, end, print_json
from cli.text import COMMAND
from recovery.free_text import clean, flatten

_HELP = """\
What people have found in drills, and who sees to it.

A finding stays open until a person closes it, and the report of each later run of its plan has it until then.
"""

app = CommandGroup(no_args_is_help=True, help=_HELP)


def _check_finding(text: str) -> str:
    if not re.fullmatch(r"df-[0-9a-f]{12}", text):
        raise typer.BadParameter(f"{clean(text)[:80]!r} is not the id of a drill finding, such as df-4f1c09ab27d3")
    return text


def _check_date(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise typer.BadParameter(f"{clean(text)[:80]!r} is not a date, such as 2026-12-31")
    return text


FindingId = Annotated[
    str,
    typer.Argument(metavar="FINDING", callback=_check_finding, help="The id of the finding, as `list` shows it."),
]
PlanOfFinding = Annotated[
    str | None,
    typer.Option(
        "--plan",
        metavar="PLAN",
        autocompletion=complete_plan,
        help="The finding's plan: its id or name. Without it, those of all plans are read.",
    ),
]


@app.command("list", epilog="Example: drs-waves drill-findings list three-tier --open")
@connected
def list_(
    connection: Connection,
    plan: Annotated[
        str | None,
        typer.Argument(metavar="PLAN", autocompletion=complete_plan, help="The plan: its id or name.  [default: all]"),
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those that are open after their due date.")] = False,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List the drill findings, the most urgent first."""
    form = choose_output(output, as_json)
    session = Session.open(connection)
    query = {**({"status": "OPEN"} if is_open else {}), **({"overdue": "true"} if overdue else {})}
    print_listing(DRILL_FINDINGS, list(_walk(session, plan, query)), form)


def _walk(session: Session, plan: str | None, query: Mapping[str, str]) -> Iterator[Item]:
    """The findings of this plan, or of all, each with the name of its plan."""
    every = session.api.list_items("/recovery-plans", "recoveryPlans", limit="200") if plan is None else ()
    for each in list(every) if plan is None else [session.find_plan(plan, by_prefix=True)]:
        path = DRILL_FINDINGS.path.format(planId=each["planId"])
        for finding in session.api.list_items(path, DRILL_FINDINGS.items, **query):
            yield {**finding, "planName": each["name"]}


@app.command("open", epilog="Example: drs-waves drill-findings open latest --title DNS --owner net --due 2026-12-31")
@connected
def open_(
    connection: Connection,
    execution: ExecutionId,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="What was found, in a few words.")],
    owner: Annotated[str, typer.Option("--owner", metavar="NAME", help="Who sees to it.")],
    due: Annotated[
        str, typer.Option("--due", metavar="DATE", callback=_check_date, help="The last day, in UTC: 2026-12-31.")
    ],
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What was found, and what to do about it.")
    ] = None,
    yes: YesLatest = False,
    idempotency_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Open a drill finding about a drill or a recovery."""
    session = Session.open(connection, as_json)
    run_id = find_run_to_change(session, execution, "open a finding about", yes=yes)
    body = {"title": title, "owner": owner, "due": due, **({"description": description} if description else {})}
    words = ["drill-findings", "open", run_id, "--title", title, "--owner", owner, "--due", due]
    words += ["--description", description] if description else []
    found = send(session, "POST", f"/executions/{run_id}/drill-findings", body, idempotency_key, "finding", words)
    _print(session, found, f"is open: {flatten(found['owner'])} sees to it until {found['due']}")
    if not as_json:
        finding_id, plan_id = found["findingId"], found["planId"]
        done = f"{COMMAND} drill-findings close {finding_id} --plan {plan_id} --comment WHAT{session.options}"
        session.print_line(f"When it is done:\n  {done}")


def _add_decision(decision: str, summary: str, example: str, help_of_comment: str) -> None:
    @app.command(decision, help=summary, epilog=f"Example: drs-waves drill-findings {decision} {example}")
    @connected
    def decide(
        connection: Connection,
        finding: FindingId,
        comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help=help_of_comment)],
        plan: PlanOfFinding = None,
        idempotency_key: IdempotencyKey = None,
        as_json: AsJson = False,
    ) -> None:
        session = Session.open(connection, as_json)
        plan_id = _find_plan_of(session, finding, plan)
        path = f"/recovery-plans/{plan_id}/drill-findings/{finding}/{decision}"
        words = ["drill-findings", decision, finding, "--plan", plan_id, "--comment", comment]
        found = send(session, "POST", path, {"comment": comment}, idempotency_key, "change", words)
        _print(session, found, f"is {flatten(found['status']).lower()}")


_add_decision(
    "close", "Close a finding, with what was done.", 'df-4f1c09ab27d3 --comment "an action does it"', "What was done."
)
_add_decision(
    "reopen", "Open a closed finding again.", 'df-4f1c09ab27d3 --comment "it is back"', "Why it is open again."
)


def _find_plan_of(session: Session, finding_id: str, plan: str | None) -> str:
    """The id of the plan that has the finding. End the command if none has."""
    if plan is not None:
        # A plan that is deleted keeps its findings, and is known by its id only.
        is_id = re.fullmatch(r"rp-[0-9a-f]{12}", plan)
        return plan if is_id else str(session.find_plan(plan)["planId"])
    owners = (str(each["planId"]) for each in _walk(session, None, {}) if each["findingId"] == finding_id)
    return next(owners, None) or end(
        REFUSED, f"No plan has a drill finding {finding_id}. For a plan that was deleted, give its id as --plan."
    )


def _print(session: Session, finding: Mapping[str, Any], what: str) -> None:
    if session.as_json:
        print_json(finding)
    else:
        session.print_line(f"{finding['findingId']} {flatten(finding['title'])} {what}")
