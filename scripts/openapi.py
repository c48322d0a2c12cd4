"""Print the OpenAPI document of the API: `python scripts/openapi.py > docs/openapi.json`, or `make openapi`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lambdas"))

from api.openapi import builder


def main() -> None:
    """Print the document that the API serves, with a line for each value, so that a diff shows what changed."""
    print(json.dumps(json.loads(builder.document_json()), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
