"""Tables and networks that planted runs are of: few shapes, so that cases share compiled programs."""

import functools
from typing import Any, NamedTuple

import numpy as np
import polars as pl

import steepest as st
from steepest.problems import start as first_parameters

from .draws import Random, choose
from .oracles import (
    RATES,
    Setting,
    dead,
    demand,
    first_over_last,
    saturated,
    tuned_network,
)


@functools.lru_cache(maxsize=64)
def table(name: str, seed: int = 0) -> Any:
    """One of the built-in tables, or a made one: waves, plane, powers (numbers); clusters, overlapping (classes)."""
    made = {"waves": _waves, "plane": _plane, "powers": _powers, "clusters": _clusters, "overlapping": _overlapping}
    if name not in made:
        return st.read(name)
    x, y = made[name](np.random.default_rng([seed, 7]))
    frame = pl.DataFrame({f"x{i}": column for i, column in enumerate(x.T)}).with_columns(pl.Series("target", y))
    return st.read(frame, target="target", name=name)


def _waves(random: Random) -> tuple[np.ndarray, np.ndarray]:
    x = random.standard_normal((200, 4))
    bend, way = random.uniform(1, 2), random.standard_normal((4, 2)) / 2
    return x, np.sin(bend * (x @ way[:, 0]) * 2) + (x @ way[:, 1]) ** 2 / 2 + 0.05 * random.standard_normal(200)


def _plane(random: Random) -> tuple[np.ndarray, np.ndarray]:
    x = random.standard_normal((200, 4))
    return x, x @ random.standard_normal(4) + random.uniform(0.5, 1.5) * random.standard_normal(200)


def _powers(random: Random) -> tuple[np.ndarray, np.ndarray]:
    x = random.uniform(0, 1, 200)
    columns = np.stack([x**power for power in range(1, 9)], axis=1)
    bend = random.uniform(5, 9)
    return columns, np.sin(bend * x + random.uniform(0, 6)) + 0.02 * random.standard_normal(200)


def _clusters(random: Random, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    codes = np.repeat(np.arange(3), 80)
    centres = 1.6 * random.standard_normal((3, 6))
    return centres[codes] + spread * random.standard_normal((240, 6)), np.array(["a", "b", "c"])[codes]


def _overlapping(random: Random) -> tuple[np.ndarray, np.ndarray]:
    x, y = _clusters(random, 2.5)
    wrong = random.random(len(y)) < 0.15
    return x, np.where(wrong, random.choice(["a", "b", "c"], len(y)), y)


class Context(NamedTuple):
    """A table with as many epochs at a batch size as a good run needs."""

    table: str
    epochs: int
    batch_size: Any


CONTEXTS = (
    Context("iris", 60, 16), Context("iris", 300, "all"), Context("wine", 40, 16), Context("wine", 200, "all"),
    Context("breast-cancer", 25, 32), Context("breast-cancer", 200, "all"), Context("digits", 10, 64),
    Context("diabetes", 50, 32), Context("diabetes", 300, "all"), Context("waves", 150, 16),
    Context("waves", 500, "all"), Context("clusters", 40, 16), Context("clusters", 200, "all"),
)  # fmt: skip
SMALL = tuple(one for one in CONTEXTS if one.table in ("iris", "wine", "diabetes", "waves", "clusters"))
MADE = ("waves", "plane", "powers", "clusters", "overlapping")


@functools.lru_cache(maxsize=512)
def problem(
    name: str, hidden: tuple[int, ...], activation: str, *, seed: int = 0, scale: float = 1.0, parts: float = 0.2,
    initializer: str | None = None,
) -> Any:  # fmt: skip
    """A network on a table.  parts: the shares held back for validation and test."""
    return st.network(
        table(name, seed), hidden, activation=activation, scale=scale, validation=parts, test=parts,
        initializer=initializer,
    )  # fmt: skip


def somewhere(
    random: Random, activations: Any = ("relu", "tanh"), depths: Any = (1, 3), contexts: Any = CONTEXTS
) -> tuple[Setting, dict]:
    """A context and a network of one of the usual shapes, and what they are."""
    context = choose(random, contexts)
    width = 32 if context.table == "digits" else 16
    units, activation = (width,) * choose(random, depths), choose(random, activations)
    seed = int(random.integers(4)) if context.table in MADE else 0
    setting = Setting(problem(context.table, units, activation, seed=seed), *context[1:], int(random.integers(3)))
    return setting, {"table": context.table, "hidden": units, "activation": activation, "batch": context.batch_size}


def like(setting: Setting, **changes: Any) -> Setting:
    """The same with another network: hidden, activation, scale, initializer."""
    from dataclasses import replace

    changed = replace(setting.problem.network, **changes)
    return setting._replace(problem=setting.problem.with_network(changed))


def fresh(setting: Setting) -> tuple:
    """The network's own start."""
    (instance,) = setting.problem.instances([setting.seed])
    return first_parameters(instance.init, setting.seed)[0]


def usual(random: Random, setting: Setting, names: Any = tuple(RATES)) -> tuple[str, float, Any]:
    """An optimizer, the best rate of its grid in this setting, and the grid."""
    name = choose(random, names)
    grid = tuned_network(setting.problem, name, setting.epochs, setting.batch_size, setting.seed)
    demand(np.isfinite(grid.lowest), "all diverged")
    return name, grid.rate, grid


def accompanied(run: st.Run) -> frozenset[str]:
    """What else a network's end shows without doubt: most units of a layer dead or saturated, no gradient in front."""
    found = set()
    if run.problem.network.activation == "relu" and max(dead(run, run.last)) >= 0.5:
        found.add("dead units")
    if max(saturated(run, run.last)) >= 0.5:
        found.add("plateau or saturation")
    if first_over_last(run, run.last) < 1e-3:
        found.add("vanishing gradient")
    return frozenset(found)


# For ``also``: the start that was given is at fault.
BY_ITS_START = frozenset({"bad initialisation"})
