"""Planted troubles of networks on tables: makers as in ``planted_functions``, each with its check."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

import steepest as st
from oracles import (
    RATES,
    Refused,
    Setting,
    begun,
    dead,
    demand,
    distance,
    falls_short,
    first,
    first_over_last,
    left,
    level,
    saturated,
    size,
    slopes,
    spectrum,
    tuned,
    tuned_network,
)
from planted_functions import (
    Planted,
    Random,
    between,
    checked_minimum,
    checked_noise,
    checked_saddle,
    choose,
    clipped_best,
    until_flat,
)
from steepest.gradients import ClipByGlobalNorm
from steepest.problems import start as first_parameters
from steepest.schedules import Constant, Joined

# --- tables and networks; few shapes, so that cases share compiled programs


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


# --- saddles


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


# --- bad local minima


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


# --- saturation and dead units


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


# --- gradients that vanish or explode on the way back


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


# --- conditioning


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


# --- noise and rates


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


def slow_rate(random: Random) -> Planted:
    """A good rate divided by tens to thousands."""
    setting, details = somewhere(random)
    name, good, grid = usual(random, setting)
    rate = good / between(random, 30, 1000)
    run, larger = setting.run(name, rate), setting.run(name, 30 * rate)
    demand(falls_short(run, larger, grid.lowest, at_least=0.3), "thirty times the rate is no better")
    return Planted(run, {**details, "optimizer": name, "rate": rate, "good rate": good}, siblings=(larger,))


def fast_rate(random: Random) -> Planted:
    """A good rate multiplied by ten to thousands."""
    setting, details = somewhere(random)
    name, good, _ = usual(random, setting)
    rate = good * between(random, 10, 1000)
    run, smaller = setting.run(name, rate), setting.run(name, good)
    demand(falls_short(run, smaller), "the good rate is no better")
    also = accompanied(run) if np.isfinite(level(run)) else frozenset()
    return Planted(run, {**details, "optimizer": name, "rate": rate, "good rate": good}, also, (smaller,))


# --- starts


def wrong_scale(random: Random) -> Planted:
    """Weights drawn far too small, or far too large."""
    small = random.random() < 0.4
    setting, details = somewhere(random, depths=(1, 3, 3) if small else (1, 3))
    name, rate, grid = usual(random, setting)
    scale = choose(random, (0.0, between(random, 1e-4, 1e-2))) if small else random.uniform(5, 20)
    setting_ = like(setting, scale=scale)
    run, well = setting_.run(name, rate), setting.run(name, rate)
    demand(falls_short(run, well, grid.lowest), "the usual scale is no better")
    also = frozenset({"cliff or exploding gradient"})
    if np.isfinite(level(run)):
        also = accompanied(run) | by_a_saddle(run, size(slopes(run, fresh(setting))))
        if small and "saddle" not in also and left(run, level(well)) > 0.9:
            also |= {"plateau or saturation"}
        if not small and falls_short(run, clipped_best(setting_, name, rate)[1], most=first(well)):
            also |= {"cliff or exploding gradient"}
    details = {**details, "optimizer": name, "rate": rate, "scale": scale}
    return Planted(run, details, also, (well,), first(well))


def all_alike(random: Random) -> Planted:
    """Every weight of a layer begins at one number, so that its units are one unit."""
    setting, details = somewhere(random, depths=(1, 3))
    name, rate, grid = usual(random, setting)
    number = between(random, 0.01, 1.0)
    start = tuple(layer._replace(weights=np.full(layer.weights.shape, number, np.float32)) for layer in fresh(setting))
    held = setting._replace(start=start)
    run = held.run(name, rate)
    demand(np.isfinite(level(run)), "the run diverged")
    well = setting.run(name, rate)
    demand(falls_short(run, well, grid.lowest), "the usual start is no better")
    also = accompanied(run) | by_a_saddle(run, size(slopes(run, fresh(setting))))
    return Planted(run, {**details, "optimizer": name, "rate": rate, "weights": number}, also, (well,))


def by_a_saddle(run: st.Run, steep: float) -> frozenset[str]:
    """Whether a network that is not too large ended by a saddle.  steep: the gradient's norm at a usual start."""
    few = sum(leaf.size for leaf in jax.tree.leaves(run.last)) <= 1000
    if not few or size(slopes(run, run.last)) > 0.05 * steep:
        return frozenset()
    values = spectrum(run, run.last)[0]
    return frozenset({"saddle"}) if values[0] < -0.01 * values[-1] else frozenset()


# --- warm starts


@functools.lru_cache(maxsize=64)
def _other_labels(name: str, units: tuple[int, ...], activation: str, seed: int) -> Any:
    """The same table with its target shuffled, so that every shape is the same."""
    known = table(name, 0)
    frame = known.features.with_columns(
        pl.Series("target", np.random.default_rng([seed, 17]).permutation(_labels(known)))
    )
    return st.network(st.read(frame, target="target", task=known.task, name=name), units, activation=activation)


def _labels(known: Any) -> Any:
    return np.array(known.classes)[known.target] if known.classes else known.target


def after_other_labels(random: Random) -> Planted:
    """A network that was trained for long and too fast on shuffled labels, and then on the right ones."""
    name = choose(random, ("wine", "iris", "breast-cancer", "clusters", "diabetes"))
    epochs = {"wine": 20, "iris": 40, "breast-cancer": 10, "clusters": 20, "diabetes": 30}[name]
    activation, depth = choose(random, ("relu", "tanh")), choose(random, (1, 3))
    units = (16,) * depth
    setting = Setting(problem(name, units, activation), epochs, 16, int(random.integers(3)))
    before = setting._replace(problem=_other_labels(name, units, activation, int(random.integers(6))), epochs=200)
    method, rate, _ = usual(random, setting)
    hurry = choose(random, ("adam", "rmsprop"))
    fast = between(random, 0.03, 0.5)
    old = before.run(hurry, fast)
    demand(np.isfinite(level(old)), "the first training diverged")
    warm = setting._replace(start=jax.tree.map(np.asarray, old.last))
    run, well = warm.run(method, rate), setting.run(method, rate)
    demand(np.isfinite(level(run)), "the run diverged")
    gain = first(well) - level(well)
    demand(level(run) - level(well) >= 0.1 * gain, "a fresh start is no better")
    others = (setting._replace(seed=setting.seed + more).run(method, rate) for more in (1, 2))
    demand(all(level(one) < level(run) - 0.05 * gain for one in others), "other fresh starts are no better")
    also = accompanied(run)
    details = {"table": name, "hidden": units, "activation": activation, "optimizer": method, "rate": rate}
    return Planted(run, {**details, "first rate": fast, "dead": max(dead(run, run.last))}, also, (well, old))


# --- slopes that mislead


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


MAKERS = {
    "saddle": (saddle_of_twins, saddle_at_zero, saddle_of_a_linear_network),
    "bad local minimum": (minimum_of_few_units, minimum_of_few_bumps),
    "plateau or saturation": (saturated_start, saturated_by_large_steps, squared_error_of_a_saturated_output),
    "vanishing gradient": (deep_and_squashed,),
    "dead units": (dead_start, dead_by_large_steps),
    "cliff or exploding gradient": (deep_and_large, recurrent),
    "ill-conditioning": (powers_of_one_column, columns_of_many_sizes),
    "noisy gradient": (few_rows_a_step,),
    "rate too small": (slow_rate,),
    "rate too large": (fast_rate,),
    "bad initialisation": (wrong_scale, all_alike),
    "lost plasticity": (after_other_labels,),
    "local slope misleads": (away_to_infinity,),
}
