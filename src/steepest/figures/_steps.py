"""What step length and memory do: a cliff, the learning rate, momentum, Nesterov's look-ahead."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import functions, pictures
from ..gradients import ClipByGlobalNorm
from ..landscapes import landscape
from ..optimizer import SGD, Momentum, Optimizer, optimizer
from ..pictures import INK, STYLES, number, text_color
from ._figure import Figure, boxed, falling, ground, walked

_RAVINE = 20.0  # its condition number


def cliff() -> Figure:
    """Descent that meets a wall, without and with clipping."""
    surface = boxed(functions.cliff(), ((-4.5, 2), (-2, 2)), (1.04, 1.7))
    rate, limit, steps = 0.25, 1.0, 60
    seen = landscape(surface, [SGD(rate), SGD(rate, transforms=(ClipByGlobalNorm(limit),))], steps=steps, points=121)
    figure = pictures.canvas(9.8, 3.1)
    axes = figure.subplots(1, 3, width_ratios=[1.15, 1.15, 1])
    figure.subplots_adjust(0.06, 0.16, 0.985, 0.89, wspace=0.27)
    styles, names = (STYLES[6], STYLES[1]), ("Without clipping", f"Gradient clipped to a norm of {limit:g}")
    for ax, path, style, name in zip(axes, seen.paths, styles, names, strict=False):
        ground(ax, seen, labels=("x", "y"))
        walked(ax, path, style, marks=12)
        pictures.title(ax, name)
    pictures.axes(axes[2], "step", "height", grid=True)
    for path, style, name in zip(seen.paths, styles, ("without", "clipped"), strict=True):
        pictures.draw_path(axes[2], path.steps, path.losses, style, label=name, end=False)
    axes[2].set_yscale("log")
    pictures.title(axes[2], "Heights")
    axes[2].legend(fontsize=8, frameon=False)
    far = float(np.hypot(np.diff(seen.paths[0].along), np.diff(seen.paths[0].across)).max())
    short = float(np.hypot(np.diff(seen.paths[1].along), np.diff(seen.paths[1].across)).max())
    return Figure(
        "cliff", "Cliffs, and gradient clipping",
        "On a cliff, such as products of many weights make, the gradient is suddenly many times as large, and one step "
        f"throws the parameters far away: here {number(far)}, at a rate of {rate:g}. Clipping keeps the direction and "
        f"limits the length: the same descent takes steps of {number(short)} at most and stays in the valley.",
        "Contours of a valley with a wall on its right. Without clipping the first step from the wall is "
        f"{number(far)} long, to x = {number(seen.paths[0].along[1])}, and the height rises from "
        f"{number(seen.paths[0].losses[0])} to {number(seen.paths[0].losses[1])}; with clipping no step is longer than "
        f"{number(short)}.",
        figure,
    )  # fmt: skip


def learning_rate() -> Figure:
    """The learning rate too small, right and too large, on one ravine."""
    surface = boxed(functions.quadratic(_RAVINE), ((-2.2, 2.2), (-1.4, 1.4)), (-1.9, 0.9))
    limit = 2 / _RAVINE
    cases = [("too small", 0.06 * limit), ("right", 2 / (_RAVINE + 1)), ("too large", 1.03 * limit)]
    seen = landscape(surface, [SGD(rate) for _, rate in cases], steps=40)
    figure = pictures.canvas(10.4, 5.3)
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.05, 1])
    axes = upper.subplots(1, 3, sharey=True)
    upper.subplots_adjust(0.055, 0.17, 0.985, 0.88, wspace=0.08)
    styles = (STYLES[1], STYLES[4], STYLES[6])
    for place, (ax, path, style, (name, rate)) in enumerate(zip(axes, seen.paths, styles, cases, strict=True)):
        ground(ax, seen, labels=("x", "y" if place == 0 else ""))
        shown = 14 if rate > limit else len(path.steps)
        walked(ax, replace(path, along=path.along[:shown], across=path.across[:shown]), style, marks=14)
        pictures.title(ax, f"{name[0].upper()}{name[1:]}: ε = {number(rate)}", color=text_color(style.color))
    ax = lower.add_axes((0.075, 0.19, 0.40, 0.74))
    pictures.axes(ax, "step", "height", grid=True)
    for path, style, (name, _) in zip(seen.paths, styles, cases, strict=True):
        pictures.draw_path(ax, path.steps, path.losses, style, label=name, end=False)
    ax.set_yscale("log")
    ax.legend(fontsize=8, frameon=False)
    every = _ends_by_rate(lower.add_axes((0.565, 0.19, 0.42, 0.74)), surface, cases, styles, limit)
    return Figure(
        "learning-rate", "The learning rate",
        f"Steepest descent on a quadratic whose curvatures are 1 and {_RAVINE:g}. Too small, and the flat direction "
        "takes for ever. Too large, beyond 2 over the highest curvature, and every step overshoots the valley by more "
        "than the last. The right rate is just below that: in the long run the best is 2 over the sum of the "
        "curvatures. Below right, the height after 40 steps for every rate; above right, only the first 14 steps.",
        f"Three panels of one ravine after 40 steps: at {number(cases[0][1])} the height is "
        f"{number(seen.paths[0].losses[-1])}, at {number(cases[1][1])} it is {number(seen.paths[1].losses[-1])}, at "
        f"{number(cases[2][1])} it has risen to {number(seen.paths[2].losses[-1])}. Over all rates the height after "
        f"40 steps is lowest at {number(every, 2)} and soars beyond {number(limit, 2)}.",
        figure,
    )  # fmt: skip


def _ends_by_rate(ax: Any, surface: Any, cases: Any, styles: Any, limit: float) -> float:
    """The height after 40 steps for rates over two decades.  Returns the best of them."""
    rates = np.geomspace(0.02 * limit, 1.25 * limit, 45)
    ends = _ends(surface, rates)
    pictures.axes(ax, "learning rate ε", "height after 40 steps", grid=True)
    ax.plot(rates, ends, color=INK, linewidth=1.4)
    for (_, rate), style in zip(cases, styles, strict=True):
        pictures.draw_path(ax, np.array([rate]), _ends(surface, np.array([rate])), style)
    ax.axvline(limit, color=pictures.QUIET, linewidth=0.9, linestyle=":")
    ax.annotate("2 / highest curvature", (limit, ends.max()), (-5, -4), textcoords="offset points", fontsize=8,
                ha="right", va="top", color=pictures.QUIET)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    return float(rates[np.argmin(ends)])


def _ends(surface: Any, rates: np.ndarray) -> np.ndarray:
    found = landscape(surface, [SGD(float(rate)) for rate in rates], steps=40, points=3)
    return np.array([path.losses[-1] for path in found.paths])


def momentum() -> Figure:
    """Momentum damps the zigzag across a ravine and goes faster along it."""
    surface = boxed(functions.quadratic(50.0), ((-2.2, 0.5), (-0.8, 0.8)), (-2.0, 0.55))
    rate = 0.036
    seen = landscape(surface, [SGD(rate), Momentum(0.4 * rate, momentum=0.75)], steps=60)
    titles, styles = ("Steepest descent", "With momentum, α = 0.75"), (STYLES[0], STYLES[1])
    figure = pictures.canvas(10.0, 3.1)
    axes = figure.subplots(1, 3, width_ratios=[1.25, 1.25, 1])
    figure.subplots_adjust(0.055, 0.16, 0.985, 0.89, wspace=0.25)
    for ax, path, style, told in zip(axes, seen.paths, styles, titles, strict=False):
        ground(ax, seen, labels=("x", "y"))
        walked(ax, path, style, marks=14, width=1.3)
        pictures.title(ax, told)
    falling(axes[2], seen.paths, ("steepest descent", "with momentum"), "lower left")
    pictures.title(axes[2], "Heights")
    turns = [int((np.diff(np.sign(path.across)) != 0).sum()) for path in seen.paths]
    ends = [number(path.losses[-1]) for path in seen.paths]
    return Figure(
        "momentum", "Momentum damps the ravine",
        "A ravine curves 50 times as steeply across as along. Steepest descent zigzags across it and hardly moves "
        "along. Momentum adds up past gradients, v ← αv − ε∇f: across the ravine they cancel, along it they agree, so "
        "that the zigzag dies out and the way along goes faster.",
        f"Two panels of one ravine. Steepest descent crosses its floor {turns[0]} times in 60 steps and ends at a "
        f"height of {ends[0]}; with momentum it is crossed {turns[1]} times, and the height at the end is {ends[1]}.",
        figure,
    )  # fmt: skip


def nesterov() -> Figure:
    """Momentum and Nesterov's step side by side: where each takes its gradient, and how they go on."""
    surface = boxed(functions.quadratic(12.0, rotated=True, seed=4), ((-2.2, 1.5), (-1.8, 1.5)), (-2.0, 0.6))
    rate, alpha, at = 0.04, 0.8, 2
    pair = [Momentum(rate, momentum=alpha), optimizer("nesterov_lookahead", rate, momentum=alpha)]
    seen = landscape(surface, pair, steps=45)
    paths = [seen.paths[0], replace(seen.paths[1], optimizer="nesterov")]
    figure = pictures.canvas(10.4, 3.3)
    axes = figure.subplots(1, 3, width_ratios=[1.1, 1.1, 1.1])
    figure.subplots_adjust(0.05, 0.155, 0.985, 0.89, wspace=0.24)
    steps = _one_step(axes[0], surface, pair, at)
    pictures.title(axes[0], f"One step, after {at}")
    ground(axes[1], seen, labels=("x", "y"))
    for path, style in zip(seen.paths, (STYLES[1], STYLES[2]), strict=True):
        walked(axes[1], path, style, marks=12)
    pictures.title(axes[1], "45 steps")
    falling(axes[2], paths, ("momentum", "Nesterov"), "lower left")
    pictures.title(axes[2], "Heights")
    return Figure(
        "nesterov", "Nesterov's look-ahead",
        "Momentum adds the gradient at the point where it is to its velocity. Nesterov first looks ahead to where the "
        "velocity will carry it, θ + αv, and takes the gradient there: where the slope is about to turn, it turns a "
        f"step earlier, and overshoots less. (α = {alpha:g}, ε = {rate:g}. Left, solid: the two parts of a step; "
        "dashed: the steps.)",
        f"Left, one step from the same point and velocity: momentum's gradient part is ({number(steps[0][0])}, "
        f"{number(steps[0][1])}), Nesterov's ({number(steps[1][0])}, {number(steps[1][1])}). Middle, both ways around "
        f"the minimum; right, after 45 steps heights of {number(seen.paths[0].losses[-1])} with momentum and "
        f"{number(seen.paths[1].losses[-1])} with Nesterov's.",
        figure,
    )  # fmt: skip


def _one_step(ax: Any, surface: Any, pair: list[Optimizer], after: int) -> list[np.ndarray]:
    """The parts of either's next step from the state that Nesterov has after some.  Returns the gradient parts."""
    heavy, ahead = pair
    place = jnp.asarray(surface.instances([0])[0].init(jax.random.key(0)))
    state = ahead.init(place)
    for _ in range(after):
        move, state = ahead.update(jax.grad(surface.value)(ahead.gradient_point(place, state)), state)
        place = place + move
    looked = ahead.gradient_point(place, state)
    start, carried = np.asarray(place), np.asarray(looked - place)
    named = {"momentum": (heavy, place, STYLES[1], (2, -13)), "Nesterov": (ahead, looked, STYLES[2], (0, -14))}
    slope = jax.grad(surface.value)
    steps = {name: np.asarray(one.update(slope(point), state)[0]) for name, (one, point, *_) in named.items()}
    near = boxed(surface, _around([start, start + carried, *(start + step for step in steps.values())]))
    ground(ax, landscape(near, points=61), labels=("x", "y"))
    for name, (_, _, style, aside) in named.items():
        color = text_color(style.color)
        _arrow(ax, start, steps[name], style.color, dashed=True)
        _arrow(ax, start + carried, steps[name] - carried, style.color)
        ax.annotate(name, start + steps[name], aside, textcoords="offset points", fontsize=8, color=color, ha="center")
    _arrow(ax, start, carried, INK)
    ax.annotate("αv", start + 0.5 * carried, (-4, 8), textcoords="offset points", fontsize=9, color=INK)
    turned = start + carried + 0.5 * (steps["Nesterov"] - carried)
    ax.annotate("−ε∇f(θ + αv)", turned, (7, -3), textcoords="offset points", fontsize=8, color=INK)
    ax.plot(*start, marker="o", color=INK, markersize=5, zorder=8)
    ax.annotate("θ", start, (-4, -13), textcoords="offset points", fontsize=9, color=INK)
    return [step - carried for step in steps.values()]


def _around(places: list[np.ndarray]) -> list[tuple[float, float]]:
    """A box that holds some places, with margins."""
    low, high = np.min(places, axis=0), np.max(places, axis=0)
    margin = 0.3 * (high - low)
    return [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]


def _arrow(ax: Any, start: np.ndarray, step: np.ndarray, color: str, *, dashed: bool = False) -> None:
    ax.annotate(
        "", start + step, start, zorder=7,
        arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.7, "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0,
                    "linestyle": (0, (3, 1.5)) if dashed else "-"},
    )  # fmt: skip
