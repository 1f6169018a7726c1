"""Runs that go down steadily, away from where it is lower."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st

from .draws import Planted, Random, between, choose, constant, own, rotation
from .oracles import Setting, begun, demand, distance, first, level


def wrong_side_of_a_ridge(random: Random) -> Planted:
    """A well behind a ridge, and on this side a slope that goes down for ever to a higher level."""
    n = int(random.integers(1, 6))
    basis, pulls = rotation(random, n), random.uniform(0.3, 2.0, max(n - 1, 1))
    high = between(random, 0.5, 4)
    deep, away, width = high * random.uniform(1.5, 4), random.uniform(1.5, 3), random.uniform(0.4, 0.8)
    tail = choose(random, ("rational", "exponential"))
    length = random.uniform(0.7, 2) if tail == "rational" else random.uniform(4, 10)

    def value(p: Any) -> Any:
        z = constant(basis.T, p) @ p
        beyond = jax.nn.softplus(4 * z[0]) / 4 / length
        slope = high / (1 + beyond) if tail == "rational" else high * jnp.exp(-beyond)
        well = deep * jnp.exp(-((z[0] + away) ** 2) / (2 * width**2))
        others = jnp.sum(constant(pulls[: n - 1], p) * z[1:] ** 2) / 2
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


# --- of networks


def xor_error(p: Any, batch: Any) -> Any:
    """The mean squared error of a 2-2-1 network of logistic units."""
    h = jax.nn.sigmoid(batch["x"] @ p["in"] + p["bias"])
    return jnp.mean((jax.nn.sigmoid(h @ p["out"] + p["last"]) - batch["y"]) ** 2)


_XOR = {"x": np.float32([[0, 0], [0, 1], [1, 0], [1, 1]]), "y": np.float32([0, 1, 1, 0])}


def one_unit_error(p: Any, batch: Any) -> Any:
    """The mean squared error of one tanh unit."""
    return jnp.mean((jnp.tanh(batch["x"] @ p["weights"] + p["bias"]) - batch["y"]) ** 2)


def away_to_infinity(random: Random) -> Planted:
    """Weights that grow for ever towards a fit of some rows, while another fit, of more, lies the other way."""
    kind = choose(random, ("xor", "one unit"))
    if kind == "xor":
        wide, shapes = random.uniform(1, 6), {"in": (2, 2), "bias": (2,), "out": (2,), "last": ()}
        start = {part: np.float32(wide * random.standard_normal(shape)) for part, shape in shapes.items()}
        made = st.Problem(start, xor_error, _XOR, name="exclusive or")
        starts = [jax.tree.map(lambda one: np.float32(random.standard_normal(one.shape)), start) for _ in range(4)]
    else:
        x = np.concatenate([random.normal(2, 0.4, 30), random.normal(-2, 0.4, 30), random.normal(8, 0.3, 8)])[:, None]
        y = np.concatenate([np.ones(30), -np.ones(30), -np.ones(8)])
        start = {"weights": np.float32([-random.uniform(0.5, 2)]), "bias": np.float32(random.uniform(2, 8))}
        made = st.Problem(start, one_unit_error, {"x": np.float32(x), "y": np.float32(y)}, name="one unit")
        starts = [{"weights": np.float32([1.0]), "bias": np.float32(0.0)}]
    name = choose(random, ("sgd", "momentum", "adam"))
    rate = {"sgd": between(random, 0.1, 1.0), "momentum": between(random, 0.02, 0.2)}.get(
        name, between(random, 0.005, 0.03)
    )
    setting = Setting(made, int(random.integers(150, 800)), "all")
    run = setting.run(name, rate)
    better = min((setting._replace(start=one, epochs=4000).run("adam", 0.02) for one in starts), key=level)
    found = led_away(setting, run, better, name, rate)
    return Planted(run, {"of": kind, "optimizer": name, "rate": rate, **found}, siblings=(better,))


def led_away(setting: Setting, run: st.Run, better: st.Run, name: str, rate: float) -> dict[str, Any]:
    """Refuse what does not go down steadily, with growing weights, away from a far lower end."""
    demand(np.isfinite(level(run)), "the run diverged")
    losses = run.curves["train_loss"].to_numpy()[1:]
    demand(np.mean(np.diff(losses) <= 1e-6 * np.abs(losses[:-1])) >= 0.9, "it does not fall steadily")
    late, fell = losses[3 * len(losses) // 4] - losses[-1], losses[0] - losses[-1]
    demand(fell >= 0.02 * losses[0] and late >= 0.01 * fell, "it has come to rest")
    lowest = level(better)
    demand(level(run) - lowest >= 0.3 * (first(run) - lowest), "it is not far above")
    before, after = distance(begun(run), better.last), distance(run.last, better.last)
    demand(after > before, "it does not lead away")
    longer = setting._replace(epochs=4 * setting.epochs).run(name, rate)
    demand(level(longer) - lowest >= 0.2 * (first(run) - lowest), "a longer run finds it")
    zero = jax.tree.map(np.zeros_like, run.last)
    demand(distance(longer.last, zero) > distance(run.last, zero), "its weights do not grow")
    return {"distance at first": before, "at last": after, "above": level(run) - lowest}
