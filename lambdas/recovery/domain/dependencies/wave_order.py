"""The order of a plan's waves, and what is wrong with the waves that they depend on."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from recovery.domain.plan import Wave
from recovery.errors import InvalidRequest

# A plan can have more cycles than anybody reads.
MAX_CYCLES = 20


def order_waves(waves: Iterable[Wave]) -> tuple[Wave, ...]:
    """Sort the waves so that each comes after those it depends on; otherwise keep their order.

    Raise InvalidRequest, naming each wrong field: a repeated name, a dependency that does not exist, a cycle. The Map
    of recover-plan relies on the order: it runs at most 40 iterations at a time, so no wave may wait for a later one.
    """
    left = list(waves)
    if problems := find_wave_problems([(wave.name, wave.depends_on) for wave in left]):
        named = [{"field": f"waves[{at}].{field}", "message": message} for at, field, message in problems]
        raise InvalidRequest("The plan's waves are inconsistent.", named)
    ordered: list[Wave] = []
    placed: set[str] = set()
    while left:
        ready = next(wave for wave in left if placed.issuperset(wave.depends_on))
        ordered.append(ready)
        placed.add(ready.name)
        left.remove(ready)
    return tuple(ordered)


def find_wave_problems(waves: Sequence[tuple[str, Iterable[str]]]) -> list[tuple[int, str, str]]:
    """All that is wrong with the names of waves and of those they depend on: (index, field, message). A cycle is one.

    A wave that depends on itself is no cycle, but a mistake of its own. Dependencies that do not exist are in none.
    """
    index = {name: at for at, (name, _) in reversed(list(enumerate(waves)))}
    problems = []
    needs: dict[int, list[int]] = {}
    for at, (name, depends_on) in enumerate(waves):
        if index[name] != at:
            problems.append((at, "name", f"wave name {name!r} is used twice"))
        for other in dict.fromkeys(depends_on):
            if other not in index:
                likely = next(iter(difflib.get_close_matches(other, index, n=1)), None)
                hint = f"; did you mean {likely!r}?" if likely else ""
                problems.append((at, "dependsOn", f"there is no wave {other!r} in this plan{hint}"))
            elif index[other] == at:
                problems.append((at, "dependsOn", f"wave {name!r} depends on itself; take it out"))
        needs[at] = [index[other] for other in dict.fromkeys(depends_on) if index.get(other, at) != at]
    for cycle in islice(_find_cycles(needs), MAX_CYCLES):
        names = " -> ".join(waves[at][0] for at in (*cycle, cycle[0]))
        message = f"these waves form a cycle: {names}; a wave without dependsOn depends on the wave before it"
        problems.append((cycle[0], "dependsOn", message))
    return problems


def _find_cycles(needs: Mapping[int, list[int]]) -> Iterator[list[int]]:
    """Each cycle, once, from its first wave on: each wave before the one that it needs.

    The next one is what is left without the dependency that closes this one.
    """
    left = {at: list(others) for at, others in needs.items()}
    while left:
        if free := [at for at, others in left.items() if not any(other in left for other in others)]:
            for at in free:
                del left[at]
            continue
        path = [next(iter(left))]
        while (following := next(other for other in left[path[-1]] if other in left)) not in path:
            path.append(following)
        left[path[-1]].remove(following)
        cycle = path[path.index(following) :]
        first = cycle.index(min(cycle))
        yield cycle[first:] + cycle[:first]
