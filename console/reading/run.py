"""One run: its record, as the pages of the run show it."""

from typing import Any

from cli.api_client import ApiClient
from cli.run_client import read_run


def read(api: ApiClient, run_id: str) -> dict[str, Any]:
    """`record` of the run, with all of its batches. Raise ApiRefused, ApiUnreachable."""
    return {"record": read_run(api, run_id)}
