"""The seed strips: a row an optimizer, and on it its loss on each fresh seed, never their mean alone."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..pictures import DIVERGED, INK, STRIP, Style, styles
from ..rules import proper_name
from ._directory import Record
from ._format import interval, number, plotly_text
from ._fresh import Fresh, median_ends
from ._scale import ABOVE_AT, DIVERGED_AT, STRIP_FROM, STRIP_TO, Scale, log_axis, scale
from ._style import Chart, Table, figure

ROW, TOLD_ROW, TOP, BOTTOM = 32, 40, 30, 48
# A median's interval stands so far above the dots of its row that neither hides the other, in rows.
SHIFT = 0.3
# Of more seeds the marks are smaller and fainter, or they would hide one another.
MANY = 30


class Marks(NamedTuple):
    """The runs of a row: their numbers, which a click looks up, where each stands across, what it says, if it diverged.

    Each is of shape (seeds,).
    """

    runs: np.ndarray
    places: np.ndarray
    hover: list[str]
    lost: np.ndarray


def strip_chart(record: Record, fresh: Fresh, unit: str) -> Chart:
    """Every optimizer's losses by fresh seed, with their median."""
    axis, looks = scale(record, fresh.losses), styles(fresh.optimizers)
    chart = row_figure(fresh.optimizers, shift=SHIFT)
    crowded = bool((fresh.losses > axis.cap).any())
    _set_axis(chart, axis, STRIP_TO if crowded else STRIP_FROM, unit)
    for row, optimizer in enumerate(fresh.optimizers):
        hover = [_hover(fresh, row, seed) for seed in range(len(fresh.seeds))]
        own = Marks(fresh.runs[row], _places(axis, fresh.losses[row]), hover, ~np.isfinite(fresh.losses[row]))
        add_marks(chart, row, own, looks[optimizer])
    middles = np.median(fresh.losses, axis=1)
    _add_intervals(chart, axis, fresh.losses)
    told = [f"median {_sure(own)}" for own in fresh.losses]
    add_medians(chart, _places(axis, middles), "median loss", told, shift=SHIFT)
    return Chart("strips", "Loss on each seed", chart, _finding(fresh, unit))


def row_figure(names: Sequence[str], said: Sequence[str] = (), *, shift: float = 0.0) -> go.Figure:
    """A figure with a row an optimizer, the first on top, and a line for the seed that is pointed at.

    said: what stands under each name, if anything.  shift: room for more above the marks of a row, in rows.
    """
    height = TOP + BOTTOM + (TOLD_ROW if said else ROW) * len(names)
    chart = figure(height=height, margin=(12, 14, TOP, BOTTOM))
    under = [f"<br><span style='font-size:10px'>{plotly_text(one)}</span>" for one in said] or [""] * len(names)
    labels = [plotly_text(proper_name(name), 24) + more for name, more in zip(names, under, strict=True)]
    ticks = {"tickvals": list(range(len(names))), "ticktext": labels}
    chart.update_yaxes(ticks, range=[len(names) - 0.5, -0.5 - shift], automargin=True, showgrid=True, zeroline=False)
    chart.update_yaxes(tickfont={"size": 12, "color": INK})
    chart.update_xaxes(showgrid=True)
    thin = {"color": INK, "width": 1.5}
    return chart.add_scatter(x=[None], y=[None], mode="lines", name="linked", line=thin, hoverinfo="skip")


def add_marks(chart: go.Figure, row: int, marks: Marks, style: Style) -> None:
    """Add the marks of a row, one a run; those that diverged are crosses."""
    size, opacity = (9, 0.65) if len(marks.runs) <= MANY else (7, 0.35)
    dot = {"color": style.color, "symbol": style.symbol, "size": size, "opacity": opacity, "line": {"width": 0}}
    cross = {"color": DIVERGED, "symbol": "x-thin", "size": 8, "line": {"width": 2, "color": DIVERGED}}
    for which, marker, name in ((~marks.lost, dot, "run"), (marks.lost, cross, "diverged")):
        hover = [text for text, here in zip(marks.hover, which, strict=True) if here]
        told = {"customdata": marks.runs[which].tolist(), "hovertext": hover, "hoverinfo": "text"}
        if hover:
            places, rows = marks.places[which].tolist(), [row] * len(hover)
            chart.add_scatter(x=places, y=rows, mode="markers", marker=marker, name=name, **told)


def add_medians(
    chart: go.Figure, places: np.ndarray, name: str, hover: list[str], *, shift: float = 0.0, **more: Any
) -> None:
    """Add the median of each row as an upright stroke. shift: how far above the row, in rows."""
    marker = {"symbol": "line-ns", "size": 17, "color": INK, "line": {"width": 2.5, "color": INK}}
    rows = [row - shift for row in range(len(places))]
    chart.add_scatter(
        x=places.tolist(), y=rows, mode="markers", marker=marker, name=name, hovertext=hover, hoverinfo="text", **more
    )


def _add_intervals(chart: go.Figure, axis: Scale, losses: np.ndarray) -> None:
    """The interval of each row's median, all rows in one trace."""
    told = [(row, ends) for row, own in enumerate(losses) if (ends := median_ends(own))]
    xs = [place for _, ends in told for place in (*_places(axis, np.array(ends)).tolist(), None)]
    ys = [place for row, _ in told for place in (row - SHIFT, row - SHIFT, None)]
    line = {"color": INK, "width": 3}
    chart.add_scatter(x=xs, y=ys, mode="lines", name="interval", line=line, hoverinfo="skip")


def _sure(losses: np.ndarray) -> str:
    """A median with its interval, which too few seeds have not."""
    ends, middle = median_ends(losses), number(float(np.median(losses)))
    return f"{middle} (95 % interval {interval(*ends)})" if ends else middle


def _set_axis(chart: go.Figure, axis: Scale, top: float, unit: str) -> None:
    low, high = axis.at(-0.06), axis.at(top)
    settings = log_axis(low, high, last_tick=axis.cap, most=5) if axis.logarithmic else {"range": [low, high]}
    chart.update_xaxes(settings, title_text=plotly_text(f"loss, {unit}"))
    if top > STRIP_FROM:
        ends = {"x0": axis.at(STRIP_FROM), "x1": high}
        chart.add_shape(type="rect", yref="paper", y0=0, y1=1, fillcolor=STRIP, line_width=0, layer="below", **ends)
        where = {"x": float(np.log10(ends["x0"])) if axis.logarithmic else ends["x0"], "y": 1, "yref": "paper"}
        font, anchors = {"size": 10, "color": DIVERGED}, {"xanchor": "left", "yanchor": "bottom"}
        chart.add_annotation(**where, **anchors, text="off the axis", showarrow=False, font=font)


def _places(axis: Scale, losses: np.ndarray) -> np.ndarray:
    """Where losses stand: those above the axis, and those that diverged, in the strip beyond it."""
    beyond = np.where(np.isfinite(losses), axis.at(ABOVE_AT), axis.at(DIVERGED_AT))
    return np.where(losses <= axis.cap, axis.drawn(losses), beyond)


def _hover(fresh: Fresh, row: int, seed: int) -> str:
    name, loss = proper_name(fresh.optimizers[row]), fresh.losses[row, seed]
    place = int((fresh.losses[:, seed] < loss).sum()) + 1
    said = f"{name}, seed {fresh.seeds[seed]}: loss {number(loss)}"
    return f"{plotly_text(said)}<br>place {place} of {len(fresh.optimizers)} on that seed"


def _finding(fresh: Fresh, unit: str) -> str:
    said = [
        f"{proper_name(name)} {_sure(own)}, all {interval(own.min(), own.max())}"
        for name, own in zip(fresh.optimizers, fresh.losses, strict=True)
    ]
    spread = np.median(fresh.losses, axis=0)
    finite = spread[np.isfinite(spread)]
    apart = f" Seeds differ: their medians run from {number(finite.min())} to {number(finite.max())}."
    head = f"Loss on each of {len(fresh.seeds)} fresh seeds, {unit}: the median is for {'; '.join(said)}."
    return f"{head}{apart if len(finite) else ''}".replace("∞", "a diverging loss")


def strip_table(fresh: Fresh) -> Table:
    """A row a seed, a column an optimizer."""
    rows = [[str(seed), *map(number, own)] for seed, own in zip(fresh.seeds, fresh.losses.T.tolist(), strict=True)]
    head = ["Seed", *map(proper_name, fresh.optimizers)]
    return Table("Loss on each fresh seed (∞ where the run diverged)", head, rows)
