"""Compliance as one HTML page that loads nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.compliance.words import STATUS_WORDS, describe_plan, describe_status
from report.page import build_environment

TEMPLATE = "compliance.html.j2"

# Rows of servers on the page. The command lists all of them.
MAX_ROWS = 2_000

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComplianceFacts:
    """What the page shows, as the API has answered. `plan` is the name of the plan, if it shows only one.

    `servers` are all servers of plans. `unplanned` are those in no plan, None if they were not asked for.
    """

    as_of: str
    counts: Item
    plans: Sequence[Item]
    servers: Sequence[Item]
    unplanned: Sequence[Item] | None
    is_sandbox: bool = False
    plan: str | None = None


def render_page(facts: ComplianceFacts) -> str:
    """The page."""
    noted = [server for server in facts.servers if server["status"] not in ("COMPLIANT", "NO_POLICY") or server["why"]]
    environment = build_environment(Path(__file__).parent)
    environment.filters.update(standing=describe_status, notes=describe_plan)
    return environment.get_template(TEMPLATE).render(
        facts=facts,
        page_label=None,
        by_status={status: sum(plan["status"] == status for plan in facts.plans) for status in STATUS_WORDS},
        servers=noted[:MAX_ROWS],
        servers_left=max(len(noted) - MAX_ROWS, 0),
        unplanned=list(facts.unplanned or ())[:MAX_ROWS],
        unplanned_left=max(len(facts.unplanned or ()) - MAX_ROWS, 0),
    )
