"""The drawings of runs and plans, which the report and the console share: timeline, quotas and waves.

A module for each says where everything goes, in numbers. `drawings.html.j2` has a macro that writes its SVG, and
`drawings.css` its style, which the report has in its page and the console serves.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
CSS_FILE = FOLDER / "drawings.css"
