"""Runs that stand still where a function is flat."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

import steepest as st
from steepest import functions

from .draws import Planted, Random, between, choose, constant, direction, own, rotation
from .oracles import Setting, demand, left, level, spectrum


def checked_plateau(run: st.Run, bottom: Any, lowest: float) -> dict[str, Any]:
    """Refuse what has moved, or is not flat beside what it is at the bottom, a point."""
    demand(np.isfinite(level(run)), "the run diverged")
    share = left(run, lowest)
    demand(share >= 0.99, "it fell")
    here, there = spectrum(run, run.last)[0], spectrum(run, bottom)[0]
    demand(np.abs(here).max() <= 1e-3 * np.abs(there).max(), "it is curved")
    return {"left": share, "curvature": float(np.abs(here).max()), "at the bottom": float(there[-1])}


def far_from_a_well(random: Random) -> Planted:
    """A well in a plain, from far off: sigmoid, Gaussian or Easom's needle."""
    which, n = choose(random, ("sigmoid_well", "gauss", "easom")), int(random.integers(1, 6))
    name = choose(random, ("sgd", "momentum", "nesterov", "adam", "rmsprop"))
    adaptive = name in ("adam", "rmsprop")
    if which == "easom":
        n, radius = 2, random.uniform(6.5, 9) if adaptive else random.uniform(3.8, 6)
        bottom = np.full(2, np.pi)
        problem: Any = functions.easom(start=tuple((bottom + radius * direction(random, 2)).tolist()))
        lowest = -1.0
    elif which == "sigmoid_well":
        steepness, depth = random.uniform(1, 4), random.uniform(30, 60) if adaptive else random.uniform(12, 30)
        radius, bottom = math.sqrt(1 + depth / steepness), np.zeros(n)
        start = tuple((radius * direction(random, n)).tolist())
        problem = functions.sigmoid_well(start=start, steepness=steepness, dimensions=n)
        lowest = 1 / (1 + math.exp(steepness))
    else:
        width, bottom = random.uniform(0.3, 2.0), random.uniform(-1, 1, n)
        radius = random.uniform(7, 9) if adaptive else random.uniform(5, 7)
        start = bottom + radius * width * direction(random, n)

        def value(p: Any) -> Any:
            return 1 - jnp.exp(-jnp.sum((p - constant(bottom, p)) ** 2) / (2 * width**2))

        problem, lowest = own("a well in a plain", start, value), 0.0
    rate = between(random, 0.001, 0.01) if adaptive else between(random, 0.01, 0.5)
    run = Setting(problem, int(random.integers(100, 600))).run(name, rate)
    found = checked_plateau(run, np.float32(bottom), lowest)
    return Planted(run, {"optimizer": name, "rate": rate, "surface": which, "radius": radius, **found})


def high_step_of_a_staircase(random: Random) -> Planted:
    """Steps of tanh down to a bowl, begun in the middle of a tread."""
    n, steps, sharp = int(random.integers(1, 5)), int(random.integers(2, 5)), random.uniform(6, 15)
    basis = rotation(random, n)
    edges = 2.0 * np.arange(1, steps + 1)

    def value(p: Any) -> Any:
        radius = jnp.sqrt(1e-6 + jnp.sum((constant(basis.T, p) @ p) ** 2))
        bowl = jnp.minimum(radius, 1.0) ** 2
        return bowl + jnp.sum(1 + jnp.tanh(sharp * (radius - constant(edges, p))))

    start = basis @ ((edges[-1] + 1.0 + random.uniform(0, 0.8)) * direction(random, n))
    name = choose(random, ("sgd", "momentum", "nesterov"))
    rate = between(random, 0.003, 0.1)
    problem = own("a staircase", start, value)
    run = Setting(problem, int(random.integers(100, 500))).run(name, rate)
    found = checked_plateau(run, np.full(n, 0.3 / math.sqrt(n), np.float32), 0.0)
    return Planted(run, {"optimizer": name, "rate": rate, "steps": steps, "sharpness": sharp, **found})
