"""One look at the servers of a batch: asks each service once about a server, and climbs the ladders by the answers."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Concatenate, ParamSpec

from recovery.domain.target import Target
from recovery.domain.wave_steps.checks import Check, CheckKind
from recovery.domain.wave_steps.ladder import Found, Observation, ServerChecks
from recovery.errors import DrsWavesError, Transient
from recovery.verification.ladders import LaunchedServer

P = ParamSpec("P")

# The service that each kind of check asks.
SERVICES: Mapping[CheckKind, str] = {
    CheckKind.BOOT: "ec2",
    CheckKind.POST_LAUNCH_ACTIONS: "drs",
    CheckKind.AGENT: "ssm",
    CheckKind.TCP: "ssm",
    CheckKind.HTTP: "ssm",
    CheckKind.COMMAND: "ssm",
    CheckKind.TARGET_GROUP: "elbv2",
}


@dataclass(slots=True)
class Look:
    """What a look knows. `servers` change as answers come; `launched` have their ladders, jobs and instances.

    `key` is the comment of its commands. `postponed` are the errors that pass by themselves: what they concern is asked
    again by the next look. `given_up` has the ids of commands that have no result in their time.
    """

    target: Target
    key: str
    now: float
    period: float
    launched: Mapping[str, LaunchedServer]
    servers: dict[str, ServerChecks]
    postponed: list[Transient] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)
    _asked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _held: set[str] = field(default_factory=set)

    def list_due(self, service: str, *kinds: CheckKind) -> dict[str, Check]:
        """The check of each server that is due, is at one of these kinds, and was not asked about in the service."""
        due = {}
        for server_id, server in self.servers.items():
            if server_id in self._held or server_id in self._asked[service] or server.instance_id is None:
                continue
            check = server.find_check(self.launched[server_id].ladder)
            if check and check.kind in kinds and server.is_due(self.now, self.period):
                due[server_id] = check
        return due

    def note(self, server_id: str, observation: Observation) -> None:
        """Let the server climb by what was found of the check that it is at."""
        ladder = self.launched[server_id].ladder
        self.servers[server_id] = self.servers[server_id].after(observation, ladder, self.now, self.period)

    def change(self, server_id: str, **values: object) -> None:
        """Note something else of the server."""
        self.servers[server_id] = replace(self.servers[server_id], **values)  # type: ignore[arg-type]

    def hold(self, server_id: str) -> None:
        """Ask nothing more about the server in this look."""
        self._held.add(server_id)

    def by_instance(self, server_ids: Iterable[str]) -> dict[str, str]:
        """The ids of these servers, by the id of their instance."""
        return {str(self.servers[each].instance_id): each for each in server_ids}

    def ask(
        self,
        service: str,
        server_ids: Iterable[str],
        ask: Callable[Concatenate["Look", P], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Ask the service about these servers, by `ask`, which notes what it finds of them.

        An error that passes postpones them; another one settles them.
        """
        asked = list(server_ids)
        if not asked:
            return
        self._asked[service].update(asked)
        try:
            ask(self, *args, **kwargs)
        except Transient as error:
            self.postponed.append(error)
            self._held.update(asked)
        except DrsWavesError as error:
            advice = f"; {error.advice}" if error.advice not in error.message else ""
            for server_id in asked:
                self.note(server_id, Observation(Found.HOPELESS, f"{error.message}{advice}"))
