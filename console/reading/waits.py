"""What runs wait for, with the answers that people can give: a button for each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cli.text import describe_waits, summarize_waits

# What the button of a decision says, before the name of what it is about. Other answers have no button.
_WORDS = {
    "approve": "Approve",
    "reject": "Reject",
    "retry": "Retry",
    "verify": "Verify again",
    "accept": "Accept",
    "abort": "Abort",
    "confirm": "Confirm",
    "skip": "Skip",
    "resume": "Resume",
}
_GO_ON, _END = ("approve", "confirm", "resume"), ("reject", "abort")


@dataclass(frozen=True, slots=True)
class Answer:
    """A button: its words, the path of its dialog, and the class that says how grave it is."""

    words: str
    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class AwaitedAnswer:
    """Something that a run waits for, in words, and its buttons. `by_another` says that its starter may not answer."""

    text: str
    answers: tuple[Answer, ...]
    by_another: bool


def list_awaited(run: Mapping[str, Any]) -> list[AwaitedAnswer]:
    """What this run waits for that people can answer. `run` is a record, or an entry of a list."""
    waits = [wait for wait in run["waitingFor"] if wait["answers"]]
    if "requesters" in run:  # a record, whose clock is known
        texts = [text for text, _ in describe_waits({**run, "waitingFor": waits}, "")]
    else:
        texts = [summarize_waits([wait]) for wait in waits]
    return [
        AwaitedAnswer(_capitalize(text), tuple(list_answers(run["executionId"], wait)), bool(wait.get("notBy")))
        for wait, text in zip(waits, texts, strict=True)
    ]


def list_answers(run_id: str, wait: Mapping[str, Any]) -> Iterator[Answer]:
    """The buttons of a wait, in the order of the API: its dialogs are at `/runs/{run_id}/decide/{decision}`."""
    for answer in wait["answers"]:
        decision = answer.rsplit("/", 1)[1]
        if decision not in _WORDS:
            continue
        about = dict[str, str]()
        if "/actions/" in answer:
            about["action"] = wait["action"]
        elif "/waves/" in answer:
            about["wave"] = wait["wave"]
        name = next(iter(about.values()), "the run" if not wait["wave"] else wait["wave"])
        query = f"?{urlencode(about)}" if about else ""
        kind = "main" if decision in _GO_ON else "danger" if decision in _END else ""
        yield Answer(f"{_WORDS[decision]} {name}", f"/runs/{run_id}/decide/{decision}{query}", kind)


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]
