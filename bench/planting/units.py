"""Runs of networks whose units are saturated or dead."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st
from steepest.schedules import Constant, Joined

from .draws import Planted, Random, between, choose
from .oracles import Setting, dead, demand, falls_short, left, level, saturated
from .tables import BY_ITS_START, accompanied, fresh, somewhere, usual


def _shifted(start: tuple, layers: Any, biases: Any) -> tuple:
    """The same start with other biases in some layers."""
    return tuple(
        layer._replace(biases=np.float32(biases(len(layer.biases)))) if number in layers else layer
        for number, layer in enumerate(start)
    )


def _hit_layers(random: Random, setting: Setting) -> tuple[int, ...]:
    depth = len(setting.problem.network.hidden)
    return tuple(range(depth)) if random.random() < 0.5 else (int(random.integers(depth)),)


def _beside_fresh(setting: Setting, run: st.Run, name: str, rate: float, lowest: float) -> st.Run:
    """Refuse what does not end far above a run from the network's own start."""
    demand(np.isfinite(level(run)), "the run diverged")
    well = setting._replace(start=None).run(name, rate)
    demand(falls_short(run, well, lowest), "a fresh start is no better")
    return well


def saturated_start(random: Random) -> Planted:
    """Biases so large that every unit of a layer stands at an end of its range for every row."""
    setting, details = somewhere(random, ("tanh", "logistic"), (1, 3))
    name, rate, grid = usual(random, setting)
    layers, size_ = _hit_layers(random, setting), random.uniform(12, 40)
    start = _shifted(fresh(setting), layers, lambda n: size_ * random.choice([-1, 1], n))
    held = setting._replace(start=start)
    run = held.run(name, rate)
    well = _beside_fresh(held, run, name, rate, grid.lowest)
    share = max(saturated(run, run.last))
    demand(share >= 0.95, "it has come out of saturation")
    also = (BY_ITS_START | accompanied(run)) - {"plateau or saturation"}
    return Planted(run, {**details, "optimizer": name, "rate": rate, "layers": layers, "share": share}, also, (well,))


def saturated_by_large_steps(random: Random) -> Planted:
    """A rate far too large in the first few steps drives the units to the ends of their range, where they stay."""
    setting, details = somewhere(random, ("tanh", "logistic"), (1, 3))
    name, good, grid = usual(random, setting)
    steps, large = int(random.integers(3, 30)), good * between(random, 100, 1000)
    run = setting.run(name, Joined((Constant(large), Constant(good)), (steps,)))
    well = _beside_fresh(setting, run, name, good, grid.lowest)
    share = max(saturated(run, run.last))
    demand(share >= 0.9, "the units are not saturated")
    also = (accompanied(run) | {"rate too large"}) - {"plateau or saturation"}
    details = {**details, "optimizer": name, "rate": good, "first rate": large, "steps": steps, "share": share}
    return Planted(run, details, also, (well,))


def squared_error_of_a_saturated_output(random: Random) -> Planted:
    """Squared error behind a logistic output, begun on the wrong end of it: the slope vanishes where it is wrong."""
    made = int(random.integers(8))
    draw = np.random.default_rng([made, 5])
    way = draw.standard_normal(5)
    x = draw.standard_normal((120, 5))
    data = {"x": np.float32(x), "y": np.float32(x @ way + 0.3 * draw.standard_normal(120) > 0)}
    far = random.uniform(12, 40)
    start = {"weights": np.float32(-far * way / np.linalg.norm(way) * 2), "bias": np.float32(random.normal())}
    if random.random() < 0.5:
        one_end = np.float32(far * choose(random, (1, -1)))
        start = {"weights": np.float32(0.3 * random.standard_normal(5)), "bias": one_end}
    name = choose(random, ("sgd", "momentum", "nesterov"))
    rate = between(random, 0.01, 0.3)
    setting = Setting(
        st.Problem(start, squared_logistic, data, name="a logistic output"), int(random.integers(40, 200)), 30
    )
    run = setting.run(name, rate)
    well = setting._replace(start=jax.tree.map(np.zeros_like, start)).run("adam", 0.05)
    demand(left(run, level(well)) >= 0.8, "it learns")
    outputs = jax.nn.sigmoid(data["x"] @ run.last["weights"] + run.last["bias"])
    share = float(np.mean((outputs < 0.01) | (outputs > 0.99)))
    demand(share >= 0.7, "the output is not saturated")
    return Planted(run, {"optimizer": name, "rate": rate, "share": share}, BY_ITS_START, (well,))


def squared_logistic(p: Any, batch: Any) -> Any:
    """The mean squared error of a logistic output."""
    return jnp.mean((jax.nn.sigmoid(batch["x"] @ p["weights"] + p["bias"]) - batch["y"]) ** 2)


def dead_start(random: Random) -> Planted:
    """Rectifiers with biases so far below zero that most of a layer is silent for every row."""
    setting, details = somewhere(random, ("relu",), (1, 3))
    name, rate, grid = usual(random, setting)
    layers, share = _hit_layers(random, setting), choose(random, (1.0, 1.0, 0.9))

    def biases(n: int) -> np.ndarray:
        return np.where(random.random(n) < share, -random.uniform(6, 30, n), 0.0)

    held = setting._replace(start=_shifted(fresh(setting), layers, biases))
    run = held.run(name, rate)
    well = _beside_fresh(held, run, name, rate, grid.lowest)
    demand(max(dead(run, run.last)) >= 0.7, "the units are not dead")
    also = BY_ITS_START | _of_dead_layers(run)
    return Planted(run, {**details, "optimizer": name, "rate": rate, "dead": dead(run, run.last)}, also, (well,))


def _of_dead_layers(run: st.Run) -> frozenset[str]:
    """A layer without one live unit lets no gradient through, and the loss is flat but for the last biases."""
    whole_layer = max(dead(run, run.last)) == 1.0
    return frozenset({"plateau or saturation", "vanishing gradient"}) if whole_layer else frozenset()


def dead_by_large_steps(random: Random) -> Planted:
    """A rate far too large, at first or all along, throws rectifiers where no row reaches them."""
    setting, details = somewhere(random, ("relu",), (1, 3))
    name, good, grid = usual(random, setting)
    most = 20 if name in ("sgd", "momentum", "nesterov") else 100
    steps, large = int(random.integers(2, 30)), good * between(random, 3, most)
    passing = random.random() < 0.6
    run = setting.run(name, Joined((Constant(large), Constant(good)), (steps,)) if passing else large)
    well = _beside_fresh(setting, run, name, good, grid.lowest)
    demand(max(dead(run, run.last)) >= 0.7, "the units are not dead")
    also = _of_dead_layers(run) | {"rate too large"}
    details = {**details, "optimizer": name, "rate": good, "large": large, "passing": passing}
    return Planted(run, {**details, "dead": dead(run, run.last)}, also, (well,))
