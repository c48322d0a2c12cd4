"""Prints the page of a report for `report --pdf` and `evidence get --pdf`."""

from pathlib import Path

from cli.terminal import FAILED, end, error_console
from recovery.free_text import flatten


def print_page(folder: Path) -> str:
    """Print report.html of the folder as report.pdf, and return its name. End the command if that fails."""
    from cli.report.evidence import PRINTED_FILE
    from cli.report.pdf import NotPrinted, print_pdf
    from report.files import HTML_FILE

    try:
        print_pdf(folder / HTML_FILE, folder / PRINTED_FILE)
    except NotPrinted as problem:
        end(FAILED, str(problem))
    error_console().print(f"  print     {flatten(folder / PRINTED_FILE)}", markup=False, soft_wrap=True)
    return PRINTED_FILE
