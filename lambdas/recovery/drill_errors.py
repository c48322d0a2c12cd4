"""The errors of what people say of drills and their schedules. `recovery.errors` has their bases and all others."""

from recovery.errors import Conflict, NotFound


class DrillFindingNotFound(NotFound):
    """The plan has no drill finding of this id."""

    advice = "List the drill findings of the plan; each has its id."


class DrillFindingRefused(Conflict):
    """The drill finding is not in a state for this change, or there is no room for another one."""

    advice = "Read the drill findings of the plan. Nothing was changed."


class VerdictRefused(Conflict):
    """The run takes no verdict, or not this one from this caller."""

    advice = "Read the execution. Nothing was changed."


class SchedulePaused(Conflict):
    """The schedule of the plan has a pause already, of another person or with another comment."""

    advice = "Nothing was changed. To pause it for another reason, resume it first."
