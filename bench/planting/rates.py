"""Runs whose gradient is noisy, and runs at a wrong rate."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest import functions

from .draws import Planted, Random, between, choose, constant, direction, hessian, own
from .oracles import Setting, demand, falls_short, level, tuned
from .tables import MADE, accompanied, problem, somewhere, usual


def noisy_rows(random: Random) -> Planted:
    """A function whose rows disagree, a few rows a step at a rate that suits all of them together."""
    which = choose(random, ("booth", "matyas", "quadratic", "styblinski_tang", "himmelblau"))
    if which == "quadratic":
        n = int(random.integers(2, 7))
        surface = functions.quadratic(between(random, 1, 20), dimensions=n, rotated=bool(random.integers(2)))
        curvature = float(np.linalg.eigvalsh(hessian(surface, (0.0,) * n))[-1])
    else:
        surface = functions.find(which)()
        at = surface.minima[0].at
        start = np.array(at) + 1.5 * direction(random, 2)
        surface = functions.find(which)(start=tuple(start.tolist()))
        curvature = float(np.linalg.eigvalsh(hessian(surface, at))[-1])
    name = choose(random, ("sgd", "sgd", "momentum", "adam", "rmsprop"))
    rate = {"sgd": random.uniform(0.3, 1.0) / curvature, "momentum": random.uniform(0.05, 0.2) / curvature}.get(
        name, between(random, 0.05, 0.3)
    )
    noise = between(random, 1.0, 30.0) * curvature
    rows, batch = choose(random, (64, 128)), choose(random, (1, 2, 4))
    problem = functions.noisy(surface, "additive", noise, rows=rows, seed=int(random.integers(1000)))
    setting = Setting(problem, int(random.integers(15, 40)), batch, seed=int(random.integers(4)))
    made = checked_noise(setting, name, rate)
    return made._replace(details={**made.details, "surface": which, "noise": noise})


def checked_noise(setting: Setting, name: str, rate: float) -> Planted:
    """Refuse what does not end far lower when each of as many steps sees all rows."""
    run = setting.run(name, rate)
    demand(np.isfinite(level(run)), "the run diverged")
    steps = run.steps // run.epochs
    exact = setting._replace(batch_size="all", epochs=setting.epochs * steps).run(name, rate)
    demand(falls_short(run, exact), "all rows at once are no better")
    return Planted(run, {"optimizer": name, "rate": rate, "batch": setting.batch_size}, siblings=(exact,))


def good_rates(random: Random) -> tuple[Setting, str, Any, dict[str, Any]]:
    """A function without other trouble, an optimizer, and a grid of rates with good ones in it."""
    which = choose(random, ("booth", "matyas", "quadratic", "logcosh", "styblinski_tang", "himmelblau", "sphere"))
    n = int(random.integers(2, 9))
    if which == "quadratic":
        surface: Any = functions.quadratic(between(random, 1, 30), dimensions=n, rotated=bool(random.integers(2)))
        curvature = float(np.linalg.eigvalsh(hessian(surface, (0.0,) * n))[-1])
    elif which in ("logcosh", "sphere"):
        start, factors = random.uniform(-3, 3, n), random.uniform(0.5, 3, n)
        surface = own(which, start, _log_cosh(factors) if which == "logcosh" else _sphere(factors))
        curvature = float((factors**2).max())
    else:
        plain = functions.find(which)()
        start = np.array(plain.minima[0].at) + random.uniform(0.5, 2.0) * direction(random, 2)
        surface = functions.find(which)(start=tuple(start.tolist()))
        curvature = float(np.linalg.eigvalsh(hessian(plain, plain.minima[0].at))[-1])
    name = choose(random, ("sgd", "momentum", "nesterov", "adam", "rmsprop", "nadam"))
    usual = np.geomspace(0.03, 1.5, 5) / curvature * (1.0 if name == "sgd" else 0.3)
    rates = np.geomspace(3e-3, 0.3, 5) if name in ("adam", "rmsprop", "nadam") else usual
    setting = Setting(surface, int(random.integers(150, 400)))
    return setting, name, rates, {"surface": which, "optimizer": name, "dimensions": n}


def _log_cosh(factors: np.ndarray) -> Any:
    return lambda p: jnp.sum(jnp.logaddexp(constant(factors, p) * p, -constant(factors, p) * p) - math.log(2))


def _sphere(factors: np.ndarray) -> Any:
    return lambda p: jnp.sum((constant(factors, p) * p) ** 2) / 2


def slow_rate_of_a_function(random: Random) -> Planted:
    """A good rate divided by tens to thousands."""
    setting, name, rates, details = good_rates(random)
    grid = tuned(setting, name, rates)
    demand(np.isfinite(grid.lowest), "all diverged")
    rate = grid.rate / between(random, 30, 2000)
    run, larger = setting.run(name, rate), setting.run(name, 30 * rate)
    demand(falls_short(run, larger, grid.lowest, at_least=0.3), "thirty times the rate is no better")
    return Planted(run, {**details, "rate": rate, "good rate": grid.rate}, siblings=(larger,))


def fast_rate_of_a_function(random: Random) -> Planted:
    """A good rate multiplied by a few to hundreds."""
    setting, name, rates, details = good_rates(random)
    grid = tuned(setting, name, rates)
    demand(np.isfinite(grid.lowest), "all diverged")
    rate = grid.rate * between(random, 3, 300)
    run, smaller = setting.run(name, rate), setting.run(name, grid.rate)
    demand(falls_short(run, smaller), "the good rate is no better")
    # Runs that do not diverge are harder to tell, and rarer where the rate is drawn blindly.
    demand(run.status != "diverged" or random.random() < 0.4, "it diverged, as too many do")
    demand(not any(falls_short(run, setting.run(name, rate * more)) for more in (3, 10)), "a larger one is better yet")
    return Planted(run, {**details, "rate": rate, "good rate": grid.rate}, siblings=(smaller,))


# --- of networks


def few_rows_a_step(random: Random) -> Planted:
    """A row or a few a step of a table whose rows disagree, at a rate that suits all of them together."""
    name = choose(random, ("diabetes", "plane", "overlapping"))
    units = choose(random, ((), (16,)))
    seed = int(random.integers(4)) if name in MADE else 0
    activation = choose(random, ("relu", "tanh")) if units else "linear"
    batch = choose(random, (1, 2, 4))
    made = st_without_parts(name, units, activation, seed)
    method = choose(random, ("sgd", "momentum", "adam", "rmsprop"))
    low, high = {"sgd": (0.02, 0.2), "momentum": (0.003, 0.03)}.get(method, (0.02, 0.2))
    setting = Setting(made, 15, batch, int(random.integers(3)))
    planted = checked_noise(setting, method, between(random, low, high))
    details = {**planted.details, "table": name, "hidden": units, "activation": activation}
    return planted._replace(details=details)


def st_without_parts(name: str, units: tuple[int, ...], activation: str, seed: int) -> Any:
    """A network on a whole table."""
    return problem(name, units, activation, seed=seed, parts=0.0)


def slow_rate_of_a_network(random: Random) -> Planted:
    """A good rate divided by tens to thousands."""
    setting, details = somewhere(random)
    name, good, grid = usual(random, setting)
    rate = good / between(random, 30, 1000)
    run, larger = setting.run(name, rate), setting.run(name, 30 * rate)
    demand(falls_short(run, larger, grid.lowest, at_least=0.3), "thirty times the rate is no better")
    return Planted(run, {**details, "optimizer": name, "rate": rate, "good rate": good}, siblings=(larger,))


def fast_rate_of_a_network(random: Random) -> Planted:
    """A good rate multiplied by ten to thousands."""
    setting, details = somewhere(random)
    name, good, _ = usual(random, setting)
    rate = good * between(random, 10, 1000)
    run, smaller = setting.run(name, rate), setting.run(name, good)
    demand(falls_short(run, smaller), "the good rate is no better")
    # Runs that do not diverge are harder to tell, and rarer where the rate is drawn blindly.
    demand(run.status != "diverged" or random.random() < 0.4, "it diverged, as too many do")
    also = accompanied(run) if np.isfinite(level(run)) else frozenset()
    return Planted(run, {**details, "optimizer": name, "rate": rate, "good rate": good}, also, (smaller,))
