"""Draws how several races on one table compare, as one page that works from disk."""

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from ..files import new_file
from ..pictures import INK, STYLES, Style
from ..races import Comparison
from ..rules import proper_name
from ._compare import Compared
from ._compare_words import asked_differently, better, findings, result_table
from ._fill import fill
from ._format import interval, number, plotly_text
from ._style import Chart, figure

ROW, TOP, BOTTOM = 46, 12, 52
# Of a row's height, how far the races' marks are spread when there are several.
_SPREAD = 0.5


def draw_comparison(compared: Compared, path: str | os.PathLike[str]) -> Path:
    """Write the page to *path*, whole or not at all; what stood there is replaced.

    Returns the path. Raises InputError where it cannot be written.
    """
    target = Path(path)
    with new_file(target) as temporary:
        temporary.write_text(render_comparison(compared), encoding="utf-8")
    return target


def render_comparison(compared: Compared) -> str:
    """The page as text."""
    record = compared.entrants[0].record
    metric, told = record.facts["metric"] or {}, findings(compared)
    unit = str(metric.get("unit") or "as trained")
    asked, results = asked_differently(compared), result_table(compared)
    return fill(
        "compare.html",
        nonce=hashlib.sha256(repr((told, asked, results, compared.beside)).encode()).hexdigest()[:32],
        data=record.facts["data"],
        metric=str(metric.get("name") or "loss"),
        unit=unit,
        entrants=compared.entrants,
        looks={one.letter: look for one, look in zip(compared.entrants[1:], _looks(compared), strict=True)},
        findings=told,
        asked=asked,
        results=results,
        chart=_chart(compared, unit),
        version=record.facts.get("steepest", ""),
    )


def _looks(compared: Compared) -> list[Style]:
    """A look for each further race; the first is the line of no difference."""
    return [STYLES[(1 + i) % len(STYLES)] for i in range(len(compared.entrants) - 1)]


def _chart(compared: Compared, unit: str) -> Chart | None:
    """Every further race's difference to the first, a row an optimizer; None where no seeds pair them."""
    if not compared.beside:
        return None
    names, first = list(compared.beside), compared.entrants[0].letter
    chart = figure(height=TOP + BOTTOM + ROW * len(names), margin=(112, 20, TOP, BOTTOM))
    chart.add_vline(x=0, line={"color": INK, "width": 1.2, "dash": "dot"})
    for place, (entrant, look) in enumerate(zip(compared.entrants[1:], _looks(compared), strict=True)):
        shift = _SPREAD * ((place + 0.5) / (len(compared.entrants) - 1) - 0.5)
        found = [
            (row + shift, name, one)
            for row, name in enumerate(names)
            for one in compared.beside[name]
            if one.optimizer == entrant.letter
        ]
        _add_marks(chart, found, look, first)
    labels = [plotly_text(proper_name(name), 16) for name in names]
    chart.update_yaxes(
        tickvals=list(range(len(names))), ticktext=labels, range=[len(names) - 0.5, -0.5], showgrid=False
    )
    chart.update_xaxes(title_text=plotly_text(f"median loss above that of {first}, {unit}"), showgrid=True)
    said = "; ".join(f"{proper_name(name)} {_in_words(one, first)}" for name in names for one in compared.beside[name])
    return Chart("differences", "Differences, seed by seed", chart, f"Differences in loss with 95 % intervals: {said}.")


def _add_marks(chart: go.Figure, found: Sequence[tuple[float, str, Comparison]], look: Style, first: str) -> None:
    """A dot at each median difference, on its interval; none is drawn for a lone seed."""
    ends = [(one.high - one.median, one.median - one.low) for _, _, one in found]
    chart.add_scatter(
        x=[one.median for _, _, one in found], y=[height for height, _, _ in found], mode="markers",
        marker={"color": look.color, "symbol": look.symbol, "size": 11},
        error_x={"type": "data", "array": [_length(up) for up, _ in ends], "arrayminus": [_length(d) for _, d in ends],
                 "color": look.color, "thickness": 2.2, "width": 5},
        hovertext=[f"{plotly_text(proper_name(name))}: {_in_words(one, first)}" for _, name, one in found],
        hoverinfo="text",
    )  # fmt: skip


def _length(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _in_words(one: Comparison, first: str) -> str:
    said, ends = better(one, first), interval(one.low, one.high)
    so = said if one.relation == "undecided" else f"{said} is better"
    return f"{one.optimizer} − {first}: {number(one.median)} ({ends}), {so}"
