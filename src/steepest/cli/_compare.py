"""``steepest compare``."""

from pathlib import Path

from rich.console import Console

from ..errors import InputError
from ..reports import Compared, asked_differently, compare, draw_comparison, findings, result_table
from ._told import told_table


def run_compare(directories: list[Path], out: Path | None) -> None:
    """Say who wins in each of several races on one table, and what differs; draw it where asked to."""
    if out is not None and out.suffix.lower() != ".html":
        raise InputError(f"--out takes an .html file to write; received '{out}'.")
    compared = compare(directories)
    if out is not None:
        draw_comparison(compared, out)
    _say(Console(highlight=False, soft_wrap=True), compared)
    if out is not None:
        Console(highlight=False, soft_wrap=True).print(f"Drawn: {out}", markup=False)


def _say(console: Console, compared: Compared) -> None:
    for one in compared.entrants:
        console.print(f"{one.letter} = {one.name}: {one.verdict['sentence']}", markup=False)
    for told in (asked_differently(compared), result_table(compared)):
        if told.rows:
            console.print(f"\n{told.caption}:")
            console.print(told_table(told))
    console.print()
    for sentence in findings(compared):
        console.print(sentence, markup=False)
