"""The bare layout that all figures of the reports share, in the palette of all pictures."""

from typing import NamedTuple

import plotly.graph_objects as go

from ..pictures import FAINT, FONT, INK, PAPER, QUIET


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
