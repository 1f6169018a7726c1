"""How the figures look: one colour and marker per optimizer, and the bare layout that all figures share.

The hues are those of Okabe & Ito ("Color Universal Design", 2008), moved and joined by a ninth until every pair is at
least 20 apart in CIELAB, to full colour vision and to the three dichromacies (matrices of Machado, Oliveira & Fernandes
2009), and each has a contrast of 3:1 with the page. Colour is never alone: the marker differs too.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..rules import RULES

INK, QUIET, FAINT, PAPER = "#1c2129", "#59626e", "#e3e6ea", "#ffffff"
DIVERGED, STRIP = "#8f1d14", "#f8efee"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


class Style(NamedTuple):
    """color: CSS colour.  symbol: Plotly marker.  outline: the same marker as an SVG path in a box of 10 by 10."""

    color: str
    symbol: str
    outline: str


STYLES = (
    Style("#1C252D", "circle", "M1 5a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"),
    Style("#2F39C3", "square", "M1.5 1.5h7v7h-7z"),
    Style("#8487FC", "diamond", "M5 .5L9.5 5 5 9.5.5 5z"),
    Style("#D87F01", "triangle-up", "M5 1l4.5 8h-9z"),
    Style("#009C52", "triangle-down", "M5 9L.5 1h9z"),
    Style("#9C7F88", "pentagon", "M5 .8L9.2 4 7.6 9H2.4L.8 4z"),
    Style("#AF3600", "star", "M5 .4l1.2 3.4 3.6.1-2.9 2.2 1 3.5L5 7.5 2.1 9.6l1-3.5L.2 3.9l3.6-.1z"),
    Style("#C164B8", "hexagon", "M5 .6L9 2.8v4.4L5 9.4 1 7.2V2.8z"),
    Style("#4B2B13", "cross", "M3.5 1h3v2.5H9v3H6.5V9h-3V6.5H1v-3h2.5z"),
)


def styles(optimizers: Iterable[str]) -> dict[str, Style]:
    """Each optimizer's style: the nine known ones keep theirs in every report, others take what is left over."""
    known = dict(zip(RULES, STYLES, strict=True))
    present = list(dict.fromkeys(optimizers))
    free = [style for name, style in known.items() if name not in present] or list(STYLES)
    strangers = [name for name in present if name not in known]
    chosen = {name: free[i % len(free)] for i, name in enumerate(strangers)}
    return {name: known.get(name) or chosen[name] for name in present}


def figure(*, height: int, margin: tuple[int, int, int, int]) -> go.Figure:
    """An empty figure in the page's look.

    height: px.  margin: left, right, top, bottom, px.
    """
    left, right, top, bottom = margin
    axis = {"gridcolor": FAINT, "linecolor": QUIET, "zeroline": False, "ticks": "outside", "tickcolor": QUIET}
    axis |= {"tickfont": {"size": 11, "color": QUIET}, "title": {"font": {"size": 12}, "standoff": 8}}
    axis |= {"fixedrange": True}
    layout = {
        "template": "none",
        "height": height,
        "margin": {"l": left, "r": right, "t": top, "b": bottom},
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": PAPER,
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": QUIET, "font": {"color": INK, "family": FONT}},
        "xaxis": {**axis, "showline": True},
        "yaxis": {**axis, "ticklen": 0},
    }
    return go.Figure(layout=layout)


class Chart(NamedTuple):
    """A figure and what says the same in words.

    name: an HTML id.  finding: what it shows and what follows from it, for those who cannot see it.
    """

    name: str
    title: str
    figure: go.Figure
    finding: str


class Table(NamedTuple):
    """head: names of the columns.  rows: cells, the first of each row naming it."""

    caption: str
    head: list[str]
    rows: list[list[str]]


def text_color(color: str) -> str:
    """The colour, darkened until text in it has a contrast of 4.5:1 with the page (WCAG 2.2, 1.4.3).

    >>> text_color("#AF3600"), text_color("#D87F01")
    ('#AF3600', '#a25f01')
    """
    darker = color
    for step in range(1, 20):
        if contrast(darker) >= 4.5:
            return darker
        parts = (int(color[i : i + 2], 16) * (1 - 0.05 * step) for i in (1, 3, 5))
        darker = "#" + "".join(f"{round(part):02x}" for part in parts)
    return darker


def contrast(color: str) -> float:
    """Contrast of a colour with white, 1 to 21 (WCAG 2.2, relative luminance).

    >>> contrast("#000000")
    21.0
    """
    parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return round(1.05 / (0.05 + float(linear @ [0.2126, 0.7152, 0.0722])), 2)
