"""Steepest descent itself, and the shapes of a loss: convex or not, local minima, the kinds of stationary point."""

import itertools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import functions, pictures
from ..landscapes import landscape
from ..optimizer import SGD
from ..pictures import INK, QUIET, STYLES, Heights, heights_of, number
from ._figure import Figure, boxed, falling, ground, walked
from ._parts import heights_along, way_of

_ARROW = {"arrowstyle": "-|>", "color": STYLES[1].color, "lw": 1.2, "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0}


def descent() -> Figure:
    """Steepest descent on a parabola and on a bowl, with the gradient at every point."""
    rate, steps = 0.3, 8
    line = functions.quadratic(dimensions=1, condition=1, start=(1.9,))
    xs = way_of(line, SGD(rate), steps)
    seen = landscape(
        boxed(functions.quadratic(6, rotated=True, seed=4), ((-2, 2), (-2, 2)), (-1.6, 1.5)), SGD(0.12), steps=14
    )
    path = seen.paths[0]
    figure = pictures.canvas(9.6, 3.2)
    left, middle, right = figure.subplots(1, 3)
    figure.subplots_adjust(0.055, 0.16, 0.985, 0.89, wspace=0.28)
    _parabola(left, line, xs)
    pictures.title(left, f"One parameter, ε = {rate:g}")
    ground(middle, seen, labels=("x", "y"), even=True)
    walked(middle, path, STYLES[1])
    _downhill(middle, seen.paths[0].along[:-1], seen.paths[0].across[:-1], 6)
    pictures.title(middle, "Two parameters, ε = 0.12")
    falling(right, [replace(path, optimizer="momentum")], ["f"])
    right.get_legend().remove()
    pictures.title(right, "The height falls")
    return Figure(
        "descent", "Steepest descent",
        "Each step goes against the gradient: x' = x − ε ∇f(x). In one parameter the slope of the tangent says which "
        "way and how far; in two the step leaves the contour at a right angle. Steps get shorter as the slope does, "
        "and end where every element of the gradient is zero.",
        f"On a parabola eight steps go from {number(float(xs[0, 0]))} to {number(float(xs[-1, 0]))}, each along the "
        f"tangent. On an elongated bowl 14 steps go from ({number(path.along[0])}, {number(path.across[0])}) to "
        f"({number(path.along[-1])}, {number(path.across[-1])}); the height falls from {number(path.losses[0])} to "
        f"{number(path.losses[-1])}.",
        figure,
    )  # fmt: skip


def _parabola(ax: Any, line: Any, xs: np.ndarray) -> None:
    """A curve with the points of a descent on it, the tangents at the first of them, and the steps below."""
    at = np.linspace(-2.2, 2.2, 200)
    pictures.axes(ax, "x", "f(x)", grid=True)
    ax.plot(at, heights_along(line, at[:, None]), color=QUIET, linewidth=1.4)
    slopes = np.asarray(jax.vmap(jax.grad(line.value))(jnp.asarray(xs)))[:, 0]
    ys = heights_along(line, xs)
    for x, y, slope in list(zip(xs[:, 0], ys, slopes, strict=True))[:3]:
        half = 0.85 / np.hypot(1, slope)
        ax.plot([x - half, x + half], [y - half * slope, y + half * slope], color=STYLES[6].color, linewidth=1.3)
        ax.plot([x, x], [-0.25, y], color=QUIET, linewidth=0.7, linestyle=":")
    for x, after in itertools.pairwise(xs[:5, 0]):
        ax.annotate("", (after, -0.25), (x, -0.25), arrowprops=_ARROW)
    ax.plot(xs[:, 0], ys, color=STYLES[1].color, marker="s", markersize=5, markeredgecolor="white", linestyle="none")
    pictures.mark(ax, (xs[0, 0], ys[0]), "start")
    ax.annotate("tangent", (0.9, 1.55), fontsize=8, color=pictures.text_color(STYLES[6].color), ha="right")
    ax.annotate("steps −ε f'(x)", (0.0, -0.25), fontsize=8, color=STYLES[1].color, ha="right", va="center")
    ax.set_ylim(-0.45, 2.5)


def _downhill(ax: Any, x: np.ndarray, y: np.ndarray, count: int) -> None:
    """Arrows along the first steps."""
    for place in range(count):
        step = (x[place + 1] - x[place], y[place + 1] - y[place])
        ax.annotate(
            "", (x[place] + step[0], y[place] + step[1]), (x[place], y[place]), zorder=8,
            arrowprops=_ARROW,
        )  # fmt: skip


def convexity() -> Figure:
    """A convex and a non-convex surface, and a chord over a section of each."""
    convex = boxed(functions.quadratic(3, rotated=True, seed=4), ((-4, 4), (-4, 4)))
    other = boxed(functions.styblinski_tang(), ((-4, 4), (-4, 4)))
    figure = pictures.canvas(7.2, 5.6)
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.35, 1])
    sections = lower.subplots(1, 2)
    lower.subplots_adjust(0.09, 0.2, 0.975, 0.98, wspace=0.22)
    chords = []
    for place, (surface, name) in enumerate(((convex, "Convex"), (other, "Not convex"))):
        seen = landscape(surface, points=81)
        ax = upper.add_axes((0.02 + 0.49 * place, 0.0, 0.47, 0.93), projection="3d")
        pictures.relief(ax, seen.slice.along, seen.slice.across, seen.slice.losses, _linear(seen.slice.losses))
        pictures.title(ax, name)
        ax.set_zticks([])
        chords.append(_section(sections[place], surface))
    return Figure(
        "convexity", "Convex and non-convex surfaces",
        "Over a convex surface every chord lies above the surface: there is one valley, and steepest descent ends in "
        "it from anywhere. The loss of a network is not convex, because of its activations: somewhere the surface "
        "rises above a chord, there are several valleys, and the start decides.",
        "Left a bowl, and below it a section along the diagonal whose chord is nowhere below it. Right a surface of "
        f"four wells; in its section the curve rises {number(chords[1])} above the chord between two of them.",
        figure,
    )  # fmt: skip


def _section(ax: Any, surface: Any) -> float:
    """A section along the diagonal with a chord.  Returns how far the curve rises above it."""
    at = np.linspace(-4, 4, 241)
    told = heights_along(surface, np.stack([at, at], axis=1))
    pictures.axes(ax, "along the diagonal", "f", grid=True)
    ax.plot(at, told, color=STYLES[1].color, linewidth=1.8)
    ends = [int(np.argmin(np.abs(at - one))) for one in (-3.0, 2.6)]
    inner = slice(ends[0], ends[1] + 1)
    chord = np.interp(at[inner], at[ends], told[ends])
    ax.plot(at[ends], told[ends], color=STYLES[6].color, linewidth=1.5, linestyle=(0, (5, 1.6)), marker="o", ms=5)
    above = np.maximum(told[inner] - chord, 0)
    ax.fill_between(at[inner], chord, chord + above, where=above > 0, color=STYLES[6].color, alpha=0.18, linewidth=0)
    ax.annotate(
        "chord", (at[ends].mean(), chord[len(chord) // 2]), (0, -13), textcoords="offset points", fontsize=8,
        ha="center", color=pictures.text_color(STYLES[6].color),
    )  # fmt: skip
    ax.set_xlim(at[0], at[-1])
    return float(above.max())


def _linear(losses: Any) -> Heights:
    return heights_of(losses, logarithmic=False)


def local_minimum() -> Figure:
    """Steepest descent from several starts ends in different minima."""
    line = functions.styblinski_tang(dimensions=1)
    figure = pictures.canvas(8.0, 3.4)
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(0.075, 0.15, 0.98, 0.9, wspace=0.2)
    at = np.linspace(-4.4, 4.4, 300)
    pictures.axes(left, "x", "f(x)", grid=True)
    left.plot(at, heights_along(line, at[:, None]), color=QUIET, linewidth=1.4)
    ends = []
    for start, style in ((-0.4, STYLES[1]), (0.9, STYLES[6])):
        way = way_of(functions.styblinski_tang((start,), dimensions=1), SGD(0.008), 60)
        heights = heights_along(line, way)
        pictures.draw_path(left, way[:, 0], heights, style, marks=14)
        pictures.mark(left, (way[0, 0], heights[0]), "start")
        ends.append(float(heights[-1]))
    left.annotate("lowest", (-2.9, ends[0]), (0, -14), textcoords="offset points", ha="center", fontsize=8)
    left.annotate("local", (2.75, ends[1]), (0, -14), textcoords="offset points", ha="center", fontsize=8)
    left.set_ylim(-50, 40)
    pictures.title(left, "Two starts, two minima")
    reached = _many_starts(right)
    return Figure(
        "local-minimum", "Problem: local minima",
        "Steepest descent ends in the valley it starts in. From x = -0.4 it finds the lowest minimum, from x = 0.9 a "
        f"local one, {number(ends[1] - ends[0])} higher, where the gradient is zero as well and nothing says that "
        "there is better. Right: the same from 16 starts in two parameters, of which four end lowest.",
        f"Left a curve with two wells: one descent ends at a height of {number(ends[0])}, the other at "
        f"{number(ends[1])}. Right contours with four wells and 16 descents, which end at heights "
        f"{', '.join(reached)}.",
        figure,
    )  # fmt: skip


def _many_starts(ax: Any) -> list[str]:
    """Descents from a grid of starts, the lowest ones in one colour.  Returns the different heights reached."""
    seen = landscape(boxed(functions.styblinski_tang(), ((-4.4, 4.4), (-4.4, 4.4))))
    ground(ax, seen, labels=("x", "y"), heights=heights_of(seen.slice.losses, logarithmic=False))
    lowest, heights = min(point.value for point in seen.points), []
    for start in ((a, b) for a in (-3.9, -0.7, 1.1, 3.9) for b in (-3.9, -0.7, 1.1, 3.9)):
        way = way_of(functions.styblinski_tang(start), SGD(0.008), 80)
        end = float(heights_along(functions.styblinski_tang(), way[-1:])[0])
        style = STYLES[1] if end < lowest + 1 else STYLES[6]
        pictures.draw_path(ax, way[:, 0], way[:, 1], style, width=1.2, marks=3, end=False)
        ax.plot(*way[0], marker="s", color=INK, markersize=2.6, zorder=7)
        heights.append(round(end, 1))
    pictures.title(ax, "16 starts, four minima")
    return [number(one) for one in sorted(set(heights))]


def stationary() -> Figure:
    """The three kinds of stationary point, on one surface, with the eigenvalues that tell them apart."""
    surface = functions.himmelblau()
    chosen = [("Local minimum", surface.minima[0]), ("Local maximum", surface.of_kind("maximum")[0])]
    chosen.append(("Saddle point", surface.saddles[2]))
    figure = pictures.canvas(9.2, 5.3)
    said = []
    for place, (name, point) in enumerate(chosen):
        x, y = point.at
        near = boxed(surface, ((x - 0.9, x + 0.9), (y - 0.9, y + 0.9)))
        seen = landscape(near, points=61)
        heights = _linear(seen.slice.losses)
        ax = figure.add_axes((0.015 + 0.325 * place, 0.475, 0.325, 0.475), projection="3d")
        pictures.relief(ax, seen.slice.along, seen.slice.across, seen.slice.losses, heights)
        pictures.mark(ax, (x, y, point.value), point.kind)
        ax.set_zticks([])
        ax.locator_params(nbins=4)
        pictures.title(ax, name)
        flat = figure.add_axes((0.068 + 0.325 * place, 0.09, 0.255, 0.33))
        ground(flat, seen, labels=("x", "y" if place == 0 else ""), heights=heights)
        values, vectors = np.linalg.eigh(np.asarray(jax.hessian(surface.value)(jnp.asarray(point.at))))
        for value, vector in zip(values, vectors.T, strict=True):
            _double_arrow(flat, point.at, vector, up=value > 0)
        pictures.title(flat, f"λ = {number(values[0])}, {number(values[1])}".replace("-", "−"))
        said.append(
            f"{name.lower()} at ({number(x)}, {number(y)}), eigenvalues {number(values[0])}, {number(values[1])}"
        )
    return Figure(
        "stationary", "Stationary points",
        "Where the gradient is zero it says nothing about where to go; the eigenvalues λ of the Hessian do. All "
        "positive: a local minimum. All negative: a local maximum. Of both signs: a saddle point, from which the "
        "surface falls along some directions (orange, dashed) and rises along others (blue). All three are on "
        "Himmelblau's function.",
        f"Three reliefs with contours below: {'; '.join(said)}.",
        figure,
    )  # fmt: skip


def _double_arrow(ax: Any, at: Any, vector: np.ndarray, *, up: bool) -> None:
    style = STYLES[1] if up else STYLES[6]
    first, last = np.asarray(at) - 0.62 * vector, np.asarray(at) + 0.62 * vector
    ax.annotate(
        "", last, first,
        arrowprops={"arrowstyle": "<|-|>", "color": style.color, "lw": 1.6, "mutation_scale": 10,
                    "linestyle": "-" if up else (0, (4, 1.5))},
    )  # fmt: skip
