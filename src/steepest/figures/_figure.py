"""What a figure of the lecture is, and the parts that several share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from .. import pictures
from ..functions import Surface
from ..landscapes import Landscape, Path
from ..pictures import INK, Heights, Style, looks


class Figure(NamedTuple):
    """A figure of the lecture.

    name: by which it is asked for.  title: of it in an index.  caption: what it shows and what follows.
    text: what is seen, for those who cannot see it.  drawn: a matplotlib figure.
    """

    name: str
    title: str
    caption: str
    text: str
    drawn: Any


def boxed(surface: Surface, box: Sequence[tuple[float, float]], start: Sequence[float] | None = None) -> Surface:
    """The same surface over another box, and from another start where one is given."""
    (instance,) = surface.instances([0])
    begun = np.asarray(instance.init(jax.random.key(0))).tolist() if start is None else start
    inside = [one for one in surface.stationary if all(a <= at <= b for at, (a, b) in zip(one.at, box, strict=True))]
    return Surface(
        surface.value, name=surface.name, formula=surface.formula, source=surface.source, start=begun, box=box,
        stationary=inside,
    )  # fmt: skip


def ground(
    ax: Any, seen: Landscape, *, labels: tuple[str, str] = ("", ""), heights: Heights | None = None, even: bool = False
) -> Any:
    """The contours of a landscape with its stationary points, as panels of a figure have them.

    even: lengths along both axes are equal, so that right angles are seen as such.  Returns the bands.
    """
    pictures.axes(ax, *labels)
    told = heights or seen.heights
    filled = pictures.contours(ax, seen.slice.along, seen.slice.across, seen.slice.losses, told)
    for point in seen.points:
        if point.kind != "degenerate":
            pictures.mark(ax, (point.along, point.across), point.kind, size=0.85)
    if even:
        ax.set_aspect("equal")
    ax.set_xlim(seen.slice.along[0], seen.slice.along[-1])
    ax.set_ylim(seen.slice.across[0], seen.slice.across[-1])
    return filled


def walked(ax: Any, path: Path, style: Style, **more: Any) -> None:
    """A path with its start."""
    pictures.draw_path(ax, path.along, path.across, style, **more)
    pictures.mark(ax, (path.along[0], path.across[0]), "start")


def falling(ax: Any, paths: Sequence[Path], names: Sequence[str], place: str = "best", lowest: float = 0.0) -> None:
    """The heights of paths above the lowest, by step, on a logarithmic scale."""
    pictures.axes(ax, "step", "height above the lowest", grid=True)
    for path, name, style in zip(paths, names, looks([path.optimizer for path in paths]), strict=True):
        above = np.where(np.isfinite(path.losses), path.losses, np.nan) - lowest
        pictures.draw_path(ax, path.steps, np.where(above > 0, above, np.nan), style, label=name, end=False)
    ax.set_yscale("log")
    ax.legend(fontsize=8, frameon=False, handlelength=2.6, labelcolor=INK, loc=place)
