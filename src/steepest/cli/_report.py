"""``steepest report``."""

from pathlib import Path

from rich.console import Console

from .. import reports
from ..errors import InputError


def run_report(directory: Path, *, markdown: bool, latex: bool) -> None:
    """Draw a directory's page again, or print its leaderboard as a table for papers."""
    if markdown and latex:
        raise InputError("--markdown and --latex exclude each other. Give one of them.")
    if markdown or latex:
        print(reports.markdown(directory) if markdown else reports.latex(directory))
        return
    draw = reports.draw_profile if reports.is_profile(directory) else reports.report
    Console().print(f"Report: {draw(directory)}", soft_wrap=True, highlight=False)
