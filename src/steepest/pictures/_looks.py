"""One colour, marker and dash per optimizer, in every picture alike.

The hues are those of Okabe & Ito ("Color Universal Design", 2008), moved and joined by a ninth until every pair is at
least 20 apart in CIELAB, to full colour vision and to the three dichromacies (matrices of Machado, Oliveira & Fernandes
2009), and each has a contrast of 3:1 with the page. Colour is never alone: the marker differs too.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

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


def looks(optimizers: Sequence[str]) -> list[Style]:
    """A style for each entry of a list that may name an optimizer twice, all different up to nine.

    The first of a name has the optimizer's own, the others what is left over.

    >>> [one.symbol for one in looks(["sgd", "sgd"])]
    ['circle', 'square']
    """
    named = [name if name not in optimizers[:place] else (name, place) for place, name in enumerate(optimizers)]
    told = styles(str(one) for one in named)
    return [told[str(one)] for one in named]


def number(value: float, digits: int = 3) -> str:
    """A number as a picture writes it, to so many significant digits, powers of ten outside 0.001 to 100,000.

    >>> number(0.048231), number(12345.6), number(2e-7), number(1.0), number(-math.inf)
    ('0.0482', '12300', '2e-7', '1', '-∞')
    """
    if not math.isfinite(value):
        return "—" if math.isnan(value) else "∞" if value > 0 else "-∞"
    rounded = float(f"{value:.{digits}g}")
    if rounded == 0 or 1e-3 <= abs(rounded) < 1e5:
        return f"{rounded:.10f}".rstrip("0").rstrip(".")
    fraction, power = f"{rounded:.{digits - 1}e}".split("e")
    return f"{fraction.rstrip('0').rstrip('.')}e{int(power)}"


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
