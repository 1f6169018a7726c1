"""Where an optimizer goes: every point of its way, from one compiled program, and a run's from its seed again."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..functions import Surface
from ..optimizer import Optimizer
from ..optimizer import optimizer as named
from ..pictures import number
from ..problems import Instance, start
from ..rules import Rule, proper_name
from ..training import Run, Settings, Training, minibatches, steps_per_epoch

# The learning rates that an optimizer without one tries: half decades to both sides of its usual rate.
_TRIED = np.geomspace(1e-4, 1e4, 17)
# Numbers of all the points of a way together: 64 MB in float32, twice that where its directions are sought.
_MOST_NUMBERS = 2**24
_MOST_POINTS = 201
Told = Callable[[int, int], None]  # (points so far, of how many)


class Way(NamedTuple):
    """The points that a training went through.

    name: of the optimizer, with its rate where *rate* tells it.  optimizer: the rule's name.  steps: the number of each
    point, (points,), in steps or epochs.  points: trees of parameters, finite.  diverged: whether it went on to where
    nothing is finite.
    by_epoch: whether its points are those after epochs, of which each may be many steps.
    """

    name: str
    optimizer: str
    rate: float
    steps: np.ndarray
    points: list[Any]
    diverged: bool
    by_epoch: bool = False

    @property
    def label(self) -> str:
        """The optimizer and its learning rate."""
        return f"{self.name}, rate {number(self.rate)}"


def walk(
    problem: Any, optimizer: Optimizer | Rule | str, steps: int, *, instance: Instance, batch_size: int | None = None,
    seed: int = 0,
) -> Way:  # fmt: skip
    """An optimizer's way over a problem of few parameters, from its start, a point before each step and the last.

    optimizer: with its rate; a rule or a name tries 17 rates, half a decade apart around the usual one, and goes at the
    one that is lowest over its last tenth without having left the surface's box.
    batch_size, seed: as in ``fit``: minibatches of a problem with data.
    """
    rows = _rows(instance, steps, batch_size, seed)
    if isinstance(optimizer, Optimizer):
        one, flat = optimizer, _walked(optimizer, instance, rows, seed)
    else:
        one, flat = _tuned(problem, named(optimizer), instance, rows, seed)
    finite = np.isfinite(np.concatenate([leaf.reshape(steps + 1, -1) for leaf in jax.tree.leaves(flat)], axis=1))
    going = int(np.argmin(finite.all(axis=1))) if not finite.all() else steps + 1
    points = [jax.tree.map(lambda leaf, place=place: leaf[place], flat) for place in range(going)]
    return Way(proper_name(one.name), one.name, one.learning_rate, np.arange(going), points, going <= steps)


def _walked(one: Optimizer, instance: Instance, rows: np.ndarray, seed: int) -> Any:
    parameters, key = start(instance.init, seed)
    told = _every_point(one, parameters, key, instance.train, rows, loss=instance.loss)
    return jax.tree.map(np.asarray, told)


def _rows(instance: Instance, steps: int, batch_size: int | None, seed: int) -> np.ndarray:
    """Row numbers of each step's minibatch, (steps, batch size); a function without data has one row and no array."""
    rows, batch = instance.rows, Settings(batch_size=batch_size).batch_size_for(instance.rows)
    epochs = -(-steps // steps_per_epoch(rows, batch))
    return minibatches(rows, batch, seed=seed, first_epoch=0, epochs=epochs).reshape(-1, batch)[:steps]


@partial(jax.jit, static_argnames="loss")
def _every_point(optimizer: Optimizer, parameters: Any, key: Any, data: Any, rows: Any, *, loss: Any) -> Any:
    """The points before each step and after the last: a tree like the parameters with a leading axis (steps + 1,)."""

    def step(carried: tuple, numbers: jax.Array) -> tuple:
        at, state = carried
        batch = jax.tree.map(lambda array: array[numbers], data)
        slope = jax.grad(loss)(optimizer.gradient_point(at, state), batch)
        move, state = optimizer.update(slope, state, at)
        moved = jax.tree.map(jnp.add, at, move)
        return (moved, state), moved

    points: Any = jax.lax.scan(step, (parameters, optimizer.init(parameters, key)), rows)[1]
    return jax.tree.map(lambda first, later: jnp.concatenate([first[None], later]), parameters, points)


def _tuned(problem: Any, usual: Optimizer, instance: Instance, rows: np.ndarray, seed: int) -> tuple[Optimizer, Any]:
    """The optimizer at the rate that serves best here, and its points; all rates go in one program."""
    tried = [usual.with_learning_rate(float(factor * usual.learning_rate)) for factor in _TRIED]
    parameters, key = start(instance.init, seed)
    stacked = jax.tree.map(lambda *one: jnp.stack([jnp.asarray(o, jnp.float32) for o in one]), *tried)
    points: Any
    points, heights = _every_rate(stacked, parameters, key, instance.train, rows, loss=instance.loss)
    worth = np.asarray(heights, float)[:, -max(1, len(rows) // 10) :].mean(axis=1)
    worth[~np.isfinite(worth)] = np.inf
    if isinstance(problem, Surface):
        low, high = np.array(problem.box, float).T
        inside = (np.asarray(points) >= low) & (np.asarray(points) <= high)
        worth[~inside.all(axis=(1, 2))] = np.inf
    # Where no rate stays inside, the smallest strays least.
    best = int(np.argmin(worth))
    return tried[best], jax.tree.map(lambda leaf: np.asarray(leaf[best]), points)


@partial(jax.jit, static_argnames="loss")
def _every_rate(optimizers: Any, parameters: Any, key: Any, data: Any, rows: Any, *, loss: Any) -> tuple:
    def one(optimizer: Optimizer) -> tuple:
        points = _every_point(optimizer, parameters, key, data, rows, loss=loss)
        return points, jax.vmap(lambda at: loss(at, data))(points)

    return jax.vmap(one)(optimizers)


def replayed(run: Run, instance: Instance, *, told: Told | None = None) -> Way:
    """A run's own way, from its seed again.  instance: of its problem at its seed.  told: as in ``followed``."""
    training = Training(run.problem, instance, run.optimizer, run.settings, seed=run.seed, warm=run.warm)
    return followed(training, run.epochs, told=told)


def followed(training: Training, epochs: int, *, told: Told | None = None) -> Way:
    """The way of a training: its parameters after every epoch, or after 200 evenly spaced ones.

    Of a network so large that those would not fit into 64 MB there are fewer.
    told: hears how many points are known, and of how many. Where it diverges they end before.
    Raises InputError where fewer than two are left.
    """
    size = sum(leaf.size for leaf in jax.tree.leaves(training.parameters))
    count = int(np.clip(_MOST_NUMBERS // max(1, size), 2, _MOST_POINTS))
    stops = np.unique(np.linspace(0, epochs, min(epochs + 1, count)).round().astype(int))
    steps, points = list[int](), list[Any]()
    for place, stop in enumerate(stops):
        training.go(int(stop))
        at = jax.tree.map(np.array, training.parameters)
        if _lost(training, at):
            break
        steps.append(training.epoch)
        points.append(at)
        if told is not None:
            told(place + 1, len(stops))
        if training.epoch < stop or (training.ended and place):
            break
    if len(points) < 2:
        raise InputError(
            "The run diverged in its first epoch, so that it has no way to draw. Fit it again with a smaller learning "
            "rate."
        )
    run = training.run()
    name, rate = run.optimizer.name, run.optimizer.learning_rate
    return Way(proper_name(name), name, rate, np.array(steps), points, run.status == "diverged", by_epoch=True)


def _lost(training: Training, at: Any) -> bool:
    """Whether a training has diverged, or left what is finite."""
    finite = all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(at))
    return not finite or (training.ended and training.run().status == "diverged")


def named_apart(ways: Sequence[Way]) -> list[str]:
    """What to call each of several ways: the optimizer and its rate, with a number where that is not enough."""
    labels = [way.label for way in ways]
    return [
        f"{label} ({labels[:place].count(label) + 1})" if labels.count(label) > 1 else label
        for place, label in enumerate(labels)
    ]
