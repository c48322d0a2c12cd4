"""The questions before a command launches production servers, replaces instances or terminates them."""

from collections.abc import Callable
from dataclasses import dataclass

import typer

from cli.lookup.runs import FoundRun
from cli.run_preview import Preview, count_replaced, describe_overlaps, describe_replaced, preview_cleanup
from cli.session import Session
from cli.terminal import INVALID, REFUSED, ask, confirm, end, has_terminal, print_notice
from recovery.free_text import flatten

_NOTHING_DONE = "Nothing was done."
_NOTHING, _NOT_TERMINATED = "Nothing was started.", "Nothing was terminated."


def find_run_to_change(session: Session, text: str, act: str, *, yes: bool) -> str:
    """The id of the run that EXECUTION names, for a command that changes something: `act`, such as `approve web of`.

    `latest` may have become another person's run a second ago. So it is asked for by its id, which is then the id that
    the command uses; without a terminal, `yes` is needed. A prefix never passes from one run to another.
    """
    found = session.look_up_run(text)
    confirm_latest(found, act, yes=yes)
    return found.execution_id


def confirm_latest(found: FoundRun, act: str, *, yes: bool) -> None:
    """Ask whether the run that `latest` stood for is meant, unless `yes`. End the command unless it is."""
    if not found.is_latest or yes:
        return
    if not has_terminal():
        end(
            INVALID,
            f"`latest` must be confirmed, and there is no terminal to ask on: give {found.execution_id}, or --yes.",
        )
    if not confirm(f"{act} {found.execution_id}?", _NOTHING_DONE):
        end(REFUSED, _NOTHING_DONE)


@dataclass(frozen=True, slots=True)
class Consent:
    """What the command line says of a start, and whether there is a terminal to ask on."""

    is_recovery: bool
    yes: bool
    replace_existing: bool
    confirm_replace: str | None
    has_terminal: bool

    @property
    def must_type_replace(self) -> bool:
        """Whether the words for a replacement have to be typed."""
        return self.replace_existing and self.confirm_replace is None

    @property
    def must_type_name(self) -> bool:
        """Whether the name of the plan has to be typed. The words for a replacement contain it."""
        return self.is_recovery and not self.yes and not self.must_type_replace

    def require_possible(self) -> None:
        """End the command if it has to ask and cannot, or if its options contradict each other."""
        if self.confirm_replace is not None and not self.replace_existing:
            raise typer.BadParameter("--confirm-replace goes with --replace-existing")
        if self.has_terminal:
            return
        if self.is_recovery and not self.yes:
            end(INVALID, "A recovery must be confirmed, and there is no terminal to ask on: give --yes.")
        if self.must_type_replace:
            end(
                INVALID,
                "--replace-existing must be confirmed, and there is no terminal to ask on: "
                "give --confirm-replace with the plan's name.",
            )

    def options(self) -> list[str]:
        """The options that a repetition of the command needs to be what this one was."""
        words = ["--yes"] if self.is_recovery and self.yes else []
        words += ["--replace-existing"] if self.replace_existing else []
        return words + (["--confirm-replace", self.confirm_replace] if self.confirm_replace is not None else [])


def confirm_start(
    session: Session,
    consent: Consent,
    plan_name: str,
    point_in_time: str | None,
    preview: Callable[[], Preview],
    continues: str | None = None,
) -> None:
    """Show what the start launches and replaces, and ask for it. End the command unless it is confirmed.

    `continues` is the id of the run that the start continues.
    """
    if consent.replace_existing and consent.confirm_replace not in (None, plan_name):
        end(REFUSED, f"--confirm-replace does not name the plan, which is {plan_name!r}. {_NOTHING}")
    if not consent.must_type_name and not consent.replace_existing:
        return
    found = preview()
    is_asked = consent.must_type_name or consent.must_type_replace
    if continues and is_asked and found.is_nothing_left:
        end(
            REFUSED,
            f"Nothing is left to continue: by its record, {continues} launched all of its servers. {_NOTHING} "
            f"If instances are gone since then, start a new run of {flatten(plan_name)}.",
        )
    head = _describe_start(consent, plan_name, continues)
    print_notice("\n".join([head, *found.lines(session.connection.describe(), point_in_time)]))
    if overlaps := describe_overlaps(session.api, found.servers, plan_name):
        print_notice("\n".join(overlaps))
    if consent.replace_existing:
        _show_replaced(session, found)
    elif counts := count_replaced(session.api, found.servers):
        print_notice("\n".join(counts))
    if consent.must_type_replace:
        print_notice(f"Type: replace {flatten(plan_name)}")
        _require_words(f"replace {plan_name}", "Your answer")
    elif consent.must_type_name:
        _require_words(plan_name, "Type the plan's name to start it")


def _describe_start(consent: Consent, plan_name: str, continues: str | None) -> str:
    what = f"{'recovery' if consent.is_recovery else 'drill'} of {flatten(plan_name)}"
    head = f"The continuation of {continues}, a {what}" if continues else f"A {what}"
    return head + (" launches production servers:" if consent.is_recovery else ":")


def _show_replaced(session: Session, preview: Preview) -> None:
    lines = describe_replaced(session.api, preview.servers)
    if lines:
        print_notice("\n".join(["DRS terminates these recovery instances before it launches the new ones:", *lines]))
    else:
        print_notice("These servers have no recovery instances that drs-waves knows of.")
    if preview.unknown:
        print_notice("Servers that could not be listed may have instances too.")


def _require_words(words: str, question: str) -> None:
    if ask(question, _NOTHING) != words:
        end(REFUSED, f"That is not what was asked for. {_NOTHING}")


def confirm_cleanup(session: Session, execution_id: str) -> None:
    """Show the instances that the clean-up terminates, and ask. End the command unless it is confirmed."""
    found = preview_cleanup(session.api, execution_id)
    print_notice("\n".join(found.lines(session.connection.describe())))
    if not confirm("Terminate them?", _NOT_TERMINATED):
        end(REFUSED, _NOT_TERMINATED)
