"""Runs whose gradient vanishes on its way back, or explodes."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st
from steepest import functions
from steepest.gradients import ClipByGlobalNorm

from .draws import Planted, Random, between, choose, own
from .oracles import RATES, Setting, begun, demand, falls_short, first, first_over_last, level
from .tables import BY_ITS_START, CONTEXTS, MADE, accompanied, like, problem, somewhere


def clipped_best(setting: Setting, name: str, rate: float) -> tuple[float, st.Run]:
    """The limit, of a few, at which a clipped run of the same rate ends lowest, and that run."""
    runs = {limit: setting.run(name, rate, transforms=(ClipByGlobalNorm(limit),)) for limit in (0.3, 1.0, 3.0)}
    limit = min(runs, key=lambda one: level(runs[one]))
    return limit, runs[limit]


def checked_cliff(setting: Setting, run: st.Run, name: str, rate: float, most: float = math.inf) -> Planted:
    """Refuse what a clipped run of the same rate does not mend.  most: as in ``falls_short``."""
    limit, clipped = clipped_best(setting, name, rate)
    demand(falls_short(run, clipped, most=most), "clipping does not help")
    return Planted(run, {"optimizer": name, "rate": rate, "clipped at": limit}, siblings=(clipped,), most=most)


def thrown_by_a_wall(random: Random) -> Planted:
    """A gentle bowl with a wall beside it, approached with so much way on that the wall is hit."""
    steepness = between(random, 10, 300)
    name = choose(random, ("sgd", "momentum", "nesterov"))
    start = (-random.uniform(1.3, 2.5), random.uniform(0.5, 2) * choose(random, (1, -1)))
    # Without the wall all of these are stable: the bowl's curvature is 1.
    rate = random.uniform(1.6, 1.9) if name == "sgd" else random.uniform(0.05, 0.6)
    setting = Setting(functions.cliff(start=start, steepness=steepness), int(random.integers(15, 120)))
    run = setting.run(name, rate)
    jumps = np.diff(run.curves["train_loss"].to_numpy())
    demand(np.nanmax(jumps, initial=0.0) > 3 * first(run) or run.status == "diverged", "the wall was not hit")
    made = checked_cliff(setting, run, name, rate)
    return made._replace(details={**made.details, "steepness": steepness, "start": start})


def chain_of_large_weights(random: Random) -> Planted:
    """Weights in a row whose product is large, so that a step from there goes anywhere."""
    depth = int(random.integers(4, 12))
    product = between(random, 2, 25)
    start = product ** (1 / depth) * np.exp(0.1 * random.standard_normal(depth))
    surface = functions.scalar_chain(depth, start=tuple(start.tolist()))
    name = choose(random, ("sgd", "momentum", "nesterov"))
    rate = between(random, 0.1, 1.0) / depth * (0.3 if name == "sgd" else 0.06)
    setting = Setting(surface, int(random.integers(60, 300)))
    run = setting.run(name, rate)
    demand(run.epochs >= 4 or random.random() < 0.3, "it diverged at once")
    made = checked_cliff(setting, run, name, rate, most=1.0)
    return made._replace(details={**made.details, "depth": depth, "product": product})


def recurrence(random: Random) -> Planted:
    """A unit fed back to itself for many steps, whose last value is to be met: flat, then all at once steep."""
    steps = int(random.integers(12, 40))
    goal, begin = random.uniform(2, 6), random.uniform(0.85, 0.97)

    def value(p: Any) -> Any:
        last = jax.lax.fori_loop(0, steps, lambda _, h: p[0] * h + p[1], jnp.asarray(1.0, p.dtype))
        return (last - goal) ** 2

    name = choose(random, ("sgd", "momentum"))
    rate = between(random, 3e-4, 1e-2)
    setting = Setting(own("a recurrence", (begin, 0.0), value), int(random.integers(60, 300)))
    run = setting.run(name, rate)
    losses = run.curves["train_loss"].to_numpy()
    demand(run.epochs >= 4 or random.random() < 0.3, "it diverged at once")
    demand(run.status == "diverged" or np.nanmax(losses) > 5 * first(run), "no wall was met")
    made = checked_cliff(setting, run, name, rate)
    return made._replace(details={**made.details, "steps": steps, "goal": goal})


# --- of networks


def deep_and_squashed(random: Random) -> Planted:
    """Many layers of logistic units, each of which passes on less than a quarter of the gradient."""
    context = choose(random, [one for one in CONTEXTS if one.batch_size != "all" and one.table != "digits"])
    units, initializer = (16,) * choose(random, (6, 8)), choose(random, ("glorot_uniform", "lecun_normal"))
    seed = int(random.integers(4)) if context.table in MADE else 0
    deep = problem(context.table, units, "logistic", seed=seed, initializer=initializer)
    setting = Setting(deep, *context[1:], int(random.integers(3)))
    name = choose(random, ("sgd", "momentum", "nesterov", "sgd", "momentum", "adam", "rmsprop"))
    rate = float(RATES[name][int(random.integers(0 if name in ("adam", "rmsprop") else 1, 4))])
    run = setting.run(name, rate)
    demand(np.isfinite(level(run)), "the run diverged")
    ratios = first_over_last(run, begun(run)), first_over_last(run, run.last)
    demand(max(ratios) < 1e-3, "the gradient reaches the first layer")
    shallow = setting._replace(problem=problem(context.table, units[:1], "relu", seed=seed))
    well = shallow.run(name, rate)
    demand(falls_short(run, well, at_least=0.4), "a shallow network is no better")
    details = {"table": context.table, "hidden": units, "optimizer": name, "rate": rate, "first over last": ratios}
    return Planted(run, details, frozenset({"plateau or saturation"}), (well,))


def deep_and_large(random: Random) -> Planted:
    """Many rectified or linear layers of too large weights: the gradient grows from layer to layer."""
    setting, details = somewhere(random, ("relu",), (6,))
    name = choose(random, ("sgd", "momentum", "nesterov"))
    rate = float(RATES[name][0]) * between(random, 1.0, 15.0)
    scale = random.uniform(1.5, 2.5)
    plain, setting = setting, like(setting, scale=scale)
    run = setting.run(name, rate)
    demand(run.epochs >= 3 or random.random() < 0.2, "it diverged at once")
    limit, clipped = clipped_best(setting, name, rate)
    well = plain.run(name, rate, transforms=(ClipByGlobalNorm(limit),))
    demand(falls_short(run, clipped, most=first(well)), "clipping does not help")
    also = BY_ITS_START | (accompanied(run) if np.isfinite(level(run)) else frozenset())
    details = {**details, "optimizer": name, "rate": rate, "scale": scale, "clipped at": limit}
    return Planted(run, details, also, (clipped, well), first(well))


def recurrent_error(p: Any, batch: Any) -> Any:
    """The mean squared error of a rectified recurrent network that reads a sequence."""

    def step(h: Any, x: Any) -> tuple:
        return jax.nn.relu(h @ p["around"] + x[:, None] * p["in"] + p["bias"]), None

    h = jnp.zeros((batch["x"].shape[0], p["bias"].shape[0]))
    last, _ = jax.lax.scan(step, h, batch["x"].T)
    return jnp.mean((last @ p["out"] - batch["y"]) ** 2)


def recurrent(random: Random) -> Planted:
    """A recurrent network that is to add up a sequence: a small step of its weights is a large one of its output."""
    made, length = int(random.integers(8)), choose(random, (20, 30))
    draw = np.random.default_rng([made, length, 3])
    x = draw.uniform(0, 1, (100, length))
    y = x.sum(axis=1)
    data = {"x": np.float32(x), "y": np.float32((y - y.mean()) / y.std())}
    units = 8
    around = random.uniform(0.95, 1.05) * np.eye(units) + 0.02 * random.standard_normal((units, units))
    start = {
        "around": np.float32(around),
        "in": np.float32(0.3 * random.standard_normal(units)), "bias": np.zeros(units, np.float32),
        "out": np.float32(0.3 * random.standard_normal(units)),
    }  # fmt: skip
    name = choose(random, ("sgd", "momentum"))
    rate = between(random, 1e-3, 3e-2)
    made_of = st.Problem(start, recurrent_error, data, name="a sum over time")
    setting = Setting(made_of, int(random.integers(20, 50)), 20)
    run = setting.run(name, rate)
    limit, clipped = clipped_best(setting, name, rate)
    demand(falls_short(run, clipped), "clipping does not help")
    details = {"optimizer": name, "rate": rate, "length": length, "clipped at": limit}
    return Planted(run, details, siblings=(clipped,))
