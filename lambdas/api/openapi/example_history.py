"""An example of a history, for the OpenAPI document."""

from typing import Any

from api.openapi.example_values import ANA, AT

HISTORY_ANSWERS: dict[str, Any] = {
    "History": {
        "history": [
            {
                "number": 2,
                "version": 2,
                "name": "shop",
                "at": AT,
                "by": ANA,
                "deleted": False,
                "found": False,
                "changes": [{"field": "waves[database].maxFailedPercent", "before": "0", "after": "10"}],
            }
        ],
        "nextToken": None,
    },
}
