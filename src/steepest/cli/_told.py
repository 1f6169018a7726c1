"""A report's table in a terminal."""

from rich.table import Table
from rich.text import Text

from ..reports import Table as Told


def told_table(told: Told) -> Table:
    """The table without its caption; cells are text, whatever brackets are in them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(told.head):
        table.add_column(Text(name), justify="right" if place else "left", overflow="fold", no_wrap=not place)
    for row in told.rows:
        table.add_row(*map(Text, row))
    return table
