"""What runs wait for: in words, why, what follows without an answer, and a button for each answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.text import describe_waits, summarize_waits
from console.reading.decisions.causes import describe_causes
from console.reading.decisions.choices import Choice, list_answers


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that a run waits for. What people can answer has `choices`.

    `by_another` says that another person than who started the run has to agree to it.
    """

    text: str
    why: tuple[str, ...]
    otherwise: str
    choices: tuple[Choice, ...]
    by_another: bool


def list_waits(run: Mapping[str, Any], why: Mapping[str, Sequence[str]]) -> Iterator[Wait]:
    """What this run waits for. `run` is a record, or an entry of a list, which knows less.

    `why` has lines about the waves that ask, by their names.
    """
    waits = run["waitingFor"]
    if "requesters" in run:  # a record, whose clock is known
        texts = [text for text, _ in describe_waits(run, "")]
    else:
        texts = [summarize_waits([wait]) for wait in waits]
    for wait, text in zip(waits, texts, strict=True):
        lines = _list_reasons(run, wait["wave"], why) if wait["for"] == "DECISION" else ()
        yield Wait(
            _begin_sentence(text), lines, _describe_silence(wait), tuple(list_answers(wait)), bool(wait.get("notBy"))
        )


def _list_reasons(run: Mapping[str, Any], wave: str, why: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Why the wave asks: what is known of it, and the actions of it that failed, if the record has them."""
    return (*why.get(wave, ()), *describe_causes(run, wave, ()))


def list_awaited(run: Mapping[str, Any]) -> list[Wait]:
    """What this run waits for that people can answer, as `list_waits`, with the reasons of the waves.

    `failures` of the run has the lines of `describe_causes` by wave, if they were read.
    """
    waits = [wait for wait in run["waitingFor"] if wait["answers"]]
    why = {wave["name"]: [_begin_sentence(wave["reason"])] for wave in run.get("waves", ()) if wave["reason"]}
    for wave, lines in run.get("failures", {}).items():
        why.setdefault(wave, []).extend(lines)
    return list(list_waits({**run, "waitingFor": waits}, why))


def _begin_sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _describe_silence(wait: Mapping[str, Any]) -> str:
    """What follows without an answer."""
    if not wait["answers"]:
        return "It goes on by itself; nothing has to be decided."
    if wait["for"] == "RESUME":
        return "Jobs and checks that have begun go on. No further wave or batch starts until a person resumes the run."
    if not wait.get("until"):
        return "Without an answer, it waits on."
    if wait["for"] == "ACTION":
        return "Without an answer by then, the action counts as failed."
    then = {"approve": "is approved and starts", "reject": "is rejected: it is skipped"}.get(
        wait.get("onTimeout") or ""
    )
    return f"Without an answer by then, the wave {then}." if then else "Without an answer by then, its plan decides."
