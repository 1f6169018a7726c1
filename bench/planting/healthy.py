"""Healthy runs, of which a practitioner would say that they are fine: each is held to the best of a grid of rates."""

from typing import Any

import jax
import numpy as np

import steepest as st
from steepest import functions
from steepest.schedules import over_run

from .conditioning import logistic_error, plane_error
from .draws import Planted, Random, between, choose
from .minima import wave_error
from .oracles import HEALTHY, RATES, Setting, dead, demand, first, level, lowest_of, saturated, tuned
from .rates import good_rates
from .tables import problem, somewhere, usual


def held(run: st.Run, lowest: float) -> None:
    """Refuse what ends more than a small share above the lowest end known."""
    demand(np.isfinite(level(run)), "the run diverged")
    lowest = min(lowest, level(run))
    demand(level(run) - lowest <= HEALTHY * (first(run) - lowest), "it ends above the best of the grid")


def on_a_function(random: Random) -> Planted:
    """A function without trouble at a rate within a factor of two of the best of a grid."""
    setting, name, rates, details = good_rates(random)
    setting = setting._replace(epochs=2 * setting.epochs)
    grid = tuned(setting, name, rates)
    rate = grid.rate * between(random, 0.5, 2.0)
    run = setting.run(name, rate)
    held(run, min(grid.lowest, _known(setting.problem)))
    return Planted(run, {**details, "rate": rate})


def _known(of: Any) -> float:
    minima = getattr(of, "minima", ())
    return minima[0].value if minima else 0.0


def with_mild_noise(random: Random) -> Planted:
    """A function whose rows disagree a little, a few rows a step."""
    which = choose(random, ("booth", "matyas", "quadratic", "himmelblau"))
    plain = functions.find(which)()
    curvature = float(np.linalg.eigvalsh(np.asarray(jax.hessian(plain.value)(np.float32(plain.minima[0].at)))).max())
    start = np.array(plain.minima[0].at) + random.uniform(1, 2) * np.array([0.8, -0.6])
    name = choose(random, ("sgd", "momentum", "adam"))
    rate = {"sgd": random.uniform(0.2, 0.7) / curvature, "momentum": random.uniform(0.02, 0.1) / curvature}.get(
        name, between(random, 0.01, 0.03)
    )
    noise = between(random, 0.01, 0.3) * curvature
    surface = functions.find(which)(start=tuple(start.tolist()))
    noisy = functions.noisy(surface, "additive", noise, rows=128, seed=int(random.integers(1000)))
    setting = Setting(noisy, int(random.integers(25, 50)), choose(random, (4, 8, 16)), int(random.integers(4)))
    grid = tuned(setting, name, (rate / 3, rate, 3 * rate))
    run = setting.run(name, rate)
    held(run, min(grid.lowest, plain.minima[0].value))
    return Planted(run, {"surface": which, "optimizer": name, "rate": rate, "noise": noise})


def past_its_trouble(random: Random) -> Planted:
    """A surface that has troubles, and a run that came through to the lowest minimum."""
    names = ("rosenbrock", "beale", "six_hump_camel", "three_hump_camel", "branin", "rastrigin", "styblinski_tang",
             "bounded_saddle", "cliff", "sigmoid_well", "twin_network", "xor_network", "scalar_chain")  # fmt: skip
    which = choose(random, names)
    plain = functions.find(which)()
    low, high = np.array(plain.box).T
    if which in ("rosenbrock", "beale", "branin", "cliff"):
        start = low + (high - low) * random.uniform(0.2, 0.8, len(low))
    elif plain.minima:
        lowest = plain.minima[0].at
        start = np.array(lowest) + random.uniform(0.2, 0.5) * random.choice([-1, 1], len(lowest)) * (0.4 if which == (
            "rastrigin") else 1.0)  # fmt: skip
    else:
        start = random.uniform(0.3, 1.0, len(low)) * random.choice([-1, 1], len(low))
    surface = functions.find(which)(start=tuple(start.tolist()))
    name = choose(random, ("adam", "nadam", "rmsprop", "momentum"))
    rates = np.geomspace(3e-4, 3e-2, 5) if name == "momentum" else np.geomspace(3e-3, 0.3, 5)
    setting = Setting(surface, int(random.integers(600, 2000)))
    grid = tuned(setting, name, rates)
    rate = grid.rate * between(random, 0.5, 1.5)
    run = setting.run(name, rate)
    held(run, min(grid.lowest, plain.minima[0].value if plain.minima else 0.0))
    return Planted(run, {"surface": which, "optimizer": name, "rate": rate})


def with_a_falling_rate(random: Random) -> Planted:
    """A function whose rows disagree, with a rate that falls to 0 as theory asks."""
    which = choose(random, ("booth", "matyas", "himmelblau", "quadratic"))
    plain = functions.find(which)()
    curvature = float(np.linalg.eigvalsh(np.asarray(jax.hessian(plain.value)(np.float32(plain.minima[0].at)))).max())
    start = np.array(plain.minima[0].at) + random.uniform(1, 2) * np.array([-0.6, 0.8])
    surface = functions.find(which)(start=tuple(start.tolist()))
    noisy = functions.noisy(surface, "additive", between(random, 0.1, 1.0) * curvature, rows=128)
    epochs, batch = int(random.integers(25, 50)), choose(random, (4, 8))
    setting = Setting(noisy, epochs, batch, int(random.integers(4)))
    rate, shape = random.uniform(0.3, 0.9) / curvature, choose(random, ("cosine", "linear", "polynomial"))
    run = setting.run("sgd", over_run(shape, rate, epochs * 128 // batch))
    held(run, plain.minima[0].value)
    return Planted(run, {"surface": which, "optimizer": "sgd", "rate": rate, "schedule": shape})


def own_model(random: Random) -> Planted:
    """A wave or a plane fitted to data by a loss of one's own, from a start that is near enough."""
    if random.random() < 0.5:
        x = np.sort(random.uniform(-4, 4, 80))
        true = random.uniform(1.0, 2.5), random.uniform(-1, 1)
        y = np.sin(true[0] * x + true[1]) + 0.1 * random.standard_normal(80)
        start: Any = np.float32([true[0] + random.uniform(-0.2, 0.2), random.uniform(-0.5, 0.5), 0.7])
        loss: Any = wave_error
    else:
        x, way = random.standard_normal((80, 5)), random.standard_normal(5)
        y = x @ way + random.uniform(0.1, 0.5) * random.standard_normal(80)
        start, loss = {"weights": np.zeros(5, np.float32), "bias": np.float32(0)}, plane_error
        if random.random() < 0.5:
            y, loss = y > 0, logistic_error
    problem_ = st.Problem(start, loss, {"x": np.float32(x), "y": np.float32(y)}, name="a model of one's own")
    name = choose(random, ("adam", "sgd", "momentum", "rmsprop"))
    setting = Setting(problem_, int(random.integers(200, 500)), choose(random, (16, "all")), int(random.integers(4)))
    rates = np.geomspace(0.01, 0.3, 4) * (1.0 if name == "sgd" else 0.2)
    grid = tuned(setting, name, rates)
    rate = grid.rate * between(random, 0.6, 1.5)
    run = setting.run(name, rate)
    held(run, min(grid.lowest, tuned(setting, "adam", (0.01, 0.03)).lowest))
    return Planted(run, {"optimizer": name, "rate": rate, "loss": loss.__name__})


def at_the_edge(random: Random) -> Planted:
    """Gradient descent on all rows at the edge of stability: it oscillates while its loss goes on falling."""
    setting, details = somewhere(random, ("tanh", "relu"), (1, 3))
    demand(setting.batch_size == "all", "it is not on all rows")
    grid = tuned(setting, "sgd", np.geomspace(0.03, 3, 6))
    rate = grid.rate
    run = setting.run("sgd", rate)
    told = run.curves["train_loss"].to_numpy()
    rises = float(np.mean(np.diff(told) > 0))
    demand(0.02 < rises < 0.5, "it does not oscillate")
    held(run, min(grid.lowest, lowest_of(setting)))
    return Planted(run, {**details, "optimizer": "sgd", "rate": rate, "rises": rises})


def network(random: Random) -> Planted:
    """A network of the usual start at a rate within a factor of three of the best, stopped early or not."""
    setting, details = somewhere(random, ("relu", "tanh", "gelu", "leaky_relu"), (1, 2, 3))
    name, good, grid = usual(random, setting)
    rate = good * between(random, 1 / 3, 2.0)
    patience = choose(random, (None, 10))
    run = setting.run(name, rate, patience=patience)
    held_with_patience(run, setting, name, rate, min(grid.lowest, lowest_of(setting)))
    return Planted(run, {**details, "optimizer": name, "rate": rate, "patience": patience})


def held_with_patience(run: st.Run, setting: Setting, name: str, rate: float, lowest: float) -> None:
    """As ``held``; a run that early stopping ended is held to what it watches, the validation loss."""
    if run.status != "stopped":
        held(run, lowest)
    else:
        go_on = setting.run(name, rate)
        gain = run.curves["validation_loss"][0] - go_on.best_loss
        demand(run.best_loss - go_on.best_loss <= HEALTHY * gain, "it was stopped too early")
        demand(level(run) - lowest <= 0.1 * (first(run) - lowest), "it ends above the best of the grid")
    demand(max(dead(run, run.last)) < 0.5 and max(saturated(run, run.last)) < 0.5, "units are dead or saturated")


def with_a_schedule(random: Random) -> Planted:
    """The same with a rate that falls, or rises first."""
    setting, details = somewhere(random, ("relu", "tanh"), (1, 3))
    name, good, grid = usual(random, setting)
    rows = setting.problem.instances([setting.seed])[0].rows
    batch = rows if setting.batch_size == "all" else setting.batch_size
    steps = setting.epochs * -(-rows // batch)
    shape, warmup = choose(random, ("cosine", "linear", "constant")), choose(random, (0, max(1, steps // 20)))
    run = setting.run(name, over_run(shape, good, steps, warmup=warmup))
    held_with_patience(run, setting, name, good, min(grid.lowest, lowest_of(setting)))
    return Planted(run, {**details, "optimizer": name, "rate": good, "schedule": shape, "warmup": warmup})


def going_on(random: Random) -> Planted:
    """A warm start that does as well as a fresh one: trained half way on the same table, then on."""
    setting, details = somewhere(random, ("relu", "tanh"), (1, 3))
    name, good, grid = usual(random, setting)
    half = setting._replace(epochs=max(2, setting.epochs // 4)).run(name, good)
    run = setting._replace(start=jax.tree.map(np.asarray, half.last)).run(name, good)
    demand(np.isfinite(level(run)), "the run diverged")
    lowest = min(grid.lowest, level(run))
    demand(level(run) - lowest <= HEALTHY * (first(half) - lowest), "it ends above the best of the grid")
    demand(max(dead(run, run.last)) < 0.5, "units are dead")
    return Planted(run, {**details, "optimizer": name, "rate": good}, siblings=(half,))


def regression_without_hidden_units(random: Random) -> Planted:
    """Linear or logistic regression."""
    name = choose(random, ("iris", "wine", "breast-cancer", "clusters", "plane", "overlapping"))
    seed = int(random.integers(4)) if name in ("clusters", "plane", "overlapping") else 0
    setting = Setting(problem(name, (), "linear", seed=seed), choose(random, (60, 100)), 16, int(random.integers(3)))
    method = choose(random, tuple(RATES))
    grid = tuned(setting, method, RATES[method])
    rate = grid.rate * between(random, 1 / 3, 1.0)
    run = setting.run(method, rate)
    held(run, min(grid.lowest, tuned(setting, "adam", RATES["adam"]).lowest))
    return Planted(run, {"table": name, "optimizer": method, "rate": rate})


MAKERS = {
    "function": (on_a_function, with_mild_noise, past_its_trouble, own_model, with_a_falling_rate),
    "network": (network, regression_without_hidden_units, at_the_edge, with_a_schedule, network, going_on),
}
