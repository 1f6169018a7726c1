"""Runs that end by a saddle."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st
from steepest import functions

from .draws import Planted, Random, between, choose, constant, hessian, own, rotation
from .oracles import TROUBLED, Setting, begun, demand, distance, first, level, moved, size, slopes, spectrum
from .tables import BY_ITS_START, MADE, SMALL, fresh, like, problem, somewhere


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
        z = constant(basis.T, p) @ p
        low, high = z[:wells], z[wells:]
        return jnp.sum(constant(down, p) * (low**4 / 4 - low**2 / 2)) + jnp.sum(constant(up, p) * high**2) / 2

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
    at_minima = [np.linalg.eigvalsh(hessian(plain, point.at))[-1] for point in plain.minima]
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


def saddle_of_a_factorisation(random: Random) -> Planted:
    """A matrix as a product of two thin ones, begun near zero: it learns a factor at a time, and was ended between."""
    n, rank = int(random.integers(3, 6)), int(random.integers(1, 3))
    strengths = np.sort(random.uniform(0.5, 1.0, rank + 1) * np.array([1.0, 0.3, 0.09])[: rank + 1])[::-1] * 2
    goal = (rotation(random, n, 1.0)[:, : rank + 1] * strengths) @ rotation(random, n, 1.0)[:, : rank + 1].T
    tiny = between(random, 1e-5, 1e-2)
    start = {name: np.float32(tiny * random.standard_normal(shape)) for name, shape in (
        ("left", (n, rank + 1)), ("right", (rank + 1, n)))}  # fmt: skip

    def value(p: Any) -> Any:
        return jnp.sum((p["left"] @ p["right"] - constant(goal, p["left"])) ** 2) / 2

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


# --- of networks


def saddle_of_twins(random: Random) -> Planted:
    """Hidden units that are copies of one or two, and so stay: a narrower network's minimum, which has a way down."""
    name = choose(random, ("waves", "clusters", "diabetes"))
    activation = choose(random, ("tanh", "gelu"))
    seed = int(random.integers(4)) if name in MADE else 0
    setting = Setting(problem(name, (8,), activation, seed=seed), 1500, "all", int(random.integers(3)))
    first_layer, last = fresh(setting)
    kept = 1 if name != "waves" else int(random.integers(1, 3))
    which = np.arange(8) % kept
    start = (
        first_layer._replace(weights=np.asarray(first_layer.weights)[:, which]),
        last._replace(weights=np.asarray(last.weights)[which]),
    )
    method = choose(random, ("momentum", "adam", "nesterov"))
    rate = between(random, 0.01, 0.03) if method == "adam" else between(random, 0.03, 0.1)
    setting = setting._replace(start=start)
    run = setting.run(method, rate)
    steep = size(slopes(run, fresh(setting._replace(start=None))))
    away, found = checked_saddle(setting, run, method, rate, steep)
    details = {"table": name, "activation": activation, "optimizer": method, "rate": rate, "kept": kept, **found}
    return Planted(run, details, BY_ITS_START, (away,))


def saddle_at_zero(random: Random) -> Planted:
    """One hidden layer, all of whose weights begin at zero or next to it: only the biases at the end move."""
    setting, details = somewhere(random, ("tanh", "gelu", "linear"), (1,), SMALL)
    scale = choose(random, (0.0, 0.0, 1e-7, 1e-6))
    name = choose(random, ("sgd", "momentum", "adam") if scale == 0 else ("sgd", "momentum"))
    rate = {"sgd": between(random, 0.01, 0.1), "momentum": between(random, 1e-3, 1e-2)}.get(
        name, between(random, 1e-3, 1e-2)
    )
    setting = setting._replace(batch_size="all")
    steep = size(slopes(setting._replace(epochs=1).run(name, rate), fresh(setting)))
    setting = like(setting, scale=scale)
    run = until_flat(setting, name, rate, 200)
    away, found = checked_saddle(setting, run, name, max(rate, 0.05 if name == "sgd" else 0.005), steep)
    return Planted(run, {**details, "optimizer": name, "rate": rate, "scale": scale, **found}, BY_ITS_START, (away,))


def saddle_of_a_linear_network(random: Random) -> Planted:
    """A linear network of two layers that learns a direction at a time, ended between two of them."""
    which = choose(random, ("diabetes", "plane", "iris", "wine", "clusters"))
    seed = int(random.integers(4)) if which in MADE else 0
    setting = Setting(problem(which, (8,), "linear", seed=seed), 600, "all", int(random.integers(3)))
    name = choose(random, ("sgd", "momentum"))
    rate = between(random, 0.02, 0.1) if name == "sgd" else between(random, 0.002, 0.01)
    steep = size(slopes(setting._replace(epochs=1).run(name, rate), fresh(setting)))
    scale = between(random, 1e-6, 1e-3)
    setting = like(setting, scale=scale)
    run = until_flat(setting, name, rate, 600)
    away, found = checked_saddle(setting, run, name, rate, steep)
    details = {"table": which, "optimizer": name, "rate": rate, "scale": scale, **found}
    return Planted(run, details, BY_ITS_START, (away,))
