"""Count the requests to DynamoDB, and the capacity units that DynamoDB would bill for them; measure functions beside.

MiniStack works out the units from the sizes of items, as DynamoDB does: one write unit for each KB, twice that in a
transaction, and the writes of indexes. Refused requests have no units in its answers, so they are counted alone.
"""

import atexit
import json
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from ministack.services import dynamodb

from sandbox.engine import FUNCTIONS, METER, function_meter

_READS = ("GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems")
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
_COUNTED = ("requests", "refused", "units", "bytes")
_SECONDS = 1.0


def count_dynamodb_requests(path: Path) -> None:
    """Write to this file, as JSON: for each operation `requests`, `refused`, `units` and `bytes` of the requests."""
    counts: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    handle = dynamodb.handle_request

    async def counted(method: str, at: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if operation not in _READS + _WRITES:
            return await handle(method, at, headers, body, query)
        asked = json.loads(body) | {"ReturnConsumedCapacity": "TOTAL"}
        status, answered_headers, answer = await handle(method, at, headers, json.dumps(asked).encode(), query)
        count = counts[operation]
        count["requests"] += 1
        count["bytes"] += len(body)
        if status == 200:
            consumed = json.loads(answer).get("ConsumedCapacity") or []
            each = consumed if isinstance(consumed, list) else [consumed]
            count["units"] += sum(table["CapacityUnits"] for table in each)
        else:
            count["refused"] += 1
        return status, answered_headers, answer

    dynamodb.handle_request = counted
    _write_each_second(path, counts)


def _write_each_second(path: Path, counts: dict[str, dict[str, float]]) -> None:
    def write() -> None:
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({name: dict(counted) for name, counted in list(counts.items())}))
        draft.replace(path)

    def write_often() -> None:
        while True:
            time.sleep(_SECONDS)
            write()

    threading.Thread(target=write_often, daemon=True).start()
    atexit.register(write)


def start_if_asked_for() -> None:
    """Count if the environment names a file."""
    if path := os.environ.get(METER):
        count_dynamodb_requests(Path(path))
        _write_each_second(Path(path).with_name(FUNCTIONS), function_meter.note_functions())
