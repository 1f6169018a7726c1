"""Landscapes in motion: the ways side by side, drawn on step by step."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import pictures
from ..pictures import looks
from ._landscape import Landscape
from ._still import panels

# How long a film is: so many frames, of which each draws an equal number of steps.
_FRAMES = 90
_DPI = 120


def frames(seen: Landscape) -> Iterator[np.ndarray]:
    """Frames of (height, width, 3), uint8: the first shows the start, the last all of every way.

    The ground is drawn once; each frame lays the ways so far over it.
    """
    styles = looks([path.optimizer for path in seen.paths])
    figure, axes = panels(seen, with_paths=False)
    figure.set_dpi(_DPI)
    figure.canvas.draw()
    ground = figure.canvas.copy_from_bbox(figure.bbox)
    longest = max(int(path.steps[-1]) for path in seen.paths)
    for now in np.unique(np.linspace(0, longest, min(longest + 1, _FRAMES)).round().astype(int)):
        figure.canvas.restore_region(ground)
        for ax, path, style in zip(axes, seen.paths, styles, strict=True):
            count = int(np.searchsorted(path.steps, now, side="right"))
            drawn = pictures.draw_path(ax, path.along[:count], path.across[:count], style)
            drawn.append(_count(ax, f"{seen.counted} {min(int(now), int(path.steps[-1]))}"))
            for artist in drawn:
                ax.draw_artist(artist)
                artist.remove()
        yield np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def _count(ax: Any, text: str) -> Any:
    return ax.text(
        0.975, 0.965, text, transform=ax.transAxes, ha="right", va="top", fontsize=8, color=pictures.INK, zorder=8,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 2},
    )  # fmt: skip
