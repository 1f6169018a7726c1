"""Landscapes for print: a panel for each path, the relief with all of them, and the losses by step."""

from typing import Any

import numpy as np

from .. import pictures
from ..pictures import INK, Heights, Style, looks
from ._landscape import Between, Landscape, Path

_SIDE = 2.75  # inches of a panel
_ACROSS = 3
# Marks on a panel: beyond so many they are small; beyond so many more only the minima have any.
_MANY, _CROWDED = 12, 40
# Entries of a legend that fit beside curves; more stand to their right.
_BESIDE = 4


def still(seen: Landscape) -> Any:
    """The landscape as a matplotlib figure.

    Above, contours once a path, side by side; below, the relief and the losses. A single path is all in one row.
    """
    styles = looks([path.optimizer for path in seen.paths])
    if len(seen.paths) <= 1:
        return _one_row(seen, styles)
    columns, rows = _grid(len(seen.paths))
    figure = pictures.canvas(_SIDE * max(columns, 2) + 1.0, (_SIDE + 0.2) * rows + _SIDE + 0.35)
    upper, lower = figure.subfigures(2, 1, height_ratios=[(_SIDE + 0.2) * rows, _SIDE + 0.35])
    _panels(upper, seen, styles, with_paths=True)
    _relief(lower.add_axes((0.03, 0.04, 0.44, 0.95), projection="3d"), seen, styles)
    wide = 0.36 if len(seen.paths) <= _BESIDE else 0.2
    left = 0.60 if len(seen.paths) <= _BESIDE else 0.56
    _losses(lower.add_axes((left, 0.17, wide, 0.72)), seen, styles)
    return figure


def panels(seen: Landscape, *, with_paths: bool = True) -> tuple[Any, list[Any]]:
    """Contours once a path, side by side, as a matplotlib figure and its axes, without relief and losses.

    with_paths: whether the paths are drawn on them, too.
    """
    columns, rows = _grid(len(seen.paths))
    figure = pictures.canvas(_SIDE * columns + 1.2, (_SIDE + 0.3) * rows)
    styles = looks([path.optimizer for path in seen.paths])
    return figure, _panels(figure, seen, styles, with_paths=with_paths)


def _grid(paths: int) -> tuple[int, int]:
    """Columns and rows of so many panels."""
    columns = 2 if paths == 4 else min(paths, _ACROSS)
    return columns, -(-paths // columns)


def _panels(figure: Any, seen: Landscape, styles: list[Style], *, with_paths: bool) -> list[Any]:
    columns, rows = _grid(len(seen.paths))
    places = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    width, height = figure.bbox.size / figure.figure.dpi
    figure.subplots_adjust(0.62 / width, 0.45 / height, 1 - 0.95 / width, 1 - 0.32 / height, wspace=0.08, hspace=0.22)
    filled = None
    for place, ax in enumerate(places.flat):
        if place >= len(seen.paths):
            ax.axis("off")
            continue
        path = seen.paths[place]
        filled = _contours(ax, seen, (place % columns == 0, place + columns >= len(seen.paths)))
        if with_paths:
            _path(ax, path, styles[place])
        else:
            pictures.mark(ax, (path.along[0], path.across[0]), "start")
        pictures.title(ax, path.name + (" (diverges)" if path.diverged else ""), color=_title_color(styles[place]))
    bar = figure.add_axes((1 - 0.85 / width, 0.45 / height, 0.11 / width, 1 - 0.77 / height))
    pictures.scale_bar(figure, filled, seen.heights, bar, seen.loss)
    return list(places.flat[: len(seen.paths)])


def _one_row(seen: Landscape, styles: list[Style]) -> Any:
    """The relief, the contours, and where there is a path its losses."""
    wide = 3 if seen.paths else 2
    figure = pictures.canvas(3.1 * wide + 0.6, 3.1)
    widths = [1.05, 1.15, 1.0][:wide]
    parts = figure.subfigures(1, wide, width_ratios=widths)
    _relief(parts[0].add_axes((0.02, 0.02, 0.94, 0.96), projection="3d"), seen, styles)
    ax = parts[1].add_axes((0.2, 0.16, 0.57, 0.74))
    filled = _contours(ax, seen, (True, True))
    for path, style in zip(seen.paths, styles, strict=True):
        _path(ax, path, style)
        pictures.title(ax, path.name, color=_title_color(style))
    pictures.scale_bar(parts[1], filled, seen.heights, parts[1].add_axes((0.79, 0.16, 0.03, 0.74)), seen.loss)
    if seen.paths:
        _losses(parts[2].add_axes((0.24, 0.16, 0.72, 0.74)), seen, styles)
    return figure


def _title_color(style: Style) -> str:
    return pictures.text_color(style.color)


def _contours(ax: Any, seen: Landscape, labelled: tuple[bool, bool]) -> Any:
    """Contours with the stationary points.  labelled: whether y, and x, have a label.  Returns the bands."""
    x, y = seen.slice.along, seen.slice.across
    pictures.axes(ax, seen.axes[0] if labelled[1] else "", seen.axes[1] if labelled[0] else "")
    filled = pictures.contours(ax, x, y, seen.slice.losses, seen.heights)
    crowded = len(seen.points) > _CROWDED
    size = 0.4 if crowded else 0.55 if len(seen.points) > _MANY else 0.85
    for point in seen.points:
        if crowded and point.kind != "minimum":
            continue
        if x[0] <= point.along <= x[-1] and y[0] <= point.across <= y[-1]:
            pictures.mark(ax, (point.along, point.across), point.kind, size=size)
    if seen.directions in ("random", "hessian"):
        ax.plot([0], [0], marker="+", color=INK, markersize=9, markeredgewidth=1.2)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    ax.locator_params(nbins=5)  # more labels would touch
    return filled


def _path(ax: Any, path: Path, style: Style) -> None:
    pictures.draw_path(ax, path.along, path.across, style)
    pictures.mark(ax, (path.along[0], path.across[0]), "start")


def relief_heights(seen: Landscape) -> Heights:
    """The scale of a relief, where the bottom of a narrow valley would be nothing but saw teeth: it ends higher."""
    return seen.heights._replace(offset=6 * seen.heights.offset)


def _relief(ax: Any, seen: Landscape, styles: list[Style]) -> None:
    x, y, heights = seen.slice.along, seen.slice.across, relief_heights(seen)
    pictures.relief(ax, x, y, seen.slice.losses, heights)
    for path, style in zip(seen.paths, styles, strict=True):
        inside = (path.along >= x[0]) & (path.along <= x[-1]) & (path.across >= y[0]) & (path.across <= y[-1])
        a, b, z = (np.where(inside, one, np.nan) for one in (path.along, path.across, heights.of(path.on_plane)))
        ax.plot(a, b, z, color="white", linewidth=2.6, zorder=4)
        ax.plot(a, b, z, color=style.color, linewidth=1.4, zorder=5)
    if len(seen.points) <= _MANY:
        for point in seen.points:
            if point.kind == "minimum" and x[0] <= point.along <= x[-1] and y[0] <= point.across <= y[-1]:
                pictures.mark(ax, (point.along, point.across, float(heights.of(point.value))), point.kind, size=0.7)
    ax.set_xlabel(seen.axes[0] if len(seen.axes[0]) < 3 else "", fontsize=8.5, labelpad=-4)
    ax.set_ylabel(seen.axes[1] if len(seen.axes[1]) < 3 else "", fontsize=8.5, labelpad=-4)


def _losses(ax: Any, seen: Landscape, styles: list[Style]) -> None:
    """The true losses of each path, over steps; of a path beside a plane also those that the plane has there."""
    pictures.axes(ax, f"{seen.counted}s", seen.loss, grid=True)
    lowest = lowest_taken_off(seen)
    for path, style in zip(seen.paths, styles, strict=True):
        finite = np.where(np.isfinite(path.losses), path.losses, np.nan) - lowest
        pictures.draw_path(ax, path.steps, finite, style, label=path.name, end=False)
        if seen.directions is not None:
            there = np.where(np.isfinite(path.on_plane), path.on_plane, np.nan) - lowest
            ax.plot(path.steps, there, color=style.color, linewidth=1.0, linestyle=":", label="on the plane")
    if by_logarithm(seen):
        ax.set_yscale("log")
    if seen.explained is not None:
        off = seen.furthest_off
        share = 100 * sum(seen.explained)
        ax.set_title(f"{share:.1f} % on the plane,\nat most {pictures.number(off)} off it", loc="left", fontsize=8)
    if lowest:
        ax.set_ylabel(f"{seen.loss} above the lowest, {pictures.number(lowest)}")
    if len(seen.paths) > 1 or seen.directions is not None:
        beside = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02)} if len(seen.paths) > _BESIDE else {"loc": "best"}
        ax.legend(fontsize=7.5, frameon=False, handlelength=2.6, labelcolor=INK, **beside)


def by_logarithm(seen: Landscape) -> bool:
    """Whether losses are drawn by their logarithm: where they are positive and fall by more than a decade."""
    told = np.concatenate([path.losses - lowest_taken_off(seen) for path in seen.paths])
    told = told[np.isfinite(told)]
    positive = told[told > 0]
    return bool(len(positive) and (told >= 0).all() and positive.max() > 10 * positive.min())


def lowest_taken_off(seen: Landscape) -> float:
    """What is taken off the losses so that they can be drawn by their logarithm; 0 where they are positive as such."""
    minima = [point.value for point in seen.points if point.kind == "minimum"]
    lowest = min(minima, default=0.0)
    below = min((float(path.losses.min()) for path in seen.paths), default=lowest)
    return lowest if minima and lowest <= below else 0.0


def still_between(seen: Between) -> Any:
    """The losses on the straight way between two solutions as a matplotlib figure."""
    figure = pictures.canvas(5.2, 3.3)
    ax = pictures.axes(figure.add_axes((0.13, 0.16, 0.83, 0.78)), "share of the way", seen.loss, grid=True)
    styles = looks(["sgd", "adam"])
    curves = [("training", seen.train, styles[0], "-"), ("validation", seen.validation, styles[1], (0, (5, 1.6)))]
    for name, losses, style, dash in curves:
        if losses is not None:
            drawn = np.where(np.isfinite(losses), losses, np.nan)
            ax.plot(seen.shares, drawn, color=style.color, linestyle=dash, linewidth=1.6, label=name)
    ax.plot([0, 1], seen.ends, color=pictures.QUIET, linewidth=0.9, linestyle=":", label="straight line")
    for at, (name, side, height) in enumerate(zip(seen.names, ("left", "right"), seen.ends, strict=True)):
        ax.plot([at], [height], marker="os"[at], color=INK, markersize=5.5, linestyle="none", zorder=6)
        ax.annotate(
            name, (at, height), (5 if side == "left" else -5, -11), textcoords="offset points", fontsize=7.5,
            ha=side, color=INK,
        )  # fmt: skip
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25 %", "50 %", "75 %", "100 %"])
    ax.legend(fontsize=7.5, frameon=False, loc="best", labelcolor=INK)
    return figure
