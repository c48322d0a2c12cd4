"""Print the OpenAPI document of the API: `python scripts/openapi.py > docs/openapi.json`, or `make openapi`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lambdas"))

from api.app import app
from api.openapi import builder


def main() -> None:
    """Print the document that the API serves, one value per line, so that a diff shows each change."""
    print(json.dumps(builder.build_document(app.operations), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
