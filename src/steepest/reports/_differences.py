"""The paired differences: a row an optimizer, and on it how much its loss is above the leader's, seed by seed."""

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..pictures import INK, QUIET, styles
from ..rules import proper_name
from ._directory import Record
from ._format import interval, listed, number, percent, plotly_text, signed
from ._fresh import Fresh
from ._strips import SHIFT, Marks, add_marks, add_medians, row_figure
from ._style import Chart, Table

BAND = "#e6edf6"
# Where the greatest difference is so many times a usual one, a linear axis would squash all the others.
SQUASHED = 12.0


class Spread(NamedTuple):
    """The axis of differences. unit: it is linear to about there and logarithmic beyond; None if linear throughout."""

    unit: float | None

    def at(self, differences: Any) -> np.ndarray:
        """Where differences stand."""
        values = np.asarray(differences, float)
        return np.arcsinh(values / self.unit) if self.unit else values

    def ticks(self, low: float, high: float) -> list[float]:
        """Zero and powers of ten to either side, for an axis that is not linear: at most four a side."""
        assert self.unit is not None
        greatest = max(-low, high, self.unit)
        powers = range(int(np.ceil(np.log10(self.unit))), int(np.floor(np.log10(greatest))) + 1)
        every = max(1, -(-len(powers) // 4))
        sizes = [10.0**power for power in powers[::-1][::every]]
        return sorted({0.0, *(s for s in sizes if s <= high), *(-s for s in sizes if -s >= low)})


def spread(fresh: Fresh, comparisons: list[dict[str, Any]]) -> Spread:
    """Linear, unless a few differences are far greater than the usual ones."""
    ends = [max(abs(one["low"] or 0.0), abs(one["high"] or 0.0), abs(one["median"])) for one in comparisons]
    usual, greatest = float(np.median(ends)), float(np.abs(fresh.differences).max())
    return Spread(max(usual / 4, fresh.margin) if greatest > SQUASHED * usual > 0 else None)


def difference_chart(record: Record, fresh: Fresh, unit: str) -> Chart | None:
    """Every other optimizer beside the leader; None where there is no other."""
    if len(fresh.optimizers) == 1:
        return None
    comparisons, looks = compared(record), styles(fresh.optimizers)
    axis = spread(fresh, comparisons)
    names, relations = fresh.optimizers[1:], [one["relation"] for one in comparisons]
    chart = row_figure(names, relations, shift=SHIFT)
    _set_axis(chart, axis, fresh, comparisons, unit)
    for row, name in enumerate(names):
        hover = [_hover(fresh, row + 1, seed) for seed in range(len(fresh.seeds))]
        lost = ~np.isfinite(fresh.losses[[0, row + 1]]).all(axis=0)
        marks = Marks(fresh.runs[row + 1], axis.at(fresh.differences[row + 1]), hover, lost)
        add_marks(chart, row, marks, looks[name])
    _add_intervals(chart, axis, comparisons)
    return Chart(
        "differences", f"Differences to {proper_name(fresh.leader)}", chart, _finding(fresh, comparisons, unit)
    )


def compared(record: Record) -> list[dict[str, Any]]:
    """The comparison of every optimizer but the leader, with its name, in the order of the leaderboard."""
    ranks = (record.verdict or {})["leaderboard"]
    return [rank["comparison"] | {"optimizer": rank["optimizer"]} for rank in ranks[1:]]


def _set_axis(chart: go.Figure, axis: Spread, fresh: Fresh, comparisons: list[dict[str, Any]], unit: str) -> None:
    ends = [one[key] for one in comparisons for key in ("low", "high") if one[key] is not None]
    low, high = (
        float(end([*fresh.differences.ravel(), *ends, sign * fresh.margin])) for end, sign in ((min, -1), (max, 1))
    )
    room = 0.04 * float(axis.at(high) - axis.at(low)) or 1.0
    chart.update_xaxes(range=[float(axis.at(low)) - room, float(axis.at(high)) + room])
    chart.update_xaxes(title_text=plotly_text(f"difference in loss, {unit}"), nticks=7)
    if axis.unit:
        ticks = axis.ticks(low, high)
        chart.update_xaxes(tickvals=axis.at(ticks).tolist(), ticktext=[signed(tick) for tick in ticks])
    rows = {"yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    left, right = axis.at([-fresh.margin, fresh.margin]).tolist()
    chart.add_shape(type="rect", name="margin", x0=left, x1=right, fillcolor=BAND, line_width=0, **rows)
    chart.add_shape(type="line", name="zero", x0=0, x1=0, line={"color": INK, "width": 1}, **rows)
    for text, anchor, shift in (("← better", "right", -6), ("worse →", "left", 6)):
        where = {"x": 0, "y": 1, "yref": "paper", "xanchor": anchor, "yanchor": "bottom", "xshift": shift}
        chart.add_annotation(**where, text=text, showarrow=False, font={"size": 11, "color": QUIET})


def _add_intervals(chart: go.Figure, axis: Spread, comparisons: list[dict[str, Any]]) -> None:
    """Each row's median with its interval, as a bar of all rows in one trace."""
    told = [row for row, one in enumerate(comparisons) if one["low"] is not None and one["high"] is not None]
    xs = [end for row in told for end in (*axis.at([comparisons[row]["low"], comparisons[row]["high"]]).tolist(), None)]
    ys = [end for row in told for end in (row - SHIFT, row - SHIFT, None)]
    line = {"color": INK, "width": 3}
    chart.add_scatter(x=xs, y=ys, mode="lines", name="interval", line=line, hoverinfo="skip")
    hover = [
        f"{plotly_text(proper_name(one['optimizer']))}: median difference {signed(one['median'])}"
        f"<br>95 % interval {interval(one['low'], one['high'])}"
        for one in comparisons
    ]
    medians = axis.at([one["median"] for one in comparisons])
    add_medians(chart, medians, "median", hover, shift=SHIFT)


def _hover(fresh: Fresh, row: int, seed: int) -> str:
    own, leader = fresh.losses[row, seed], fresh.losses[0, seed]
    first = f"{proper_name(fresh.optimizers[row])}, seed {fresh.seeds[seed]}: loss {number(own)}"
    second = f"{proper_name(fresh.leader)} on that seed: {number(leader)}"
    difference = fresh.differences[row, seed]
    share = f" ({percent(difference / abs(leader))})" if np.isfinite([own, leader]).all() and leader else ""
    return f"{plotly_text(first)}<br>{plotly_text(second)}<br>difference {signed(difference)}{share}"


def _finding(fresh: Fresh, comparisons: list[dict[str, Any]], unit: str) -> str:
    said = [
        f"{proper_name(one['optimizer'])} {signed(one['median'])} ({interval(one['low'], one['high'])}), "
        f"{one['relation']}"
        for one in comparisons
    ]
    return (
        f"Differences to {proper_name(fresh.leader)} on {len(fresh.seeds)} paired seeds, {unit}. The median, with its "
        f"95 % interval, is for {'; '.join(said)}. The margin of equivalence is {number(fresh.margin)}."
    )


def difference_table(record: Record, fresh: Fresh) -> Table:
    """A row an optimizer: all that is drawn, and each seed's difference."""
    rows = [
        [
            proper_name(one["optimizer"]),
            signed(one["median"]),
            interval(one["low"], one["high"]),
            listed(signed(each) for each in own),
        ]
        for one, own in zip(compared(record), fresh.differences[1:].tolist(), strict=True)
    ]
    seeds = listed(str(seed) for seed in fresh.seeds)
    caption = f"Loss less {proper_name(fresh.leader)}'s on the same seed; each seed: {seeds}"
    return Table(caption, ["Optimizer", "Median", "95 % interval", "Each seed"], rows)
