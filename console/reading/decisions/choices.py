"""What people may decide about a run now: each decision with its button, and whether it needs a comment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from console.deployment import ID
from report.run_record import UNFINISHED, Record, has_failed_action

# The decisions about a wave, an action and a run: no other word becomes a path of the API.
OF_WAVE = ("approve", "reject", "retry", "verify", "accept", "abort")
OF_ACTION = ("confirm", "reject", "retry", "skip", "abort")
OF_RUN = ("pause", "resume", "cancel")

_MAIN = ("approve", "confirm", "retry", "verify", "resume", "continue")
_DANGER = ("abort", "cancel", "cleanup")
# With `fourEyes`, these are not for who has started the run; with `commentsRequired`, the second need a reason.
_OF_ANOTHER_PERSON = ("approve", "accept", "confirm", "skip")
_REASONED = {"wave": ("accept", "abort"), "action": ("skip", "abort")}
# Buttons whose decision alone does not say what it does: `abort` stops a run, but only lets an action fail.
_WORDS = {
    ("wave", "retry"): "Retry what failed in wave {}",
    ("wave", "accept"): "Accept wave {} as it is",
    ("wave", "abort"): "Give up wave {} and stop the run",
    ("action", "retry"): "Retry action {}",
    ("action", "skip"): "Skip action {}",
    ("action", "abort"): "Let action {} fail",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision about a run, or about a wave or an action of it."""

    decision: str
    wave: str | None = None
    action: str | None = None

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.wave or self.action or "the run"

    @property
    def words(self) -> str:
        """What its button says: `Approve web`, `Let action freeze fail`."""
        words = _WORDS.get(("wave" if self.wave else "action" if self.action else "run", self.decision), "")
        return words.format(self.subject) if words else f"{self.decision.capitalize()} {self.subject}"

    @property
    def kind(self) -> str:
        """The CSS class of its button."""
        return "main" if self.decision in _MAIN else "danger" if self.decision in _DANGER else ""

    def console_path(self, run_id: str) -> str:
        """Where its dialog is."""
        about = {"wave": self.wave, "action": self.action}
        query = urlencode({name: value for name, value in about.items() if value is not None})
        return f"/runs/{run_id}/decide/{self.decision}" + (f"?{query}" if query else "")

    def api_path(self, run_id: str) -> str:
        """The path of the API that records it."""
        of = f"/waves/{self.wave}" if self.wave else f"/actions/{self.action}" if self.action else ""
        return f"/executions/{run_id}{of}/{self.decision}"


def find_choice(record: Record, decision: str, wave: str | None, action: str | None) -> Choice | None:
    """The choice of these words; None unless it is a decision about a wave or an action that the run has."""
    named = [each for each in (wave, action) if each is not None]
    if len(named) > 1 or not all(map(ID.fullmatch, named)):
        return None
    if wave is not None:
        is_known = decision in OF_WAVE and any(each["name"] == wave for each in record["waves"])
    elif action is not None:
        is_known = decision in OF_ACTION and any(each["name"] == action for each in record.get("actions", ()))
    else:
        is_known = decision in OF_RUN
    return Choice(decision, wave, action) if is_known else None


def find_wait(record: Record, choice: Choice) -> Mapping[str, Any] | None:
    """What the run waits for that this choice answers."""
    wanted = f"POST {choice.api_path(record['executionId'])}"
    found: Mapping[str, Any] | None = next((wait for wait in record["waitingFor"] if wanted in wait["answers"]), None)
    return found


def mark_question(record: Record, choice: Choice) -> str:
    """A text that changes when the run asks again for what this choice answers; empty if it does not ask.

    The API takes an answer to whatever the run asks now. A wave that was retried meanwhile asks about other servers.
    """
    wait = find_wait(record, choice)
    if wait is None:
        return ""
    rounds = [each.get("round", 0) for each in record["waves"] if each["name"] == choice.wave]
    return f"{wait['for']} {wait.get('since') or ''} {' '.join(map(str, rounds))}".strip()


def can_be_made(record: Record, choice: Choice) -> bool:
    """Whether the run takes this decision now, as far as its record says."""
    is_open = record["status"] in UNFINISHED
    state = record.get("state")
    if choice.decision == "pause":
        return is_open and state not in ("PAUSED", "CANCELLING") and record["mode"] != "READINESS"
    if choice.decision == "cancel":
        return is_open and state != "CANCELLING"
    if choice.decision == "verify" and not is_open:
        return any(wave["name"] == choice.wave and _can_be_verified(wave) for wave in record["waves"])
    return find_wait(record, choice) is not None


def _can_be_verified(wave: Mapping[str, Any]) -> bool:
    return bool(wave["servers"].get("unverified")) and not (wave.get("checks") or {}).get("checking")


def list_answers(wait: Mapping[str, Any]) -> Iterator[Choice]:
    """The choices that answer this wait, in the order of the API. Words that the console does not know are left out."""
    for answer in wait["answers"]:
        decision = answer.rsplit("/", 1)[1]
        if "/actions/" in answer and decision in OF_ACTION:
            yield Choice(decision, action=wait["action"])
        elif "/waves/" in answer and decision in OF_WAVE:
            yield Choice(decision, wave=wait["wave"])
        elif decision in OF_RUN:
            yield Choice(decision)


def list_run_choices(record: Record) -> list[Choice]:
    """The choices about the whole run that are open beside what it waits for."""
    return [choice for choice in (Choice("pause"), Choice("cancel")) if can_be_made(record, choice)]


def list_verify_choices(record: Record) -> list[Choice]:
    """Of a run that has ended: each wave whose unverified servers can be checked again."""
    if record["status"] in UNFINISHED:
        return []
    return [Choice("verify", wave["name"]) for wave in record["waves"] if _can_be_verified(wave)]


def can_be_continued(record: Record) -> bool:
    """Whether a run that has ended left something to recover, and no other run continues it."""
    launched, total = record["servers"]["launched"], record["servers"]["total"]
    has_rest = launched < total or has_failed_action(record)
    is_partial = record["status"] in ("PARTIAL", "FAILED", "CANCELLED") and has_rest
    return is_partial and not record["continuedBy"] and record["mode"] != "READINESS"


def can_be_cleaned_up(record: Record, cleanup: Mapping[str, Any] | None) -> bool:
    """Whether an ended drill may have instances that no clean-up has terminated or terminates."""
    return cleanup is not None and cleanup["status"] in ("NONE", "PARTIAL", "FAILED")


def needs_comment(record: Record, choice: Choice) -> bool:
    """Whether the API refuses the decision without a comment."""
    if choice.decision == "confirm":
        return True
    of = "wave" if choice.wave else "action" if choice.action else ""
    return bool(record.get("commentsRequired")) and choice.decision in _REASONED.get(of, ())


def find_excluded(record: Record, choice: Choice) -> list[str]:
    """Those who may not make this decision, because they have started the run."""
    wait = find_wait(record, choice) if choice.decision in _OF_ANOTHER_PERSON else None
    return list((wait or {}).get("notBy") or ())
