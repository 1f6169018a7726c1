"""Runs that no rate makes quick, since the loss is steep one way and flat another."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st
from steepest import functions

from .draws import Planted, Random, between, choose, constant, hessian, own, rotation
from .oracles import Setting, demand, falls_short, first, left, spectrum, tuned
from .tables import problem


def best_rate(setting: Setting, name: str, rates: Any) -> tuple[float, float, st.Run]:
    """The rate of a grid that ends lowest, its end, and its run."""
    grid = tuned(setting, name, rates)
    demand(np.isfinite(grid.lowest), "all diverged")
    return grid.rate, grid.lowest, setting.run(name, grid.rate)


def ravine(random: Random) -> Planted:
    """A bowl of a large condition number, begun with as much to gain along every axis of it."""
    n, condition = int(random.integers(2, 11)), between(random, 1e3, 1e6)
    spread = np.geomspace(1.0, condition, n)
    name = choose(random, ("sgd", "momentum", "nesterov", "adam", "rmsprop"))
    adaptive = name in ("adam", "rmsprop")
    basis = rotation(random, n, 1.0 if adaptive else 0.7)
    start = basis @ (random.choice([-1, 1], n) / np.sqrt(spread))
    epochs = int(random.integers(100, 400))

    def value(p: Any) -> Any:
        return jnp.sum(constant(spread, p) * (constant(basis.T, p) @ p) ** 2) / 2

    setting = Setting(own("a ravine", start, value), epochs)
    curved = np.array([0.1, 0.3, 0.7, 1.0, 1.5, 1.9])
    rates = np.geomspace(1e-4, 0.1, 7) if adaptive else curved / condition * (1.0 if name == "sgd" else 1.5)
    rate, lowest, run = best_rate(setting, name, rates)
    demand(lowest >= 0.2 * first(run), "the best rate is quick enough")
    round_bowl = own("a round bowl", np.sign(start), lambda p: jnp.sum(p**2) / 2)
    quick = tuned(setting._replace(problem=round_bowl), name, (0.03, 0.1, 0.3))
    demand(quick.lowest <= 0.02 * len(start) / 2, "a round bowl is slow, too")
    return Planted(run, {"optimizer": name, "rate": rate, "dimensions": n, "condition": condition})


def banana(random: Random) -> Planted:
    """Rosenbrock's valley, begun on its floor."""
    x = -random.uniform(0.4, 1.4)
    name = choose(random, ("sgd", "momentum", "nesterov"))
    setting = Setting(functions.rosenbrock(start=(x, x**2)), int(random.integers(60, 250)))
    rates = np.array([0.1, 0.3, 0.7, 1.0, 1.5]) * 1e-3 * (1.0 if name == "sgd" else 0.5)
    rate, lowest, run = best_rate(setting, name, rates)
    demand(lowest >= 0.2 * first(run), "the best rate is quick enough")
    values = spectrum(run, run.last)[0]
    demand(values[-1] >= 100 * np.abs(values[0]), "it is not badly conditioned where it ended")
    demand(_newton(setting.problem, (x, x**2), 30) <= 1e-3, "Newton's method is slow, too")
    return Planted(run, {"optimizer": name, "rate": rate, "start": x})


def _newton(surface: Any, start: Any, steps: int) -> float:
    """Where Newton's method with halved steps ends."""
    p = np.array(start, float)
    for _ in range(steps):
        gradient = np.asarray(jax.grad(surface.value)(jnp.asarray(p, jnp.float32)), float)
        move = np.linalg.solve(hessian(surface, p) + 1e-6 * np.eye(len(p)), gradient)
        here, share = float(surface.value(jnp.asarray(p, jnp.float32))), 1.0
        while float(surface.value(jnp.asarray(p - share * move, jnp.float32))) > here and share > 1e-4:
            share /= 2
        p = p - share * move
    return float(surface.value(jnp.asarray(p, jnp.float32)))


# --- of networks


def powers_of_one_column(random: Random) -> Planted:
    """Linear regression on powers of one number, all but the same column: standardising does not help."""
    units = choose(random, ((), (), (8,)))
    setting = Setting(problem("powers", units, "linear", seed=int(random.integers(12)), parts=0.2), 300, "all")
    setting = setting._replace(seed=int(random.integers(3)), epochs=choose(random, (200, 400)))
    name = choose(random, ("sgd", "momentum", "nesterov"))
    rates = np.geomspace(0.01, 0.6, 7) * (1.0 if name == "sgd" else 0.2)
    grid = tuned(setting, name, rates)
    run = setting.run(name, grid.rate)
    demand(np.isfinite(grid.lowest), "all diverged")
    lowest = _least_squares(setting)
    demand(left(run, lowest) >= 0.1, "it is quick enough")
    values = np.abs(spectrum(run, run.last)[0])
    condition = float(values.max() / np.median(values))
    demand(condition >= 100, "it is well conditioned")
    return Planted(run, {"hidden": units, "optimizer": name, "rate": grid.rate, "condition": condition})


def _least_squares(setting: Setting) -> float:
    (instance,) = setting.problem.instances([setting.seed])
    x, y = (np.asarray(part, float) for part in instance.train[:2])
    x = np.column_stack([x, np.ones(len(x))])
    fitted = np.linalg.lstsq(x, y.reshape(len(y)), rcond=None)[0]
    return float(np.mean((x @ fitted - y.reshape(len(y))) ** 2))


def columns_of_many_sizes(random: Random) -> Planted:
    """Regression or classification on columns as they come, of very different sizes."""
    made, logistic = int(random.integers(12)), bool(random.integers(2))
    draw = np.random.default_rng([made, 9])
    x, way = draw.standard_normal((150, 6)), draw.standard_normal(6)
    told = x @ way + 0.1 * draw.standard_normal(150)
    sizes = np.geomspace(1, between(random, 30, 1000), 6)
    random.shuffle(sizes)
    y = np.float32(told > 0) if logistic else np.float32(told / told.std())
    loss = logistic_error if logistic else plane_error
    start = {"weights": np.zeros(6, np.float32), "bias": np.float32(0)}
    raw = st.Problem(start, loss, {"x": np.float32(x * sizes), "y": y}, name="columns as they come")
    scaled = st.Problem(start, loss, {"x": np.float32(x), "y": y}, name="standardised columns")
    name = choose(random, ("sgd", "momentum", "nesterov"))
    setting = Setting(raw, choose(random, (50, 100)), choose(random, (30, "all")))
    curved = 0.25 * np.mean((x * sizes) ** 2) * 6 if logistic else 2 * np.mean((x * sizes) ** 2) * 6
    rates = np.geomspace(0.03, 3, 7) / curved * (1.0 if name == "sgd" else 0.2)
    grid = tuned(setting, name, rates)
    demand(np.isfinite(grid.lowest), "all diverged")
    run = setting.run(name, grid.rate)
    well = setting._replace(problem=scaled)
    quick = tuned(well, name, np.geomspace(0.01, 3, 6))
    well_run = well.run(name, quick.rate)
    demand(falls_short(run, well_run), "standardised columns are no better")
    details = {"optimizer": name, "rate": grid.rate, "sizes": sizes.tolist(), "logistic": logistic}
    return Planted(run, details, siblings=(well_run,))


def plane_error(p: Any, batch: Any) -> Any:
    """The mean squared error of a linear output."""
    return jnp.mean((batch["x"] @ p["weights"] + p["bias"] - batch["y"]) ** 2)


def logistic_error(p: Any, batch: Any) -> Any:
    """The mean cross-entropy of a logistic output."""
    z = batch["x"] @ p["weights"] + p["bias"]
    return jnp.mean(jnp.logaddexp(z, 0.0) - batch["y"] * z)
