"""Each of the lecture's optimizers on a ravine, on a saddle and on a plateau."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import functions, pictures
from ..functions import Surface
from ..landscapes import Landscape, landscape
from ..pictures import looks, number, text_color
from ..rules import RULES
from ._figure import Figure, boxed, ground, walked

# Heights above the lowest below which float32 tells none from 0.
_FLOOR = 1e-9


def ravine() -> Figure:
    """All nine on a ravine that is not along an axis."""
    surface = boxed(functions.quadratic(40.0, rotated=True, seed=1), ((-2.2, 1.2), (-1.6, 1.6)), (-1.9, 1.1))
    return _nine(
        "ravine", surface, 60, "Each optimizer on a ravine",
        "A ravine 40 times as steep across as along, at an angle to the axes. Steepest descent is limited by the steep "
        "direction; momentum carries along the flat one, and overshoots. Rules that only scale each parameter by its "
        "own gradients (Adagrad, RMSProp, Adadelta) gain little on a ravine that is not along an axis.",
    )  # fmt: skip


def saddle() -> Figure:
    """All nine from next to the ridge of a saddle."""
    surface = boxed(functions.bounded_saddle(), ((-0.5, 1.2), (-1.3, 1.3)), (1.0, 1e-3))
    return _nine(
        "saddle", surface, 60, "Each optimizer on a saddle",
        "From a start next to the ridge (y = 0.001) the gradient leads straight to the saddle point, where it "
        "vanishes. Steepest descent leaves only as fast as the tiny gradient along y grows; rules that divide by the "
        "size of past gradients make that direction as long as the other, and leave at once.",
    )  # fmt: skip


def plateau() -> Figure:
    """All nine from the plateau around a well."""
    surface = boxed(functions.sigmoid_well(steepness=1.0), ((-3.2, 3.2), (-3.2, 3.2)), (2.3, 1.6))
    start, rim = (float(jnp.linalg.norm(jax.grad(surface.value)(jnp.array(at)))) for at in ((2.3, 1.6), (1.0, 0.0)))
    return _nine(
        "plateau", surface, 60, "Each optimizer on a plateau",
        f"A well in a plateau: at the start the gradient is {number(rim / start, 2)} times as small as at the rim. "
        "What is scaled by the size of past gradients crosses the plateau at the pace of its learning rate; steepest "
        "descent waits until the slope has grown.",
    )  # fmt: skip


def _nine(name: str, surface: Surface, steps: int, title: str, caption: str) -> Figure:
    seen = landscape(surface, list(RULES), steps=steps)
    lowest = min(point.value for point in seen.points)
    figure = pictures.canvas(10.2, 7.4)
    left, right = figure.subfigures(1, 2, width_ratios=[2.25, 1])
    axes = left.subplots(3, 3, sharex=True, sharey=True)
    left.subplots_adjust(0.075, 0.065, 0.985, 0.955, wspace=0.07, hspace=0.2)
    styles = looks([path.optimizer for path in seen.paths])
    for place, (ax, path, style) in enumerate(zip(axes.flat, seen.paths, styles, strict=True)):
        ground(ax, seen, labels=("x" if place > 5 else "", "y" if place % 3 == 0 else ""))
        walked(ax, path, style, marks=12)
        pictures.title(ax, path.name, color=text_color(style.color))
    reached = _reached(right, seen, styles, lowest)
    return Figure(
        name, title,
        f"{caption} {steps} steps each, every optimizer at the best of 17 learning rates, half a decade apart around "
        f"its usual one, by its height at the end. Heights below {_FLOOR:g} are drawn there.",
        f"Nine panels of contours with one path each, and the heights by step. After {steps} steps, above the lowest "
        f"height: {', '.join(reached)}.",
        figure,
    )  # fmt: skip


def _reached(part: Any, seen: Landscape, styles: Any, lowest: float) -> list[str]:
    """The heights above the lowest by step, named at their ends.  Returns each optimizer's last."""
    ax = pictures.axes(part.add_axes((0.21, 0.065, 0.75, 0.56)), "step", "height above the lowest", grid=True)
    told = []
    for path, style in zip(seen.paths, styles, strict=True):
        above = path.losses - lowest
        pictures.draw_path(
            ax, path.steps, np.maximum(above, _FLOOR), style, label=path.name.split(",")[0], end=False, width=1.3
        )
        last = number(float(above[-1]), 2) if above[-1] > _FLOOR else f"at most {_FLOOR:g}"
        told.append(f"{path.name.split(',')[0]} {last}")
    ax.set_yscale("log")
    part.legend(
        *ax.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.19, 0.965), fontsize=8.5, frameon=False,
        handlelength=3, labelspacing=0.55,
    )  # fmt: skip
    return told
