"""JSON, compressed, as one attribute of a row: the servers of a batch take a few kilobytes so, not some thirty."""

import json
import zlib
from typing import Any


def pack(value: Any) -> bytes:
    """The value, which JSON can express, as bytes."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode())


def unpack(packed: bytes) -> Any:
    """The inverse."""
    return json.loads(zlib.decompress(packed))
