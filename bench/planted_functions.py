"""Planted troubles of functions: each maker draws its parameters and refuses a draw that does not have the trouble."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st
from oracles import (
    TROUBLED,
    Setting,
    begun,
    demand,
    distance,
    falls_short,
    first,
    height,
    left,
    level,
    moved,
    size,
    slopes,
    spectrum,
    tuned,
)
from steepest import functions
from steepest.gradients import ClipByGlobalNorm

Random = np.random.Generator


class Planted(NamedTuple):
    """A run that has the trouble.

    details: the parameters that were drawn.  also: what necessarily comes along.  siblings: other runs of the problem.
    most: what there is to gain at most, as in ``falls_short``.
    """

    run: st.Run
    details: dict[str, Any]
    also: frozenset[str] = frozenset()
    siblings: tuple[st.Run, ...] = ()
    most: float = math.inf


def choose(random: Random, options: Any) -> Any:
    """One of some, all alike."""
    return options[int(random.integers(len(options)))]


def between(random: Random, low: float, high: float) -> float:
    """Log-uniform between two positive numbers."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def rotation(random: Random, n: int, chance: float = 0.5) -> np.ndarray:
    """A random orthogonal matrix, or the identity."""
    if n == 1 or random.random() > chance:
        return np.eye(n)
    return np.linalg.qr(random.standard_normal((n, n)))[0]


def _like(constant: Any, p: Any) -> Any:
    """A constant in the precision of the parameters."""
    return jnp.asarray(constant, p.dtype)


def own(name: str, start: Any, value: Any) -> st.Problem:
    """A loss of a vector, begun at a point."""
    return st.Problem(init=np.asarray(start, np.float32), loss=value, name=name)


# --- saddles


def until_flat(setting: Setting, name: str, rate: float, longest: int, **knobs: float) -> st.Run:
    """The run, ended where its loss stands most nearly still before it has fallen: by a saddle, where there is one."""
    whole = setting._replace(epochs=longest).run(name, rate, **knobs)
    losses = whole.curves["train_loss"].to_numpy()[1:]
    width = max(3, longest // 20)
    change = np.abs(losses[width:] - losses[:-width])
    high = losses[width:] >= losses[-1] + TROUBLED * (losses[0] - losses[-1])
    at = int(np.argmin(np.where(high, change, np.inf)))
    if not high.any() or change[at] >= 0.2 * change[at:].max():  # it has not fallen from there
        return whole
    return setting._replace(epochs=max(at + width, 40)).run(name, rate, **knobs)


def checked_saddle(
    setting: Setting, run: st.Run, name: str, rate: float, steep: float
) -> tuple[st.Run, dict[str, Any]]:
    """Refuse what did not end by a saddle that leads far down.  steep: the gradient's norm elsewhere.

    Returns a run from beside it that fell far, and what was found.
    """
    demand(np.isfinite(level(run)), "the run diverged")
    slope = size(slopes(run, run.last))
    demand(slope <= 1e-2 * steep, "the gradient is not small")
    values, vectors = spectrum(run, run.last)
    demand(values[0] < -0.01 * max(values[-1], 0.0) and values[0] < 0, "no eigenvalue is clearly negative")
    scale = max(1.0, distance(run.last, jax.tree.map(np.zeros_like, run.last)))
    ends = []
    for sign in (1, -1):
        beside = moved(run.last, vectors[:, 0], 0.1 * sign * scale)
        ends.append(setting._replace(start=beside, epochs=max(4 * setting.epochs, 300)).run(name, rate))
    away = min(ends, key=level)
    lowest = min(level(away), level(run))
    demand(level(run) - lowest >= TROUBLED * (max(first(run), level(run)) - lowest), "little is to be gained below")
    demand(level(run) - lowest > 1e-6 * (1 + abs(level(run))), "nothing is to be gained below")
    return away, {"lowest eigenvalue": float(values[0]), "highest": float(values[-1]), "gradient": slope}


def saddle_between_wells(random: Random) -> Planted:
    """A sum of bowls and of double wells, begun a hair's breadth beside the ridge."""
    n = int(random.integers(2, 7))
    wells = int(random.integers(1, n))
    up, down = random.uniform(1, 4, n - wells), random.uniform(0.4, 0.9, wells)
    basis = rotation(random, n)
    tiny = 10 ** -random.uniform(6, 8, wells) * random.choice([-1, 1], wells)
    start = basis @ np.concatenate([tiny, random.choice([-1, 1], n - wells) * random.uniform(0.5, 1.5, n - wells)])

    def value(p: Any) -> Any:
        z = _like(basis.T, p) @ p
        low, high = z[:wells], z[wells:]
        return jnp.sum(_like(down, p) * (low**4 / 4 - low**2 / 2)) + jnp.sum(_like(up, p) * high**2) / 2

    name = choose(random, ("sgd", "momentum", "nesterov"))
    rate = (random.uniform(0.1, 0.6) if name == "sgd" else random.uniform(0.01, 0.08)) / float(up.max())
    setting = Setting(own("double wells", start, value), 300)
    run = until_flat(setting, name, rate, 250 if name == "sgd" else 500)
    away, found = checked_saddle(setting, run, name, rate, size(slopes(run, begun(run))))
    return Planted(run, {"optimizer": name, "rate": rate, "dimensions": n, "wells": wells, **found}, siblings=(away,))


def saddle_at_the_divide(random: Random) -> Planted:
    """A named surface, begun on the line between what flows to one minimum and what flows to another."""
    which = choose(random, ("himmelblau", "styblinski_tang", "six_hump_camel", "three_hump_camel", "branin"))
    plain = functions.find(which)()
    low, high = np.array(plain.box).T
    a, b = (random.uniform(low, high) * 0.8 + 0.1 * (low + high) for _ in "ab")
    at_minima = [np.linalg.eigvalsh(_dense(plain, point.at))[-1] for point in plain.minima]
    name = choose(random, ("sgd", "momentum", "adam", "rmsprop"))
    rate = {
        "sgd": random.uniform(0.1, 0.5) / max(at_minima), "momentum": random.uniform(0.02, 0.1) / max(at_minima),
    }.get(name, between(random, 0.005, 0.02))  # fmt: skip
    surface = st.Problem(init=lambda key: jnp.zeros(2), loss=plain.value, name=which)

    def ended(share: float) -> tuple[np.ndarray, int]:
        run = Setting(surface, 400, start=np.float32((1 - share) * a + share * b)).run(name, rate)
        near = [float(np.linalg.norm(np.asarray(run.last) - point.at)) for point in plain.minima]
        return run.last, int(np.argmin(near)) if np.isfinite(near).all() else -1

    ends, shares = (ended(0.0)[1], ended(1.0)[1]), [0.0, 1.0]
    demand(-1 not in ends and ends[0] != ends[1], "both starts flow to one minimum")
    for _ in range(26):
        middle = sum(shares) / 2
        shares[int(ended(middle)[1] != ends[0])] = middle
    start = np.float32((1 - shares[0]) * a + shares[0] * b)
    setting = Setting(surface, 400, start=start)
    run = until_flat(setting, name, rate, 400)
    away, found = checked_saddle(setting, run, name, rate, size(slopes(run, begun(run))))
    return Planted(run, {"optimizer": name, "rate": rate, "surface": which, **found}, siblings=(away,))


def _dense(surface: Any, at: Any) -> np.ndarray:
    return np.asarray(jax.hessian(surface.value)(jnp.asarray(at, jnp.float32)), float)


def saddle_of_a_factorisation(random: Random) -> Planted:
    """A matrix as a product of two thin ones, begun near zero: it learns a factor at a time, and was ended between."""
    n, rank = int(random.integers(3, 6)), int(random.integers(1, 3))
    strengths = np.sort(random.uniform(0.5, 1.0, rank + 1) * np.array([1.0, 0.3, 0.09])[: rank + 1])[::-1] * 2
    goal = (rotation(random, n, 1.0)[:, : rank + 1] * strengths) @ rotation(random, n, 1.0)[:, : rank + 1].T
    tiny = between(random, 1e-5, 1e-2)
    start = {name: np.float32(tiny * random.standard_normal(shape)) for name, shape in (
        ("left", (n, rank + 1)), ("right", (rank + 1, n)))}  # fmt: skip

    def value(p: Any) -> Any:
        return jnp.sum((p["left"] @ p["right"] - _like(goal, p["left"])) ** 2) / 2

    name = choose(random, ("sgd", "momentum", "nesterov"))
    rate = random.uniform(0.01, 0.05) / float(strengths[0]) * (1.0 if name == "sgd" else 0.1)
    setting = Setting(st.Problem(init=start, loss=value, name="factorisation"), 400)
    run = until_flat(setting, name, rate, int(4 / (rate * strengths[-1] * (1 if name == "sgd" else 10))))
    away, found = checked_saddle(setting, run, name, rate, float(strengths[0] ** 1.5))
    return Planted(run, {"optimizer": name, "rate": rate, "size": n, "start": tiny, **found}, siblings=(away,))


def saddle_of_a_chain(random: Random) -> Planted:
    """Two weights in a row, of opposite signs and equal size, so that they shrink to 0 and stay."""
    start = between(random, 0.2, 1.2) * choose(random, (1, -1))
    surface = functions.scalar_chain(2, start=(start, -start))
    name = choose(random, ("sgd", "momentum", "adam", "rmsprop", "nesterov"))
    slow = name in ("momentum", "nesterov")
    rate = between(random, 0.003, 0.03) if slow else between(random, 0.02, 0.2) if name == "sgd" else between(
        random, 0.005, 0.02
    )  # fmt: skip
    setting = Setting(surface, int(random.integers(300, 600)))
    run = setting.run(name, rate)
    away, found = checked_saddle(setting, run, name, rate, max(1.0, size(slopes(run, begun(run)))))
    return Planted(run, {"optimizer": name, "rate": rate, "start": start, **found}, siblings=(away,))


# --- bad local minima


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
    curvature = np.linalg.eigvalsh(_dense(plain, plain.minima[0].at))[-1]
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
        square = jnp.sum((p - _like(centres, p)) ** 2, axis=1) / (2 * _like(widths, p) ** 2)
        return 0.05 * jnp.sum(p**2) - jnp.sum(_like(depths, p) * jnp.exp(-square))

    start = centres[1] + 0.7 * widths[1] * _direction(random, n)
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


def _direction(random: Random, n: int) -> np.ndarray:
    drawn = random.standard_normal(n)
    return drawn / np.linalg.norm(drawn)


# --- plateaus


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
        problem: Any = functions.easom(start=tuple((bottom + radius * _direction(random, 2)).tolist()))
        lowest = -1.0
    elif which == "sigmoid_well":
        steepness, depth = random.uniform(1, 4), random.uniform(30, 60) if adaptive else random.uniform(12, 30)
        radius, bottom = math.sqrt(1 + depth / steepness), np.zeros(n)
        start = tuple((radius * _direction(random, n)).tolist())
        problem = functions.sigmoid_well(start=start, steepness=steepness, dimensions=n)
        lowest = 1 / (1 + math.exp(steepness))
    else:
        width, bottom = random.uniform(0.3, 2.0), random.uniform(-1, 1, n)
        radius = random.uniform(7, 9) if adaptive else random.uniform(5, 7)
        start = bottom + radius * width * _direction(random, n)

        def value(p: Any) -> Any:
            return 1 - jnp.exp(-jnp.sum((p - _like(bottom, p)) ** 2) / (2 * width**2))

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
        radius = jnp.sqrt(1e-6 + jnp.sum((_like(basis.T, p) @ p) ** 2))
        bowl = jnp.minimum(radius, 1.0) ** 2
        return bowl + jnp.sum(1 + jnp.tanh(sharp * (radius - _like(edges, p))))

    start = basis @ ((edges[-1] + 1.0 + random.uniform(0, 0.8)) * _direction(random, n))
    name = choose(random, ("sgd", "momentum", "nesterov"))
    rate = between(random, 0.003, 0.1)
    problem = own("a staircase", start, value)
    run = Setting(problem, int(random.integers(100, 500))).run(name, rate)
    found = checked_plateau(run, np.full(n, 0.3 / math.sqrt(n), np.float32), 0.0)
    return Planted(run, {"optimizer": name, "rate": rate, "steps": steps, "sharpness": sharp, **found})


# --- cliffs


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


# --- conditioning


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
        return jnp.sum(_like(spread, p) * (_like(basis.T, p) @ p) ** 2) / 2

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
        move = np.linalg.solve(_dense(surface, p) + 1e-6 * np.eye(len(p)), gradient)
        here, share = float(surface.value(jnp.asarray(p, jnp.float32))), 1.0
        while float(surface.value(jnp.asarray(p - share * move, jnp.float32))) > here and share > 1e-4:
            share /= 2
        p = p - share * move
    return float(surface.value(jnp.asarray(p, jnp.float32)))


# --- noise


def noisy_rows(random: Random) -> Planted:
    """A function whose rows disagree, a few rows a step at a rate that suits all of them together."""
    which = choose(random, ("booth", "matyas", "quadratic", "styblinski_tang", "himmelblau"))
    if which == "quadratic":
        n = int(random.integers(2, 7))
        surface = functions.quadratic(between(random, 1, 20), dimensions=n, rotated=bool(random.integers(2)))
        curvature = float(np.linalg.eigvalsh(_dense(surface, (0.0,) * n))[-1])
    else:
        surface = functions.find(which)()
        at = surface.minima[0].at
        start = np.array(at) + 1.5 * _direction(random, 2)
        surface = functions.find(which)(start=tuple(start.tolist()))
        curvature = float(np.linalg.eigvalsh(_dense(surface, at))[-1])
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


# --- rates


def good_rates(random: Random) -> tuple[Setting, str, Any, dict[str, Any]]:
    """A function without other trouble, an optimizer, and a grid of rates with good ones in it."""
    which = choose(random, ("booth", "matyas", "quadratic", "logcosh", "styblinski_tang", "himmelblau", "sphere"))
    n = int(random.integers(2, 9))
    if which == "quadratic":
        surface: Any = functions.quadratic(between(random, 1, 30), dimensions=n, rotated=bool(random.integers(2)))
        curvature = float(np.linalg.eigvalsh(_dense(surface, (0.0,) * n))[-1])
    elif which in ("logcosh", "sphere"):
        start, factors = random.uniform(-3, 3, n), random.uniform(0.5, 3, n)
        surface = own(which, start, _log_cosh(factors) if which == "logcosh" else _sphere(factors))
        curvature = float((factors**2).max())
    else:
        plain = functions.find(which)()
        start = np.array(plain.minima[0].at) + random.uniform(0.5, 2.0) * _direction(random, 2)
        surface = functions.find(which)(start=tuple(start.tolist()))
        curvature = float(np.linalg.eigvalsh(_dense(plain, plain.minima[0].at))[-1])
    name = choose(random, ("sgd", "momentum", "nesterov", "adam", "rmsprop", "nadam"))
    usual = np.geomspace(0.03, 1.5, 5) / curvature * (1.0 if name == "sgd" else 0.3)
    rates = np.geomspace(3e-3, 0.3, 5) if name in ("adam", "rmsprop", "nadam") else usual
    setting = Setting(surface, int(random.integers(150, 400)))
    return setting, name, rates, {"surface": which, "optimizer": name, "dimensions": n}


def _log_cosh(factors: np.ndarray) -> Any:
    return lambda p: jnp.sum(jnp.logaddexp(_like(factors, p) * p, -_like(factors, p) * p) - math.log(2))


def _sphere(factors: np.ndarray) -> Any:
    return lambda p: jnp.sum((_like(factors, p) * p) ** 2) / 2


def slow_rate(random: Random) -> Planted:
    """A good rate divided by tens to thousands."""
    setting, name, rates, details = good_rates(random)
    grid = tuned(setting, name, rates)
    demand(np.isfinite(grid.lowest), "all diverged")
    rate = grid.rate / between(random, 30, 2000)
    run, larger = setting.run(name, rate), setting.run(name, 30 * rate)
    demand(falls_short(run, larger, grid.lowest, at_least=0.3), "thirty times the rate is no better")
    return Planted(run, {**details, "rate": rate, "good rate": grid.rate}, siblings=(larger,))


def fast_rate(random: Random) -> Planted:
    """A good rate multiplied by a few to hundreds."""
    setting, name, rates, details = good_rates(random)
    grid = tuned(setting, name, rates)
    demand(np.isfinite(grid.lowest), "all diverged")
    rate = grid.rate * between(random, 3, 300)
    run, smaller = setting.run(name, rate), setting.run(name, grid.rate)
    demand(falls_short(run, smaller), "the good rate is no better")
    demand(not any(falls_short(run, setting.run(name, rate * more)) for more in (3, 10)), "a larger one is better yet")
    return Planted(run, {**details, "rate": rate, "good rate": grid.rate}, siblings=(smaller,))


# --- slopes that mislead


def wrong_side_of_a_ridge(random: Random) -> Planted:
    """A well behind a ridge, and on this side a slope that goes down for ever to a higher level."""
    n = int(random.integers(1, 6))
    basis, pulls = rotation(random, n), random.uniform(0.3, 2.0, max(n - 1, 1))
    high = between(random, 0.5, 4)
    deep, away, width = high * random.uniform(1.5, 4), random.uniform(1.5, 3), random.uniform(0.4, 0.8)
    tail = choose(random, ("rational", "exponential"))
    length = random.uniform(0.7, 2) if tail == "rational" else random.uniform(4, 10)

    def value(p: Any) -> Any:
        z = _like(basis.T, p) @ p
        beyond = jax.nn.softplus(4 * z[0]) / 4 / length
        slope = high / (1 + beyond) if tail == "rational" else high * jnp.exp(-beyond)
        well = deep * jnp.exp(-((z[0] + away) ** 2) / (2 * width**2))
        others = jnp.sum(_like(pulls[: n - 1], p) * z[1:] ** 2) / 2
        return slope - well + others

    first_point = np.concatenate([[random.uniform(0.2, 0.8)], random.uniform(-1, 1, n - 1)])
    name = choose(random, ("sgd", "momentum", "nesterov", "adam", "rmsprop"))
    epochs = int(random.integers(150, 500))
    speed = random.uniform(4, 12) / epochs
    rate = {"sgd": between(random, 0.05, 0.5), "momentum": between(random, 0.01, 0.06),
            "nesterov": between(random, 0.01, 0.06)}.get(name, speed)  # fmt: skip
    problem = own("a slope behind a ridge", basis @ first_point, value)
    setting = Setting(problem, epochs)
    run = setting.run(name, rate)
    bottom = basis @ np.concatenate([[-away], np.zeros(n - 1)])
    better = setting._replace(start=np.float32(bottom)).run("adam", 0.01)
    found = checked_misleading(setting, run, better, name, rate)
    return Planted(run, {"optimizer": name, "rate": rate, "tail": tail, **found}, siblings=(better,))


def checked_misleading(setting: Setting, run: st.Run, better: st.Run, name: str, rate: float) -> dict[str, Any]:
    """Refuse what does not go down steadily away from where it is lower, or what has settled."""
    demand(np.isfinite(level(run)), "the run diverged")
    losses = run.curves["train_loss"].to_numpy()[1:]
    demand(np.mean(np.diff(losses) <= 1e-6 * np.abs(losses[:-1])) >= 0.9, "it does not fall steadily")
    fell, late = losses[0] - losses[-1], losses[3 * len(losses) // 4] - losses[-1]
    demand(fell > 0 and late >= 0.02 * fell, "it has come to rest")
    lowest = level(better)
    demand(level(run) - lowest >= 0.3 * (first(run) - lowest), "it is not far above")
    before, after = distance(begun(run), better.last), distance(run.last, better.last)
    demand(after >= 1.3 * before, "it does not lead away")
    longer = setting._replace(epochs=4 * setting.epochs).run(name, rate)
    demand(level(longer) - lowest >= 0.2 * (first(run) - lowest), "a longer run finds it")
    return {"distance at first": before, "at last": after, "above": level(run) - lowest}


MAKERS = {
    "saddle": (saddle_between_wells, saddle_at_the_divide, saddle_of_a_factorisation, saddle_of_a_chain),
    "bad local minimum": (other_minimum_of_a_surface, shallow_well, wrong_frequency),
    "plateau or saturation": (far_from_a_well, high_step_of_a_staircase),
    "cliff or exploding gradient": (thrown_by_a_wall, chain_of_large_weights, thrown_by_a_wall, recurrence),
    "ill-conditioning": (ravine, banana),
    "noisy gradient": (noisy_rows,),
    "rate too small": (slow_rate,),
    "rate too large": (fast_rate,),
    "local slope misleads": (wrong_side_of_a_ridge,),
}
