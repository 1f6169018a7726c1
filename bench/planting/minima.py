"""Runs that end in a local minimum which others avoid."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

import steepest as st
from steepest import functions

from .draws import Planted, Random, between, choose, constant, direction, hessian, own
from .oracles import (
    TROUBLED,
    Refused,
    Setting,
    demand,
    first,
    height,
    level,
    slopes,
    spectrum,
)
from .tables import (
    fresh,
)


def checked_minimum(run: st.Run, lowest: float) -> dict[str, Any]:
    """Refuse what did not settle in a minimum, or in one not far above the lowest loss known."""
    demand(np.isfinite(level(run)), "the run diverged")
    values, vectors = spectrum(run, run.last)
    demand(values[0] > 1e-6 * values[-1] and values[-1] > 0, "the Hessian is not positive definite")
    gradient = vectors.T @ np.concatenate([leaf.ravel() for leaf in slopes(run, run.last)]).astype(float)
    to_gain = float(np.sum(gradient**2 / values) / 2)
    above = height(run, run.last) - lowest
    demand(above > 0 and to_gain <= 1e-2 * above, "it has not settled")
    demand(above >= TROUBLED * (first(run) - lowest), "it is not far above")
    return {"above": above, "lowest eigenvalue": float(values[0]), "highest": float(values[-1])}


def other_minimum_of_a_surface(random: Random) -> Planted:
    """A named surface with several minima, from a start that the slope leads to a high one of."""
    which = choose(random, ("rastrigin", "styblinski_tang", "six_hump_camel", "three_hump_camel", "goldstein_price"))
    many = {"dimensions": int(random.integers(1, 5))} if which in ("rastrigin", "styblinski_tang") else {}
    plain = functions.find(which)(**many)
    start = tuple(float(one) for one in random.uniform(*np.array(plain.box).T))
    surface = functions.find(which)(start=start, **many)
    curvature = np.linalg.eigvalsh(hessian(plain, plain.minima[0].at))[-1]
    name = choose(random, ("sgd", "momentum", "adam", "nesterov"))
    rate = between(random, 0.005, 0.05) if name == "adam" else between(random, 0.05, 0.4) / curvature * (
        1.0 if name == "sgd" else 0.2
    )  # fmt: skip
    run = Setting(surface, int(random.integers(300, 1000))).run(name, rate)
    found = checked_minimum(run, surface.minima[0].value)
    return Planted(run, {"optimizer": name, "rate": rate, "surface": which, **many, **found})


def shallow_well(random: Random) -> Planted:
    """A wide bowl with wells in it, of which the one that the run begins beside is shallow."""
    n, count = int(random.integers(2, 6)), int(random.integers(2, 5))
    centres = random.uniform(-3, 3, (count, n))
    depths = np.array([random.uniform(4, 8), *random.uniform(0.8, 2.0, count - 1)])
    widths = random.uniform(0.5, 0.9, count)

    def value(p: Any) -> Any:
        square = jnp.sum((p - constant(centres, p)) ** 2, axis=1) / (2 * constant(widths, p) ** 2)
        return 0.05 * jnp.sum(p**2) - jnp.sum(constant(depths, p) * jnp.exp(-square))

    start = centres[1] + 0.7 * widths[1] * direction(random, n)
    name = choose(random, ("sgd", "momentum", "adam", "nadam"))
    rate = {"sgd": between(random, 0.02, 0.15), "momentum": between(random, 0.004, 0.03)}.get(
        name, between(random, 0.005, 0.03)
    )
    problem = own("wells", start, value)
    run = Setting(problem, int(random.integers(400, 900))).run(name, rate)
    deep = Setting(problem, 500, start=np.float32(centres[0])).run("adam", 0.01)
    found = checked_minimum(run, level(deep))
    return Planted(run, {"optimizer": name, "rate": rate, "dimensions": n, "wells": count, **found}, siblings=(deep,))


def wrong_frequency(random: Random) -> Planted:
    """A wave fitted to samples of one, begun at another frequency: one minimum a side lobe."""
    x = np.sort(random.uniform(-4, 4, 80))
    true = random.uniform(1.5, 3.0), random.uniform(-1, 1)
    y = np.sin(true[0] * x + true[1]) + 0.05 * random.standard_normal(80)
    data = {"x": np.float32(x), "y": np.float32(y)}

    name = choose(random, ("adam", "momentum", "sgd"))
    rate = {"sgd": between(random, 0.01, 0.06), "momentum": between(random, 0.003, 0.01)}.get(
        name, between(random, 0.01, 0.05)
    )
    begin = np.float32([true[0] * random.uniform(1.6, 2.6), random.uniform(-2, 2), random.uniform(0.3, 1.0)])
    problem = st.Problem(init=begin, loss=wave_error, data=data, name="a wave's frequency")
    setting = Setting(problem, 1500, "all")
    run = setting.run(name, rate)
    right = setting._replace(start=np.float32([*true, 1.0])).run(name, rate)
    found = checked_minimum(run, level(right))
    return Planted(run, {"optimizer": name, "rate": rate, "frequency": true[0], **found}, siblings=(right,))


def wave_error(p: Any, batch: Any) -> Any:
    """The mean squared error of p[2] sin(p[0] x + p[1])."""
    return jnp.mean((p[2] * jnp.sin(p[0] * batch["x"] + p[1]) - batch["y"]) ** 2)


# --- of networks


@functools.lru_cache(maxsize=64)
def _few(kind: str, units: int, seed: int) -> Any:
    """So many units for twice as many features of one column: which of them they fit depends on where they begin."""
    random = np.random.default_rng([seed, units, 11])
    x = np.sort(random.uniform(-2, 2, 80))
    bumps = 2 if kind == "tanh" else 2 * units
    centres = np.linspace(-1.5, 1.5, bumps) * random.uniform(0.7, 1) + random.uniform(-0.1, 0.1, bumps)
    heights = random.permutation(np.geomspace(0.3 if kind != "tanh" else random.uniform(0.6, 0.8), 1.5, bumps))
    sharpness = random.uniform(3, 6) if kind == "tanh" else random.uniform(8, 14)
    y = np.exp(-((x[:, None] - centres) ** 2) * sharpness) @ heights + 0.03 * random.standard_normal(80)
    if kind == "tanh":
        frame = pl.DataFrame({"x": x, "target": y})
        return st.network(st.read(frame, target="target"), (2,), activation="tanh", validation=0, test=0)
    data = {"x": np.float32(x), "y": np.float32(y)}
    return st.Problem(functools.partial(_bumps, units), bumps_error, data, name="bumps")


def _bumps(units: int, key: jax.Array) -> dict[str, jax.Array]:
    """Bumps at random places."""
    places, sizes = jax.random.split(key)
    return {
        "centres": jax.random.uniform(places, (units,), minval=-2.0, maxval=2.0),
        "heights": jax.random.uniform(sizes, (units,), minval=0.2, maxval=1.0),
    }


def bumps_error(p: Any, batch: Any) -> Any:
    """The mean squared error of a sum of bumps of fixed width."""
    told = jnp.exp(-((batch["x"][:, None] - p["centres"]) ** 2) * 12) @ p["heights"]
    return jnp.mean((told - batch["y"]) ** 2)


def minimum_of_few_units(random: Random, kind: str = "tanh") -> Planted:
    """A network just large enough, from a seed whose slope leads to a minimum that others avoid."""
    made, units = int(random.integers(12)), int(random.integers(2, 4))
    small = _few(kind, units, made)
    name = choose(random, ("adam", "momentum", "nadam"))
    rate = between(random, 0.01, 0.03) if name != "momentum" else between(random, 0.02, 0.1)
    runs = [_somewhere_biased(Setting(small, 3000, "all", int(seed)), kind).run(name, rate)
            for seed in random.permutation(40)[:8]]  # fmt: skip
    best = min(runs, key=level)
    for run in runs:
        try:
            found = checked_minimum(run, level(best))
        except Refused as refused:
            reason = refused
            continue
        details = {"units": units, "optimizer": name, "rate": rate, "seed": run.seed, "of": kind, **found}
        return Planted(run, details, siblings=(best,))
    raise reason


def _somewhere_biased(setting: Setting, kind: str) -> Setting:
    """The setting with a start of tanh units that rise and fall again at some place along the column."""
    if kind != "tanh":
        return setting
    layer, last = fresh(setting)
    random = np.random.default_rng(setting.seed)
    place, wide = random.uniform(-1.6, 1.6), random.uniform(0.2, 0.5)
    steep = np.float32(random.uniform(3, 6, (1, 2)))
    biases = np.float32(-steep[0] * (place + wide * np.array([-1, 1])))
    heights = np.float32([[random.uniform(0.3, 1.5)], [-random.uniform(0.3, 1.5)]])
    return setting._replace(start=(layer._replace(weights=steep, biases=biases), last._replace(weights=heights)))


def minimum_of_few_bumps(random: Random) -> Planted:
    """The same of radial units."""
    return minimum_of_few_units(random, "bumps")
