"""Pictures for print by matplotlib: bare axes, contours, reliefs and paths. None of its global settings is touched."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._heights import Heights
from ._looks import FAINT, INK, PAPER, QUIET, STYLES, Style

SMALL, MEDIUM = 8.0, 9.5  # points
# Low is dark, high is paper: paths and marks stand out from all of it.
_LOW_TO_HIGH = ("#7b9cbc", "#9ab5cd", "#b9ccdd", "#d6e1ea", "#ecf0f2", "#faf8f3")
_MARKERS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "triangle-down": "v", "pentagon": "p",
    "star": "*", "hexagon": "h", "cross": "P",
}  # fmt: skip
_DASHES: tuple[Any, ...] = ("-", (0, (6, 1.6)), (0, (2.2, 1.4)), (0, (7, 1.6, 1.6, 1.6)))
# Sizes in points at which the markers look alike in size.
_SIZES = {"*": 9.0, "D": 5.2, "P": 6.6, "s": 5.6, "h": 6.6, "p": 6.6}


def canvas(width: float, height: float) -> Any:
    """An empty figure of so many inches, drawn by Agg alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def axes(ax: Any, x: str = "", y: str = "", *, grid: bool = False) -> Any:
    """Dress axes in the house's look, with labels.  grid: faint lines at the ticks, for curves."""
    for side, spine in ax.spines.items():
        spine.set_color(QUIET)
        spine.set_linewidth(0.7)
        spine.set_visible(not grid or side in ("left", "bottom"))
    ax.tick_params(labelsize=SMALL, colors=QUIET, labelcolor=INK, width=0.7, length=3, which="both")
    ax.tick_params(which="minor", length=1.5)
    ax.set_xlabel(x, fontsize=SMALL + 0.5, color=INK, labelpad=3)
    ax.set_ylabel(y, fontsize=SMALL + 0.5, color=INK, labelpad=3)
    if grid:
        ax.grid(True, color=FAINT, linewidth=0.6)
        ax.set_axisbelow(True)
    return ax


def title(ax: Any, text: str, *, color: str = INK) -> None:
    """A name over a panel, at its left."""
    ax.set_title(text, loc="left", fontsize=MEDIUM, color=color, pad=5)


def color_map() -> Any:
    """The colours of heights, from low to high."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("steepest", _LOW_TO_HIGH)


def contours(ax: Any, x: Any, y: Any, losses: Any, heights: Heights, *, bands: int = 24) -> Any:
    """Bands of equal height with thin lines between; what is not finite stays white.  Returns the bands."""
    told = np.asarray(losses, float)
    drawn = np.ma.masked_where(~np.isfinite(told), heights.of(told))
    levels = heights.levels(bands)
    filled = ax.contourf(x, y, drawn, levels=levels, cmap=color_map(), antialiased=True)
    ax.contour(x, y, drawn, levels=levels[1:-1], colors="#5d7891", linewidths=0.35, alpha=0.75, linestyles="solid")
    return filled


def scale_bar(figure: Any, filled: Any, heights: Heights, ax: Any, label: str) -> Any:
    """A bar on axes of its own that says which colour is which height."""
    bar = figure.colorbar(filled, cax=ax)
    ticks, names = heights.ticks()
    bar.set_ticks(ticks, labels=names)
    bar.ax.tick_params(labelsize=SMALL - 0.5, colors=QUIET, labelcolor=INK, width=0.6, length=2.5)
    bar.outline.set_linewidth(0.5)
    bar.outline.set_edgecolor(QUIET)
    bar.set_label(label, fontsize=SMALL, color=INK)
    return bar


def draw_path(
    ax: Any, x: Any, y: Any, style: Style, *, label: str = "", width: float = 1.5, marks: int = 9, end: bool = True,
    dash: Any = None,
) -> list[Any]:  # fmt: skip
    """A path with a white edge, so that it is seen on any colour, in a style's colour, dash and marker.

    marks: about how many markers along it.  end: a larger marker where it ends.  dash: in place of the style's.
    Returns what was drawn.
    """
    from matplotlib import patheffects

    place = STYLES.index(style) if style in STYLES else 0
    marker = _MARKERS[style.symbol]
    every = max(1, -(-len(x) // marks))
    edge = [patheffects.Stroke(linewidth=width + 1.5, foreground="white"), patheffects.Normal()]
    dash = _DASHES[place % len(_DASHES)] if dash is None else dash
    drawn = ax.plot(
        x, y, color=style.color, linewidth=width, linestyle=dash, path_effects=edge, solid_capstyle="round", zorder=5
    )
    drawn += ax.plot(
        x, y, color=style.color, linewidth=width, linestyle=dash, marker=marker, markersize=0.8 * _SIZES.get(marker, 6),
        markeredgecolor="white", markeredgewidth=0.5, markevery=(0, every), label=label, zorder=5.1,
    )  # fmt: skip
    if end:
        drawn += ax.plot(
            x[-1:], y[-1:], color=style.color, marker=marker, markersize=1.35 * _SIZES.get(marker, 6.0),
            markeredgecolor="white", markeredgewidth=0.8, linestyle="none", zorder=7,
        )  # fmt: skip
    return drawn


# kind of stationary point: (marker, size, face); a minimum has a dot in its ring besides.
_POINTS = {
    "minimum": ("o", 8.0, "white"), "saddle": ("X", 8.5, "white"), "maximum": ("^", 8.0, "white"),
    "degenerate": ("D", 6.0, "white"), "start": ("s", 4.5, INK),
}  # fmt: skip


def mark(ax: Any, at: Sequence[float], kind: str, *, label: str = "", size: float = 1.0) -> None:
    """A stationary point, each kind in a shape of its own, or the start of paths, at (x, y) or (x, y, z)."""
    marker, points, face = _POINTS[kind]
    flat = [[one] for one in at]
    ax.plot(
        *flat, marker=marker, markersize=size * points, markerfacecolor=face, markeredgecolor=INK, markeredgewidth=1.1,
        linestyle="none", label=label, zorder=6,
    )  # fmt: skip
    if kind == "minimum":
        ax.plot(*flat, marker="o", markersize=size * 2.6, color=INK, linestyle="none", zorder=6.1)


def relief(
    ax: Any, x: Any, y: Any, losses: Any, heights: Heights, *, view: tuple[float, float] = (34.0, -60.0)
) -> None:
    """A surface seen from a side, in a light, on axes of three dimensions.

    view: elevation and azimuth in degrees.
    """
    from matplotlib.colors import LightSource

    told = np.asarray(losses, float)
    z = np.where(np.isfinite(told), heights.of(told), np.nan)
    low, high = heights.of([heights.lowest, heights.highest])
    shares = np.clip((np.nan_to_num(z, nan=high) - low) / (high - low), 0, 1)
    span = (high - low) / 1.2  # the light falls on a block of equal sides
    light = LightSource(azdeg=315, altdeg=50)
    dx, dy = 1 / (len(x) - 1), 1 / (len(y) - 1)
    colors = light.shade_rgb(
        color_map()(shares)[..., :3], np.nan_to_num(z, nan=high) / span, fraction=0.9, blend_mode="soft", dx=dx, dy=dy
    )
    ax.computed_zorder = False
    ax.plot_surface(
        *np.meshgrid(x, y), z, facecolors=colors, rstride=1, cstride=1, linewidth=0, antialiased=False, shade=False,
        rasterized=True, zorder=1,
    )  # fmt: skip
    ax.view_init(*view)
    ax.set_box_aspect((1, 1, 0.62), zoom=1.02)
    ax.tick_params(labelsize=SMALL - 0.5, labelcolor=INK, colors=QUIET, pad=-1)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set_color(QUIET)
        axis._axinfo["grid"].update(color=FAINT, linewidth=0.5)
    ax.zaxis.set_rotate_label(False)
    ticks, names = heights.ticks(5)
    ax.set_zticks(ticks, labels=names)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    ax.set_zlim(low, high)
