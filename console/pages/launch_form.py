"""The form that launches servers: of a start, and of a continuation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException

from cli.run_client import start_body
from recovery.free_text import flatten

ACTIONS, PROFILES = ("run", "skip", "verifyOnly"), ("apply", "skip")
NOTHING = "Nothing was started."


@dataclass(frozen=True, slots=True)
class LaunchForm:
    """What a form says that launches servers. `words` are those that a recovery or a replacement asks for.

    `usual_profiles` is the choice of launch profiles that goes without saying.
    """

    point_in_time: str = ""
    actions: str = "run"
    profiles: str = "apply"
    reserve_capacity: bool = False
    replace_existing: bool = False
    words: str = ""
    usual_profiles: str = "apply"

    @classmethod
    def from_form(cls, fields: Mapping[str, str], usual_profiles: str = "apply") -> "LaunchForm":
        """Raise HTTPException for a choice that the form does not have."""
        typed = cls(
            fields.get("pointInTime", "").strip(),
            fields.get("actions", "run"),
            fields.get("launchProfiles", usual_profiles),
            fields.get("reserveCapacity") == "yes",
            fields.get("replaceExisting") == "yes",
            fields.get("words", ""),
            usual_profiles,
        )
        if typed.actions not in ACTIONS or typed.profiles not in (*PROFILES, usual_profiles):
            raise HTTPException(400, f"The form has a choice that does not exist. Reload the page. {NOTHING}")
        return typed

    @property
    def has_options(self) -> bool:
        """Whether it says more than a start without options."""
        return LaunchForm(words=self.words, profiles=self.usual_profiles, usual_profiles=self.usual_profiles) != self

    def to_body(self, mode: str) -> dict[str, Any] | None:
        """The body of the request: what is as by default is left out."""
        if mode == "readiness":
            return start_body(self.point_in_time or None)
        return start_body(
            self.point_in_time or None,
            self.replace_existing,
            self.actions if mode == "drill" and self.actions != "run" else None,
            self.profiles if self.profiles != self.usual_profiles else None,
            self.reserve_capacity,
        )

    def find_mistake(self, mode: str, plan_name: str, verb: str = "start") -> str | None:
        """What is wrong with the words that were typed; None if they are those that were asked for."""
        if self.replace_existing and mode != "readiness":
            wanted = f"replace {plan_name}"
            return None if _is_typed(self.words, wanted) else f"To replace existing instances, type exactly: {wanted}"
        if mode == "recovery" and not _is_typed(self.words, plan_name):
            return f"To {verb} the recovery, type the plan's name exactly: {plan_name}"
        return None


def _is_typed(words: str, wanted: str) -> bool:
    """Whether these words are the wanted ones, which people see as one line."""
    return words in (wanted, flatten(wanted))
