"""``steepest figures``."""

from pathlib import Path

from rich.console import Console

from ..figures import checked, draw_figures
from ._progress import progress


def run_figures(names: list[str], out: Path, kind: str, quiet: bool) -> None:
    """Draw the figures of the lecture, all or some, and an index of them."""
    console = Console(highlight=False, soft_wrap=True)
    chosen = checked(names, kind)
    with progress(console, len(chosen), "figures", quiet=quiet) as line:
        drawn = draw_figures(chosen, out, kind=kind, told=line.show)
    for figure in drawn:
        console.print(f"{figure.name}: {figure.title}", markup=False)
    console.print(f"Drawn: {out / 'index.html'}", markup=False)
