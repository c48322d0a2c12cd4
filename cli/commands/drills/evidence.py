"""The commands of the group `evidence`: list what is in the bucket, get it, and verify it without AWS."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.arguments import AsJson, AsPdf, CommandGroup, ExecutionId, OutputForm, choose_output
from cli.commands.completion import complete_plan
from cli.commands.drills.printing import print_page
from cli.connection import Connection, connected, exit_on_error
from cli.listings.evidence import EVIDENCE
from cli.listings.output import Output, print_listing
from cli.session import Session
from cli.terminal import FAILED, REFUSED, console, end, print_error, print_json, print_notice
from cli.text import COMMAND
from recovery.free_text import flatten

_HELP = """\
Evidence of runs: list it, get it, verify it.

The control plane writes it when a run has ended, and again when a clean-up, a verify or a verdict has followed.
"""

app = CommandGroup(no_args_is_help=True, help=_HELP)

_names_a_run = re.compile(r"latest(:.*)?|(drill|recovery|readiness)-[0-9]{4}.*", re.DOTALL).fullmatch
_is_plan_id = re.compile(r"rp-[0-9a-f]{12}").fullmatch

_Occasion = Annotated[
    str | None,
    typer.Option(
        "--occasion",
        metavar="NAME",
        help="`end`, or another occasion that `evidence list` shows.  [default: the newest]",
    ),
]
_EmptyFolder = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="DIR",
        file_okay=False,
        help="The folder to write to; it must be empty.  [default: ./EXECUTION-evidence]",
    ),
]


@app.command("list", epilog="Example: drs-waves evidence list three-tier")
@connected
def list_(
    connection: Connection,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT",
            autocompletion=complete_plan,
            help="A plan (its id or name, its id if it is deleted), or a run.  [default: all plans]",
        ),
    ] = None,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List evidence, newest first."""
    form = choose_output(output, as_json)
    session = Session.open(connection)
    found = list(_list_all(session) if what is None else _list_of(session, what))
    found.sort(key=lambda each: str(each["writtenAt"]), reverse=True)
    print_listing(EVIDENCE, found, form)
    if form is Output.TABLE and session.speed and any(each.get("retainUntil") for each in found):
        print_notice('S3 locks by real time: "locked until" is real, the other times are simulated.')
    if form is Output.TABLE and found:
        print_notice(f"{COMMAND} evidence get {found[0]['executionId']}{session.options}")


def _list_all(session: Session) -> Iterator[dict[str, Any]]:
    for plan in session.api.list_items("/recovery-plans", "recoveryPlans"):
        yield from session.api.list_items(f"/recovery-plans/{plan['planId']}/evidence", "evidence")


def _list_of(session: Session, what: str) -> Iterator[dict[str, Any]]:
    if not _names_a_run(what):
        plan_id = what if _is_plan_id(what) else session.find_plan(what, by_prefix=True)["planId"]
        yield from session.api.list_items(f"/recovery-plans/{plan_id}/evidence", "evidence")
        return
    from cli.report.download import hide_urls

    answer = session.api.get(f"/executions/{session.find_run(what)}/evidence")
    if answer["due"]:
        print_notice(f"{answer['executionId']}: {_describe_due(answer)}")
    for each in answer["evidence"]:
        yield {"executionId": answer["executionId"], **hide_urls(each)}


@app.command(epilog="Example: drs-waves evidence get latest:three-tier --to build/evidence")
@connected
def get(
    connection: Connection,
    execution: ExecutionId,
    occasion: _Occasion = None,
    to: _EmptyFolder = None,
    pdf: AsPdf = False,
    as_json: AsJson = False,
) -> None:
    """Get the evidence of a run, and verify it."""
    from cli.report.download import FileRefused, download
    from cli.report.evidence import verify_evidence
    from recovery import VERSION

    session = Session.open(connection, as_json)
    execution_id = session.find_run(execution)
    folder = to or Path(f"{execution_id}-evidence")
    if folder.exists() and any(folder.iterdir()):
        end(REFUSED, f"{flatten(folder)} is not empty; give another folder with --to")
    answer = session.api.get(f"/executions/{execution_id}/evidence")
    chosen = _choose(answer, occasion)
    try:
        written = download(chosen["files"], folder)
    except FileRefused as problem:
        end(FAILED, str(problem))
    found = verify_evidence(folder, VERSION, manifest_sha256=chosen["manifestSha256"])
    printed = [folder / print_page(folder)] if pdf and not found.problems else []
    if as_json:
        print_json({"files": [str(path) for path in (*written, *printed)], **found.to_json()})
    else:
        for path in written:
            console().print(f"  {flatten(path)}", markup=False, soft_wrap=True)
        _print_verified(found)
    raise typer.Exit(FAILED if found.problems else 0)


def _choose(answer: Any, occasion: str | None) -> Any:
    """The newest evidence, or that of the occasion. End the command if there is none."""
    execution_id, there = answer["executionId"], answer["evidence"]
    chosen = [each for each in there if occasion in (None, each["occasion"])]
    if not chosen and there:
        names = ", ".join(flatten(each["occasion"]) for each in there)
        end(REFUSED, f"{execution_id} has no evidence of {flatten(occasion)!r}; there are: {names}")
    if not chosen:
        end(REFUSED, f"{execution_id} has no evidence: {_describe_due(answer) if answer['due'] else 'none is due'}")
    return chosen[-1]


def _describe_due(answer: Any) -> str:
    """What to expect of evidence that is due. An older API does not say whether it is late."""
    if answer.get("late"):
        return (
            "it was to be written an hour ago or more; the last execution of keep-evidence in Step Functions says what "
            'fails (docs/runbook.md, "Evidence is missing")'
        )
    return "that of its end is written after the end of the run, within some minutes"


@app.command(epilog="Example: drs-waves evidence verify build/evidence --public-key evidence-key.pem")
def verify(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The folder with the files of the evidence."),
    ],
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The public key that you trust, PEM or DER.  [default: the one that came with the evidence]",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify evidence without AWS: sums, signature and contents.

    The exit status is 1 if a file was changed, is missing or is too many.
    """
    from cli.report.evidence import load_public_key, verify_evidence
    from recovery import VERSION
    from report.files import MANIFEST_FILE

    def check() -> None:
        if not (folder / MANIFEST_FILE).is_file():
            end(FAILED, f"{flatten(folder)} has no {MANIFEST_FILE}: it is not a folder that `evidence get` has written")
        key = public_key.read_bytes() if public_key else None
        if key is not None:
            _check_key(load_public_key, key)
        found = verify_evidence(folder, VERSION, key)
        if as_json:
            print_json(found.to_json())
        else:
            _print_verified(found)
        raise typer.Exit(FAILED if found.problems else 0)

    exit_on_error(check)


def _check_key(load: Any, key: bytes) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        load(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise typer.BadParameter("--public-key is no public key of an elliptic curve, PEM or DER") from error


def _print_verified(found: Any) -> None:
    for line in found.problems:
        print_error(line)
    for line in found.notes:
        console().print(flatten(line), markup=False)
    if found.key_source == "evidence" and not found.problems:
        console().print("Give --public-key, the key as KMS or your archive has it, to check who signed it.")
    manifest = found.manifest
    if not found.problems:
        run, occasion = flatten(manifest["executionId"]), flatten(manifest["occasion"])
        written = flatten(manifest["writtenAt"])
        console().print(f"The evidence of {run} ({occasion}, written {written}) is as it was written.", markup=False)
        if found.key_arn:
            console().print(f"signed by  {flatten(found.key_arn)}", markup=False, soft_wrap=True)
    console().print(f"manifest   SHA-256 {found.manifest_sha256}", markup=False)
