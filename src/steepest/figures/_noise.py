"""Minibatch noise against the batch size."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import functions, pictures
from ..functions import noisy
from ..landscapes import landscape
from ..optimizer import SGD
from ..pictures import INK, QUIET, STYLES, number
from ..problems import Problem
from ..training import minibatches
from ._figure import Figure, ground
from ._parts import heights_along, way_of

_ROWS, _SIZES, _SCALE = 1024, (1, 8, 64, 1024), 1.5
_RATE, _STEPS = 0.08, 120
_BATCHES = 1024  # by which a standard deviation is known to 3 %


def batch_size() -> Figure:
    """The same descent with minibatches of four sizes, and how far a minibatch's gradient is from the whole one."""
    surface = functions.quadratic(6.0, start=(-1.8, 1.3))
    problem = noisy(surface, "additive", _SCALE, rows=_ROWS)
    seen = landscape(surface)
    figure = pictures.canvas(11.0, 5.6)
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1])
    axes = upper.subplots(1, 4, sharey=True)
    upper.subplots_adjust(0.05, 0.16, 0.99, 0.89, wspace=0.07)
    styles = (STYLES[6], STYLES[3], STYLES[4], STYLES[1])
    ways = [way_of(problem, SGD(_RATE), _STEPS, batch_size=size) for size in _SIZES]
    left = pictures.axes(lower.add_axes((0.07, 0.17, 0.41, 0.75)), "step", "height", grid=True)
    ends = []
    for place, (ax, way, style, size) in enumerate(zip(axes, ways, styles, _SIZES, strict=True)):
        name = "all rows" if size == _ROWS else f"{size} row{'' if size == 1 else 's'}"
        ground(ax, seen, labels=("x", "y" if place == 0 else ""))
        pictures.draw_path(ax, way[:, 0], way[:, 1], style, width=1.1, marks=8)
        pictures.mark(ax, way[0], "start")
        pictures.title(ax, f"Minibatches of {name}")
        heights = heights_along(surface, way)
        pictures.draw_path(left, np.arange(len(way)), heights, style, label=name, end=False, width=1.2)
        ends.append((name, float(heights[-_STEPS // 2 :].mean())))
    left.set_yscale("log")
    left.legend(fontsize=8, frameon=False, ncols=2)
    sizes, spread = _spread(lower.add_axes((0.57, 0.17, 0.41, 0.75)), problem)
    return Figure(
        "batch-size", "Minibatch noise against batch size",
        "A minibatch's gradient is an estimate: its error falls like one over the square root of the number of rows, "
        "while its cost rises like that number. With a fixed learning rate the descent does not settle but wanders at "
        "a height that the noise decides; all rows give the exact gradient and the usual convergence.",
        "Four panels of one bowl with descents on minibatches of 1, 8, 64 and all 1024 rows. Mean height over the "
        f"second half: {', '.join(f'{name} {number(end)}' for name, end in ends)}. The standard deviation of the "
        f"gradient falls from {number(spread[0])} with {sizes[0]} row to {number(spread[-1])} with {sizes[-1]}.",
        figure,
    )  # fmt: skip


def _spread(ax: Any, problem: Problem) -> tuple[list[int], list[float]]:
    """The measured standard deviation of minibatch gradients, beside one over the root of the rows."""
    (instance,) = problem.instances([0])
    at, slope = jnp.asarray(instance.init(jax.random.key(0))), jax.jit(jax.vmap(jax.grad(instance.loss), (None, 0)))
    whole = np.asarray(jax.grad(instance.loss)(at, instance.train))
    sizes, spread = [1, 2, 4, 8, 16, 32, 64, 128, 256], []
    for size in sizes:
        epochs = -(-_BATCHES * size // _ROWS)
        rows = minibatches(_ROWS, size, seed=0, first_epoch=0, epochs=epochs, sampling="replacement")
        rows = rows.reshape(-1, size)[:_BATCHES]
        apart = np.asarray(slope(at, instance.train[rows])) - whole
        spread.append(float(np.sqrt((apart**2).mean())))
    pictures.axes(ax, "rows in a minibatch, m'", "standard deviation of the gradient", grid=True)
    ax.plot(sizes, spread, color=INK, marker="o", markersize=5, linewidth=0, label="measured")
    ax.plot(sizes, _SCALE / np.sqrt(sizes), color=QUIET, linewidth=1.2, linestyle=":", label="σ / √m'")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(sizes, labels=[str(size) for size in sizes])
    ax.legend(fontsize=8, frameon=False)
    return sizes, spread
