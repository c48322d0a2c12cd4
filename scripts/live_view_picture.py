"""Draws docs/pictures/live-view.svg, the live view of the run that docs/pictures/live-view.json recorded.

The recording holds what `drs-waves get /executions/EXECUTION --sandbox` printed during `make drill`, and the lines that
`make drill` had shown until then.
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

from cli.views.live import LiveView  # noqa: E402  # the root must be on the path first

RECORDING = ROOT / "docs" / "pictures" / "live-view.json"
PICTURE = RECORDING.with_suffix(".svg")
WIDTH = 112  # characters; the longest line of the recording fits


def draw(recording: dict[str, Any]) -> str:
    """The SVG, without the web fonts that rich names: the picture must not depend on a font server."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    view = LiveView(console, " --sandbox", recording["speed"])
    for line in recording["notices"]:
        view.notice(line)
    console.print(view.render(recording["execution"]))
    svg = console.export_svg(title=recording["command"])
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    PICTURE.write_text(draw(json.loads(RECORDING.read_text())))
