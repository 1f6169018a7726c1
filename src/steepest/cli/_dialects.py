"""``steepest dialects``."""

import json
import textwrap
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import dialects
from ..dialects import FRAMEWORKS, Comparison, Row
from ..errors import InputError
from ..rules import proper_name

_LABEL = 12  # columns of the terminal for what a row means
_STAR = "\N{NO-BREAK SPACE}*"  # what differs; it stays beside its word
_LEAST = 14  # columns for a framework, however narrow the terminal


def run_dialects(name: str | None, *, as_json: bool, show: bool, out: Path | None) -> None:
    """Say what each framework calls the optimizers, or what one of them is in each; draw how far they walk apart."""
    if name is None and (show or out):
        raise InputError("--show and --out want an optimizer. Try 'steepest dialects adam --show'.")
    if out and not show:
        raise InputError("--out says where --show writes. Give both, or neither.")
    if as_json and show:
        raise InputError("--json and --show exclude each other. Give one of them.")
    console = Console(highlight=False)
    console.width = max(console.width, _LABEL + len(FRAMEWORKS) * (_LEAST + 2))  # rather than cut words off
    comparison = None if name is None else dialects.compare(dialects.rule_called(name))
    if as_json:
        _print_json(dialects.overview() if comparison is None else dialects.as_data(comparison))
    elif comparison is None:
        _say_all(console)
    elif show:
        _show(console, comparison, out or Path(f"dialects-{comparison.rule.__name__}.html"))
    else:
        _say_one(console, comparison)


def _show(console: Console, comparison: Comparison, out: Path) -> None:
    """Draw the walks, and say how far they are apart."""
    from ..reports import distance_table, draw_walks

    walked = dialects.walks(comparison.rule)
    path = draw_walks(walked, out)
    told = {"own": distance_table(dialects.apart(walked.own)), "same": distance_table(dialects.apart(walked.same))}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("after")
    for steps in told["own"].head[1:]:
        table.add_column(f"{steps} step{'' if steps == '1' else 's'}", justify="right")
    for kind, title in (("own", "its own defaults"), ("same", "the textbook's numbers")):
        for framework, *far in told[kind].rows:
            table.add_row(f"{framework}, {title}", *far)
    name = proper_name(walked.rule.__name__)
    console.print(
        f"Distance from the textbook's {name} down a small valley, at the same learning rates:", soft_wrap=True
    )
    console.print(table)
    console.print(f"Drawn: {path}", soft_wrap=True)


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def _say_all(console: Console) -> None:
    """One row an optimizer."""
    table, width = _table(), _room(console)
    for optimizer, calls in dialects.overview().items():
        table.add_row(optimizer, *(_folded(calls.get(framework, "-"), width) for framework in FRAMEWORKS))
    console.print(table)
    console.print("\n'steepest dialects adam' has one side by side; --show draws how far they walk apart.")


def _say_one(console: Console, comparison: Comparison) -> None:
    """Knobs, choices and state of one optimizer side by side, then what else a reader should know."""
    console.print(Text(comparison.name, style="bold"))
    table, width = _table(), _room(console)
    calls = [str(call) if (call := comparison.calls[framework]) else "-" for framework in FRAMEWORKS]
    table.add_row("called", *(_folded(call, width) for call in calls), end_section=True)
    for row in comparison.rows:
        table.add_row(*_cells(row, width))
    table.add_section()
    for row in comparison.states:
        table.add_row(*_cells(row, width, state=True))
    console.print(table)
    console.print("\n* differs from the textbook; - is not there; -name is the negative of what the rule keeps")
    _say_lines(console, "Other ways to the same rule", list(dialects.ways(comparison).items()))
    _say_lines(console, "Arguments for how, not what", [(f, ", ".join(n)) for f, n in comparison.besides.items() if n])
    _say_lines(console, "Notes", dialects.notes(comparison))


def _say_lines(console: Console, title: str, lines: list[tuple[str, str]]) -> None:
    if lines:
        console.print(Text(f"\n{title}", style="bold"))
    for framework, text in lines:
        told = textwrap.wrap(f"{framework}: {text}", console.width, initial_indent="  ", subsequent_indent="    ")
        console.print("\n".join(told), markup=False)


def _cells(row: Row, width: int, *, state: bool = False) -> list[Text]:
    """A row of the table; what differs from the textbook has a star and, where there are styles, is bold."""
    cells = [_folded(row.label, _LABEL)]
    for framework in FRAMEWORKS:
        differs = row.differs(framework)
        told = dialects.in_cell(row, framework, state=state) + (_STAR if differs else "")
        cells.append(_folded(told, width, style="bold" if differs else ""))
    return cells


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("", *FRAMEWORKS):
        table.add_column(name, no_wrap=True)
    return table


def _room(console: Console) -> int:
    """Columns for each framework, with two between them."""
    return max(_LEAST, (console.width - _LABEL) // len(FRAMEWORKS) - 2)


def _folded(text: str, width: int, style: str = "") -> Text:
    """Text on lines of a width: broken between words, and in longer words behind an underscore or a bracket."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= width:
            lines[-1] = joined
            continue
        rest = word
        while len(rest) > width:
            cut = max(rest.rfind(mark, 0, width) for mark in "_(") + 1 or width
            lines.append(rest[:cut])
            rest = rest[cut:]
        lines.append(rest)
    return Text("\n".join(line for line in lines if line).replace(_STAR, " *"), style=style)
