"""The servers of a run: a table that scrolls over ten thousand of them, and one server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.pages.parts import read_number
from console.pages.runs import RunPage
from console.reading.servers.csv_file import write_csv
from console.reading.servers.index import PAGE, ServerIndex, View
from console.reading.servers.one_server import describe_server, find_row, read_details
from console.reading.servers.rows import COLUMNS, FILTERS, Query, ServerRow
from console.render import render

# Rows that a page has at first, and the most that are asked for at once: those that are printed.
FIRST_ROWS, MAX_ROWS = 60, 500
# Seconds for which a page waits for the first read of the servers of a run that is one request. A larger one shows at
# once how far it has been read.
WAIT = 0.7
# Seconds for which the page of one server waits, before it asks the API for that server alone.
WAIT_FOR_ONE = 5.0


def show_servers(request: Request) -> Response:
    """The table, with its first rows."""
    run = _read_servers(request)
    return run.render(
        request,
        "servers.html.j2",
        f"Servers of {run.record['planName']}",
        columns=COLUMNS,
        filters=FILTERS,
        most_printed=MAX_ROWS,
        window=_make_window(run, Query.from_parameters(request.query_params), 0, FIRST_ROWS),
    )


def show_rows(request: Request) -> Response:
    """The rows of a part of the table."""
    run, parameters = _read_servers(request, wait=0), request.query_params
    offset, limit = read_number(request, "offset", 0), min(read_number(request, "limit", FIRST_ROWS), MAX_ROWS)
    window = _make_window(run, Query.from_parameters(parameters), offset, limit)
    return render(request, "servers_rows.html.j2", "Servers", None, record=run.record, window=window)


def download_servers(request: Request) -> Response:
    """The rows of the table, all that the filters leave, as CSV."""
    run = _read_servers(request, wait=WAIT_FOR_ONE)
    if not run.view.is_complete:
        raise HTTPException(503, f"The servers are still being read: {_describe_total(run.view, None)}. Try again.")
    rows = run.index.select(run.view, Query.from_parameters(request.query_params))
    text = write_csv((row.read_facts() for row in rows), run.read_groups())
    name = f"servers-{run.record['executionId']}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv", headers=headers)


def show_server(request: Request) -> Response:
    """One server, with everything that the run knows about it."""
    run, server_id = _read_servers(request, wait=WAIT_FOR_ONE), request.path_params["server_id"]
    row = find_row(run.deployment.api, run.record, run.view, server_id)
    if row is None:
        raise HTTPException(404, f"The run has no server {server_id}.")
    server = describe_server(row, run.record, run.read_groups())
    details = read_details(run.deployment, run.record, server)
    title = row.host or row.server_id
    return run.render(request, "server.html.j2", title, row=row, server=server, details=details)


@dataclass(frozen=True, slots=True)
class _Servers(RunPage):
    """A run with the servers that are known of it."""

    index: ServerIndex
    view: View

    def read_groups(self) -> dict[str, str]:
        """The names of the protection groups as the run used them, by id."""
        path = f"/executions/{self.record['executionId']}/protection-groups"
        groups = self.deployment.snapshot(
            f"groups {self.record['executionId']}", lambda api: list(api.list_items(path, "protectionGroups")), 600.0
        )
        return {group["groupId"]: group["name"] for group in groups.value}


def _read_servers(request: Request, wait: float | None = None) -> _Servers:
    """The run of the address. Wait so many seconds for the first read of its servers, or as long as is short."""
    run = RunPage.read(request)
    run_id = run.record["executionId"]
    index = run.deployment.kept.get(ServerIndex, run_id, lambda: ServerIndex(run_id))
    if wait is None:
        wait = WAIT if run.record["servers"]["total"] <= PAGE else 0.0
    return _Servers(run.deployment, run.topic, run.snapshot, index, index.ask(run.deployment.api, run.record, wait))


# --- a part of the table ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Window:
    """The rows from `offset` on, of `matches`. `words` say how many there are; `state` is `current` or `reading`."""

    rows: list[ServerRow]
    offset: int
    matches: int
    words: str
    state: str
    values: Mapping[str, Mapping[str, int]]
    query: Query

    @property
    def values_json(self) -> Markup:
        """The values of the filters, as an attribute has them."""
        return escape(json.dumps(self.values))

    @property
    def address(self) -> str:
        """The query as it stands in an address."""
        return urlencode(self.query.to_parameters(), quote_via=quote)


def _make_window(run: _Servers, query: Query, offset: int, limit: int) -> Window:
    found = run.index.select(run.view, query)
    return Window(
        list(found[offset : offset + limit]),
        offset,
        len(found),
        _describe_total(run.view, len(found) if query.is_filtered else None),
        "current" if run.view.is_current else "reading",
        run.view.values,
        query,
    )


def _describe_total(view: View, matches: int | None) -> str:
    """`10,000 servers`, `12 of 10,000 servers match`, `3,000 of 10,000 servers read`."""
    of = f"{view.total:,} {'server' if view.total == 1 else 'servers'}"
    words = of
    if matches is not None:
        words = f"{matches:,} of {of} {'matches' if matches == 1 else 'match'}"
    if not view.is_complete:
        read = f"{len(view.rows):,} of {of} read"
        words = read if matches is None else f"{matches:,} found so far, {read}"
    return f"{words}. They could not be read anew: {view.trouble}" if view.trouble else words


ROUTES = [
    Route("/runs/{run_id}/servers", show_servers),
    Route("/runs/{run_id}/servers.csv", download_servers),
    Route("/runs/{run_id}/servers/rows", show_rows),
    Route("/runs/{run_id}/servers/{server_id}", show_server),
]
