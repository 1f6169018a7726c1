"""Runs of networks from bad starts, fresh or warm."""

import functools
from typing import Any

import jax
import numpy as np
import polars as pl

import steepest as st

from .draws import Planted, Random, between, choose
from .gradients import clipped_best
from .oracles import (
    Setting,
    dead,
    demand,
    falls_short,
    first,
    left,
    level,
    size,
    slopes,
    spectrum,
)
from .tables import (
    accompanied,
    fresh,
    like,
    problem,
    somewhere,
    table,
    usual,
)


def wrong_scale(random: Random) -> Planted:
    """Weights drawn far too small, or far too large."""
    small = random.random() < 0.4
    setting, details = somewhere(random, depths=(1, 3, 3) if small else (1, 3))
    name, rate, grid = usual(random, setting)
    scale = choose(random, (0.0, between(random, 1e-4, 1e-2))) if small else random.uniform(5, 20)
    setting_ = like(setting, scale=scale)
    run, well = setting_.run(name, rate), setting.run(name, rate)
    demand(falls_short(run, well, grid.lowest), "the usual scale is no better")
    also = frozenset({"cliff or exploding gradient"})
    if np.isfinite(level(run)):
        also = accompanied(run) | by_a_saddle(run, size(slopes(run, fresh(setting))))
        if small and "saddle" not in also and left(run, level(well)) > 0.9:
            also |= {"plateau or saturation"}
        if not small and falls_short(run, clipped_best(setting_, name, rate)[1], most=first(well)):
            also |= {"cliff or exploding gradient"}
    details = {**details, "optimizer": name, "rate": rate, "scale": scale}
    return Planted(run, details, also, (well,), first(well))


def all_alike(random: Random) -> Planted:
    """Every weight of a layer begins at one number, so that its units are one unit."""
    setting, details = somewhere(random, depths=(1, 3))
    name, rate, grid = usual(random, setting)
    number = between(random, 0.01, 1.0)
    start = tuple(layer._replace(weights=np.full(layer.weights.shape, number, np.float32)) for layer in fresh(setting))
    held = setting._replace(start=start)
    run = held.run(name, rate)
    demand(np.isfinite(level(run)), "the run diverged")
    well = setting.run(name, rate)
    demand(falls_short(run, well, grid.lowest), "the usual start is no better")
    also = accompanied(run) | by_a_saddle(run, size(slopes(run, fresh(setting))))
    return Planted(run, {**details, "optimizer": name, "rate": rate, "weights": number}, also, (well,))


def by_a_saddle(run: st.Run, steep: float) -> frozenset[str]:
    """Whether a network that is not too large ended by a saddle.  steep: the gradient's norm at a usual start."""
    few = sum(leaf.size for leaf in jax.tree.leaves(run.last)) <= 1000
    if not few or size(slopes(run, run.last)) > 0.05 * steep:
        return frozenset()
    values = spectrum(run, run.last)[0]
    return frozenset({"saddle"}) if values[0] < -0.01 * values[-1] else frozenset()


# --- warm starts


@functools.lru_cache(maxsize=64)
def _other_labels(name: str, units: tuple[int, ...], activation: str, seed: int) -> Any:
    """The same table with its target shuffled, so that every shape is the same."""
    known = table(name, 0)
    frame = known.features.with_columns(
        pl.Series("target", np.random.default_rng([seed, 17]).permutation(_labels(known)))
    )
    return st.network(st.read(frame, target="target", task=known.task, name=name), units, activation=activation)


def _labels(known: Any) -> Any:
    return np.array(known.classes)[known.target] if known.classes else known.target


def after_other_labels(random: Random) -> Planted:
    """A network that was trained for long and too fast on shuffled labels, and then on the right ones."""
    name = choose(random, ("wine", "iris", "breast-cancer", "clusters", "diabetes"))
    epochs = {"wine": 20, "iris": 40, "breast-cancer": 10, "clusters": 20, "diabetes": 30}[name]
    activation, depth = choose(random, ("relu", "tanh")), choose(random, (1, 3))
    units = (16,) * depth
    setting = Setting(problem(name, units, activation), epochs, 16, int(random.integers(3)))
    before = setting._replace(problem=_other_labels(name, units, activation, int(random.integers(6))), epochs=200)
    method, rate, _ = usual(random, setting)
    hurry = choose(random, ("adam", "rmsprop"))
    fast = between(random, 0.03, 0.5)
    old = before.run(hurry, fast)
    demand(np.isfinite(level(old)), "the first training diverged")
    warm = setting._replace(start=jax.tree.map(np.asarray, old.last))
    run, well = warm.run(method, rate), setting.run(method, rate)
    demand(np.isfinite(level(run)), "the run diverged")
    gain = first(well) - level(well)
    demand(level(run) - level(well) >= 0.1 * gain, "a fresh start is no better")
    others = (setting._replace(seed=setting.seed + more).run(method, rate) for more in (1, 2))
    demand(all(level(one) < level(run) - 0.05 * gain for one in others), "other fresh starts are no better")
    also = accompanied(run)
    details = {"table": name, "hidden": units, "activation": activation, "optimizer": method, "rate": rate}
    return Planted(run, {**details, "first rate": fast, "dead": max(dead(run, run.last))}, also, (well, old))
