"""Draws docs/pictures/live-view.svg, the live view of the run that docs/pictures/live-view.json recorded.

The recording holds what `drs-waves get` printed during a drill of examples/approval.yaml in the sandbox: the execution,
and the capacity of each of its targets.
"""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from cli.views.capacity import KnownCapacity  # noqa: E402  # the root must be on the path first
from cli.views.live import LiveView  # noqa: E402  # the root must be on the path first

RECORDING = ROOT / "docs" / "pictures" / "live-view.json"
PICTURE = RECORDING.with_suffix(".svg")
WIDTH = 112  # characters; the longest line of the recording fits


def draw(recording: dict[str, Any]) -> str:
    """The SVG, without the web fonts that rich names: the picture must not depend on a font server."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    now = {(entry["accountId"], entry["region"]): KnownCapacity(entry, 0.0) for entry in recording["capacity"]}
    view = LiveView(console, " --sandbox", recording["speed"], capacity=lambda record: now)
    console.print(view.render(recording["execution"]))
    svg = console.export_svg(title=recording["command"])
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    PICTURE.write_text(draw(json.loads(RECORDING.read_text())))
