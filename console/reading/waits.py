"""What runs wait for people with, as the overview shows it: in words, why, and with a button for each answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.text import describe_waits, summarize_waits
from console.reading.decisions.choices import OF_ACTION, OF_RUN, OF_WAVE, Choice


@dataclass(frozen=True, slots=True)
class Awaited:
    """Something that a run waits for, in words, why, and its buttons.

    `by_another` says that another person than who started the run has to agree to it.
    """

    text: str
    why: str | None
    choices: tuple[Choice, ...]
    by_another: bool


def list_awaited(run: Mapping[str, Any]) -> list[Awaited]:
    """What this run waits for that people can answer. `run` is a record, or an entry of a list, which knows less."""
    waits = [wait for wait in run["waitingFor"] if wait["answers"]]
    if "requesters" in run:  # a record, whose clock is known
        texts = [text for text, _ in describe_waits({**run, "waitingFor": waits}, "")]
    else:
        texts = [summarize_waits([wait]) for wait in waits]
    reasons = {wave["name"]: wave["reason"] for wave in run.get("waves", ())}
    return [
        Awaited(
            text[:1].upper() + text[1:],
            reasons.get(wait["wave"]) if wait["for"] == "DECISION" else None,
            tuple(list_choices(wait)),
            bool(wait.get("notBy")),
        )
        for wait, text in zip(waits, texts, strict=True)
    ]


def list_choices(wait: Mapping[str, Any]) -> Iterator[Choice]:
    """The answers of a wait, in the order of the API. Words that the console does not know are left out."""
    for answer in wait["answers"]:
        decision = answer.rsplit("/", 1)[1]
        if "/actions/" in answer and decision in OF_ACTION:
            yield Choice(decision, action=wait["action"])
        elif "/waves/" in answer and decision in OF_WAVE:
            yield Choice(decision, wave=wait["wave"])
        elif decision in OF_RUN:
            yield Choice(decision)
