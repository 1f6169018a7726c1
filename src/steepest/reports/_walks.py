"""Draws how far the dialects of a rule walk apart, as one page that works from disk."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from ..dialects import MINIMUM, SAME, START, Walks, apart, valley
from ..files import new_file
from ..pictures import INK, PAPER, QUIET, STYLES, Style, text_color
from ..rules import proper_name
from ._fill import fill
from ._format import count, listed, number
from ._losses import spread
from ._style import Chart, Table, figure

# Hues and markers that are far apart in every kind of sight; dashes beside them, for lines that lie on one another.
LOOKS: Mapping[str, Style] = {"textbook": STYLES[0], "torch": STYLES[6], "keras": STYLES[1], "optax": STYLES[4]}
DASHES = {"textbook": "solid", "torch": "solid", "keras": "dash", "optax": "dot"}
HEIGHT, TOP, BOTTOM, RIGHT = 380, 14, 48, 62
MOST_POINTS = 300
STEPS = (1, 10, 100, 1000)
_REMARKS = {
    "momentum": "Plain SGD is the same everywhere; here it is with momentum.",
    "muon": "The two parameters are a matrix of two rows and one column.",
}
TITLES = {"own": "With each one's own defaults", "same": "With the textbook's numbers, so that mathematics remains"}


def draw_walks(walked: Walks, path: str | os.PathLike[str]) -> Path:
    """Write the page to *path*, whole or not at all; what stood there is replaced.

    Returns the path. Raises InputError where it cannot be written.
    """
    target = Path(path)
    with new_file(target) as temporary:
        temporary.write_text(render_walks(walked), encoding="utf-8")
    return target


def render_walks(walked: Walks) -> str:
    """The page as text."""
    name = proper_name(walked.rule.__name__)
    told = hashlib.sha256(b"".join(path.tobytes() for path in (*walked.own.values(), *walked.same.values())))
    return fill(
        "walks.html",
        nonce=told.hexdigest()[:32],
        name=name,
        calls={framework: str(call) for framework, call in walked.calls.items()},
        looks=LOOKS,
        remark=_REMARKS.get(walked.rule.__name__, ""),
        learning_rate=walked.learning_rate,
        steps=len(walked.own["textbook"]) - 1,
        parts=[_part("own", walked.own), _part("same", walked.same)],
    )


def _part(kind: str, paths: Mapping[str, np.ndarray]) -> dict:
    distances = apart(paths)
    charts = [_distance_chart(kind, distances), _path_chart(kind, paths)]
    return {
        "kind": kind,
        "title": TITLES[kind],
        "charts": charts,
        "table": distance_table(distances),
        "finding": _finding(distances),
    }


def _finding(distances: Mapping[str, np.ndarray]) -> str:
    """Who walks with the textbook, and how far the others get from it."""
    same = [framework for framework, far in distances.items() if far.max() < SAME]
    others = [
        f"{framework} at most {number(far.max())}, after {count(int(far.argmax()), 'step')}, and {number(far[-1])} "
        "at the end"
        for framework, far in distances.items()
        if framework not in same
    ]
    alike = f"As the textbook, but for rounding: {listed(same)}." if same else ""
    return " ".join(filter(None, [alike, f"Away from the textbook: {'; '.join(others)}." if others else ""]))


def distance_table(distances: Mapping[str, np.ndarray]) -> Table:
    """Distances after 1, 10, 100 and 1000 steps; 0 where they are no more than rounding."""
    steps = [step for step in STEPS if all(step < len(far) for far in distances.values())]
    rows = [
        [framework, *(number(far[step] if far[step] >= SAME else 0.0) for step in steps)]
        for framework, far in distances.items()
    ]
    return Table("Distance from the textbook's place after so many steps", ["", *(f"{s:,}" for s in steps)], rows)


def _distance_chart(kind: str, distances: Mapping[str, np.ndarray]) -> Chart:
    chart = figure(height=HEIGHT, margin=(54, RIGHT, TOP, BOTTOM))
    axis = _axis(distances)
    low, high = axis["range"]
    zero = axis["tickvals"][0]  # where a distance of 0 is drawn on an axis that has none
    chart.update_yaxes(axis, type="log", title_text="distance from the textbook")
    chart.update_xaxes(type="log", title_text="steps", tickvals=STEPS, ticktext=[f"{step:,}" for step in STEPS])
    for framework, far in distances.items():
        kept = _thinned(len(far))
        steps, heights = kept[kept > 0], np.where(far >= SAME, far, zero)[kept[kept > 0]]
        _add_line(chart, framework, steps, heights, [f"after {s:,} steps: {number(far[s])}" for s in steps])
    ends = [float(np.log10(np.where(far >= SAME, far, zero)[-1])) for far in distances.values()]
    _name_ends(chart, list(distances), ends, low, high)
    return Chart(f"distance-{kind}", "Distance from the textbook", chart, f"Distance over steps: {_finding(distances)}")


def _axis(distances: Mapping[str, np.ndarray]) -> dict:
    """Range and ticks of a logarithmic axis, at whose foot is a place for 0 where there is one to show."""
    every = np.concatenate([far[1:] for far in distances.values()])
    there = every[every >= SAME]
    low, high = (np.floor(np.log10(there.min())), np.log10(there.max())) if len(there) else (-3.0, 0.0)
    decades = range(int(low), int(np.ceil(high)) + 1)
    shown = decades[:: max(1, len(decades) // 6)]
    ticks, texts = [10.0**decade for decade in shown], [_power(decade) for decade in shown]
    if (every < SAME).any():
        low -= 1
        ticks, texts = [10.0**low, *ticks], ["0", *texts]
    return {"tickvals": ticks, "ticktext": texts, "range": [low - 0.2, high + 0.3]}


def _power(decade: int) -> str:
    return {-2: "0.01", -1: "0.1", 0: "1", 1: "10"}.get(decade, f"10<sup>{decade}</sup>".replace("-", "−"))


def _thinned(count: int) -> np.ndarray:
    """The steps to draw: all of the first, ever fewer of the later."""
    return np.unique(np.concatenate([[0], np.geomspace(1, count - 1, MOST_POINTS)]).round().astype(int))


def _add_line(chart: go.Figure, framework: str, x: np.ndarray, y: np.ndarray, texts: list[str]) -> None:
    look = LOOKS[framework]
    chart.add_scatter(
        x=x.tolist(), y=y.tolist(), mode="lines+markers", name=framework,
        line={"color": look.color, "width": 2.2, "dash": DASHES[framework]},
        marker={"symbol": look.symbol, "size": 8, "color": look.color, "maxdisplayed": 9},
        hovertext=[f"{framework}, {text}" for text in texts], hoverinfo="text",
    )  # fmt: skip


def _name_ends(chart: go.Figure, names: list[str], ends: list[float], low: float, high: float) -> None:
    """Write each name right of the plot, where its line ends or as near as there is room."""
    shares = [(end - low) / (high - low) for end in ends]
    heights = spread(shares, 16 / (HEIGHT - TOP - BOTTOM), lowest=0.02, highest=1.0)
    for name, height in zip(names, heights, strict=True):
        chart.add_annotation(
            xref="paper", x=1, yref="paper", y=height, text=name, xanchor="left", yanchor="middle", xshift=6,
            showarrow=False, font={"color": text_color(LOOKS[name].color), "size": 12},
        )  # fmt: skip


def _path_chart(kind: str, paths: Mapping[str, np.ndarray]) -> Chart:
    chart = figure(height=HEIGHT, margin=(44, 14, TOP, BOTTOM))
    places = np.concatenate([*paths.values(), [START, MINIMUM]])
    low, high = places.min(axis=0), places.max(axis=0)
    (left, bottom), (right, top) = low - 0.15 * (high - low), high + 0.15 * (high - low)
    x, y = np.linspace(left, right, 80), np.linspace(bottom, top, 80)
    chart.add_contour(
        x=x.round(4).tolist(), y=y.round(4).tolist(),
        z=np.log10(valley(*np.meshgrid(x, y)) + 1e-9).round(3).tolist(),
        showscale=False, hoverinfo="skip", ncontours=14, line={"width": 0.6, "color": "#b9c2cc"},
        colorscale=[[0, "#d3dce6"], [1, PAPER]],
    )  # fmt: skip
    for framework, path in paths.items():
        kept = _thinned(len(path))
        texts = [f"step {step:,}: ({number(path[step, 0])}, {number(path[step, 1])})" for step in kept]
        _add_line(chart, framework, path[kept, 0], path[kept, 1], texts)
    for name, place, below in (("start", START, True), ("minimum", MINIMUM, False)):
        _mark(chart, place, name, below=below)
    chart.update_xaxes(title_text="first parameter", range=[left, right], showgrid=False)
    chart.update_yaxes(title_text="second parameter", range=[bottom, top], showgrid=False)
    ends = [f"{f} ends at ({number(path[-1, 0])}, {number(path[-1, 1])})" for f, path in paths.items()]
    said = f"Paths on the loss from (-1.2, 1) towards the minimum at (1, 1): {'; '.join(ends)}."
    return Chart(f"paths-{kind}", "Paths on the loss", chart, said)


def _mark(chart: go.Figure, place: tuple[float, float], name: str, *, below: bool) -> None:
    marker = {"symbol": "circle-open", "size": 13, "color": INK, "line": {"width": 2}}
    chart.add_scatter(x=[place[0]], y=[place[1]], mode="markers", marker=marker, hoverinfo="skip", name=name)
    chart.add_annotation(
        x=place[0], y=place[1], text=name, showarrow=False, bgcolor="rgba(255,255,255,0.7)", borderpad=1,
        xanchor="center" if below else "right", yanchor="top" if below else "bottom",
        xshift=0 if below else -8, yshift=-9 if below else 4, font={"color": QUIET, "size": 12},
    )  # fmt: skip
