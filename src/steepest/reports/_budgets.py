"""The budget curve: what so many random trials of an optimizer's configurations are worth."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from ..pictures import Style, styles
from ..races import Budget, budget_curves, untrained_loss
from ..rules import proper_name
from ._directory import Record
from ._format import interval, listed, number, plotly_text
from ._frames import frames
from ._losses import FEW, add_labels
from ._scale import Scale, scale
from ._style import Chart, Table, figure

HEIGHT, TOP, BOTTOM = 380, 16, 52


def budgets(record: Record, order: list[str]) -> dict[str, Budget]:
    """The budget curve of each optimizer in *order* that tried more than one rate; none for a race of an old format."""
    tables = frames(record)
    if tables is None:
        return {}
    found = budget_curves(tables.runs, untrained_loss(tables.curves))
    return {name: found[name] for name in order if name in found and len(found[name].losses) > 1}


def budget_chart(record: Record, found: Mapping[str, Budget], unit: str) -> Chart:
    """The expected best loss by trials, a line an optimizer."""
    every = np.concatenate([one.expected for one in found.values()])
    axis, looks = scale(record, every), styles(found)
    chart = figure(height=HEIGHT, margin=(62, 92, TOP, BOTTOM))
    longest = max(len(one.expected) for one in found.values())
    ticks = {"range": [0.7, longest + 0.3], "dtick": max(1, longest // 12), "tick0": 1}
    chart.update_xaxes(ticks, title_text=f"trials, each of a random {_tried(record)}")
    chart.update_yaxes(axis.axis(), title_text=plotly_text(f"expected best loss, {unit}"))
    for name, one in found.items():
        if len(found) <= FEW:
            _add_band(chart, one, axis, looks[name])
        _add_line(chart, one, axis, looks[name])
    add_labels(chart, {name: one.expected[-1] for name, one in found.items()}, axis, HEIGHT - TOP - BOTTOM)
    return Chart("budget", "Budget curve", chart, _finding(found, unit))


def _tried(record: Record) -> str:
    return "configuration" if (record.hyperparameters != "").any() else "rate of the grid"


def _add_band(chart: go.Figure, one: Budget, axis: Scale, style: Style) -> None:
    trials = list(range(1, len(one.expected) + 1))
    ends = np.concatenate([one.high, one.low[::-1]])
    chart.add_scatter(
        x=trials + trials[::-1], y=np.clip(axis.drawn(ends), None, axis.at(1.3)).tolist(), mode="lines", fill="toself",
        line={"width": 0}, fillcolor=style.color, opacity=0.09, hoverinfo="skip", name="luck",
    )  # fmt: skip


def _add_line(chart: go.Figure, one: Budget, axis: Scale, style: Style) -> None:
    name = plotly_text(proper_name(one.optimizer))
    hover = [
        f"{name}, {k} {'trial' if k == 1 else 'trials'}: {number(mean)}<br>95 of 100 draws: {interval(low, high)}"
        for k, (mean, low, high) in enumerate(zip(one.expected, one.low, one.high, strict=True), start=1)
    ]
    look = {"line": {"color": style.color, "width": 2}, "marker": {"symbol": style.symbol, "size": 7}}
    trials, losses = list(range(1, len(hover) + 1)), axis.drawn(np.array(one.expected)).tolist()
    told = {"name": name, "hovertext": hover, "hoverinfo": "text"}
    chart.add_scatter(x=trials, y=losses, mode="lines+markers", **look, **told)


def _shown(found: Mapping[str, Budget]) -> list[int]:
    """The numbers of trials that are told of in words: 1, 3, 10, and all."""
    longest = min(len(one.expected) for one in found.values())
    return sorted({k for k in (1, 3, 10) if k <= longest} | {longest})


def _finding(found: Mapping[str, Budget], unit: str) -> str:
    said = []
    for k in _shown(found):
        first = min(found.values(), key=lambda one: one.expected[k - 1])
        luck = interval(first.low[k - 1], first.high[k - 1])
        trials = f"{k} {'trial' if k == 1 else 'trials'}"
        said.append(f"after {trials} {proper_name(first.optimizer)}, {number(first.expected[k - 1])} ({luck})")
    return (
        f"Expected best loss by the number of trials, {unit}. It is lowest, with the range of 95 draws in 100: "
        f"{listed(said)}."
    )


def budget_table(found: Mapping[str, Budget]) -> Table:
    """A row an optimizer, a column a number of trials."""
    trials = _shown(found)
    rows = [
        [
            proper_name(name),
            *(f"{number(one.expected[k - 1])} ({interval(one.low[k - 1], one.high[k - 1])})" for k in trials),
        ]
        for name, one in found.items()
    ]
    head = ["Optimizer", *(f"After {k}" for k in trials)]
    return Table("Expected best loss after so many trials (the range of 95 draws in 100)", head, rows)
