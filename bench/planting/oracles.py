"""What a planted trouble is checked by: other runs of the same problem, and dense derivatives at its end.

Nothing here looks at how a diagnosis decides: a rate is too small because a larger one of the same optimizer ends far
lower, a point is a saddle because its gradient is small and its whole Hessian has a clearly negative eigenvalue.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import steepest as st
from steepest.optimizer import optimizer
from steepest.problems import start as first_parameters

# The share of what could be gained (from the start to the lowest loss that anyone reached) that is left at the end.
TROUBLED = 0.1  # a run in trouble leaves at least so much,
HEALTHY = 0.03  # a healthy one at most so much,
FAR = 1 / 3  # and a remedy leaves at most such a part of what the run in trouble does.
# An end is the mean of so large a part of a run.
_TAIL = 0.1


class Refused(Exception):
    """A draw that does not have the trouble it was meant to have; says what is missing."""


def demand(holds: Any, what: str) -> None:
    """Refuse the draw unless it holds."""
    if not holds:
        raise Refused(what)


class Setting(NamedTuple):
    """How to train a problem, apart from the optimizer."""

    problem: Any
    epochs: int
    batch_size: Any = None
    seed: int = 0
    start: Any = None

    def run(
        self, name: str, rate: Any, *, patience: int | None = None, transforms: tuple = (), **knobs: float
    ) -> st.Run:
        """Train with an optimizer by its name."""
        made = optimizer(name, rate, transforms=transforms, **knobs)
        return st.fit(
            self.problem, made, epochs=self.epochs, batch_size=self.batch_size, patience=patience, seed=self.seed,
            start=self.start,
        )  # fmt: skip


def level(run: st.Run) -> float:
    """The training loss at the end, the mean over the last tenth of the epochs; infinite for a run that diverged."""
    if run.status == "diverged":
        return math.inf
    column = "train_loss" if _instance(run).validation is not None else "validation_loss"
    told = run.curves[column].to_numpy()[1:]
    tail = told[-max(1, int(_TAIL * len(told))) :]
    return float(tail.mean()) if np.isfinite(tail).all() else math.inf


def first(run: st.Run) -> float:
    """The training loss before the first step."""
    return float(run.curves["train_loss"][0])


def left(run: st.Run, lowest: float) -> float:
    """The share of what could be gained that is left at the end: 0 at the lowest loss, 1 where nothing was gained."""
    gain = first(run) - lowest
    return (level(run) - lowest) / gain if gain > 0 else math.inf


def falls_short(
    run: st.Run, remedy: st.Run, lowest: float = math.inf, *, at_least: float = TROUBLED, most: float = math.inf
) -> bool:
    """Whether a run ends far above what a remedy reaches.

    lowest: the lowest loss known besides.  most: what is to be gained at most, for starts that are no measure of it.
    """
    lowest = min(lowest, level(remedy), level(run))
    above, below = level(run) - lowest, level(remedy) - lowest
    gain = min(first(run) - lowest, first(remedy) - lowest, most)
    rounding = 1e-6 * (1 + abs(lowest))
    return above > rounding and below <= gain / 2 and above >= at_least * gain and below <= FAR * above


def wrong_rates(run: st.Run, most: float = math.inf) -> frozenset[str]:
    """Whether a run's rate is too small or too large, by what that is: another rate ends far lower.

    most: as in ``falls_short``.
    """
    found = set()
    for kind, factors in (("rate too large", (0.1, 0.03)), ("rate too small", (10.0, 30.0, 3.0))):
        for factor in factors:
            other = run.optimizer.with_learning_rate(run.optimizer.schedule.scaled(factor))
            beside = st.fit(
                run.problem, other, epochs=run.settings.epochs, batch_size=run.settings.batch_size, patience=None,
                sampling=run.settings.sampling, seed=run.seed, start=run.warm,
            )  # fmt: skip
            if falls_short(run, beside, most=most):
                found.add(kind)
                break
    return frozenset(found)


def _instance(run: st.Run) -> Any:
    return run.problem.instances([run.seed])[0]


class Tuned(NamedTuple):
    """The ends of an optimizer's runs at a grid of rates, ascending."""

    rates: tuple[float, ...]
    levels: tuple[float, ...]

    @property
    def lowest(self) -> float:
        """The lowest end."""
        return min(self.levels)

    @property
    def rate(self) -> float:
        """The rate that ends lowest."""
        return self.rates[int(np.argmin(self.levels))]


def tuned(setting: Setting, name: str, rates: Iterable[float]) -> Tuned:
    """Train at each rate."""
    rates = tuple(sorted(rates))
    return Tuned(rates, tuple(level(setting.run(name, rate)) for rate in rates))


# Rates half a decade apart, around those that suit standardised tables.
RATES = {
    "sgd": tuple(np.geomspace(0.01, 1.0, 5)), "momentum": tuple(np.geomspace(1e-3, 0.1, 5)),
    "nesterov": tuple(np.geomspace(1e-3, 0.1, 5)), "adagrad": tuple(np.geomspace(0.01, 1.0, 5)),
    "rmsprop": tuple(np.geomspace(3e-4, 3e-2, 5)), "adam": tuple(np.geomspace(1e-3, 0.1, 5)),
    "nadam": tuple(np.geomspace(1e-3, 0.1, 5)), "adamw": tuple(np.geomspace(1e-3, 0.1, 5)),
}  # fmt: skip


@functools.lru_cache(maxsize=512)
def tuned_network(problem: Any, name: str, epochs: int, batch_size: Any, seed: int = 0) -> Tuned:
    """``tuned`` of a network's problem at the usual grid; cached, since cases share problems."""
    return tuned(Setting(problem, epochs, batch_size, seed), name, RATES[name])


def lowest_of(setting: Setting) -> float:
    """The lowest end of a network over Adam's grid: what could have been reached in as many epochs."""
    return tuned_network(setting.problem, "adam", setting.epochs, setting.batch_size, setting.seed).lowest


# --- derivatives at a point


@functools.partial(jax.jit, static_argnames="loss")
def _slopes(parameters: Any, batch: Any, *, loss: Any) -> Any:
    return jax.grad(loss)(parameters, batch)


@functools.partial(jax.jit, static_argnames="loss")
def _dense(parameters: Any, batch: Any, *, loss: Any) -> jax.Array:
    flat, back = ravel_pytree(parameters)
    return jax.hessian(lambda vector: loss(back(vector), batch))(flat)


@functools.partial(jax.jit, static_argnames="loss")
def _height(parameters: Any, batch: Any, *, loss: Any) -> jax.Array:
    return loss(parameters, batch)


def height(run: st.Run, parameters: Any) -> float:
    """The loss on all training rows."""
    own = _instance(run)
    return float(_height(parameters, own.train, loss=own.loss))


def slopes(run: st.Run, parameters: Any) -> list[np.ndarray]:
    """The gradient on all training rows, leaf by leaf."""
    own = _instance(run)
    with jax.enable_x64(True):
        at, batch = (jax.tree.map(lambda leaf: _wide(np.asarray(leaf)), tree) for tree in (parameters, own.train))
        return [np.asarray(leaf) for leaf in jax.tree.leaves(_slopes(at, batch, loss=own.loss))]


def size(leaves: Sequence[np.ndarray]) -> float:
    """The norm of all leaves together."""
    return math.sqrt(sum(float(np.sum(np.asarray(leaf, np.float64) ** 2)) for leaf in leaves))


def spectrum(run: st.Run, parameters: Any) -> tuple[np.ndarray, np.ndarray]:
    """All eigenvalues of the Hessian on all training rows in float64, ascending, and their vectors, in columns."""
    own = _instance(run)
    with jax.enable_x64(True):
        at, batch = (jax.tree.map(lambda leaf: _wide(np.asarray(leaf)), tree) for tree in (parameters, own.train))
        dense = np.asarray(_dense(at, batch, loss=own.loss))
    return np.linalg.eigh((dense + dense.T) / 2)


def _wide(array: np.ndarray) -> jax.Array:
    return jnp.asarray(array, jnp.float64 if array.dtype.kind == "f" else array.dtype)


def begun(run: st.Run) -> Any:
    """The parameters before the first step."""
    if run.warm is not None:
        return run.warm
    return first_parameters(_instance(run).init, run.seed)[0]


def moved(parameters: Any, along: np.ndarray, by: float) -> Any:
    """Parameters so far along a flat vector."""
    flat, back = ravel_pytree(jax.tree.map(jnp.asarray, parameters))
    return back(flat + jnp.asarray(by * along, flat.dtype))


def distance(a: Any, b: Any) -> float:
    """Between two trees."""
    return size([np.asarray(one) - np.asarray(other) for one, other in zip(
        jax.tree.leaves(a), jax.tree.leaves(b), strict=True)])  # fmt: skip


# --- units


def hidden(run: st.Run, parameters: Any) -> list[np.ndarray]:
    """What leaves each hidden layer of a network on all training rows, (rows, units)."""
    from steepest.networks import ACTIVATIONS

    activate = ACTIVATIONS[run.problem.network.activation]
    x, out = _instance(run).train[0], []
    for layer in parameters[:-1]:
        x = activate(x @ layer.weights + layer.biases)
        out.append(np.asarray(x))
    return out


def dead(run: st.Run, parameters: Any) -> list[float]:
    """The share of each hidden layer's units that are 0 on every training row."""
    return [float(np.mean((layer == 0).all(axis=0))) for layer in hidden(run, parameters)]


def saturated(run: st.Run, parameters: Any) -> list[float]:
    """The share of each hidden layer's outputs within a hundredth of an end of the activation's range."""
    low = {"tanh": -1.0, "logistic": 0.0}.get(run.problem.network.activation)
    if low is None:
        return [0.0] * len(run.problem.network.hidden)
    edge = 0.01 * (1 - low) / 2
    return [float(np.mean((layer < low + edge) | (layer > 1 - edge))) for layer in hidden(run, parameters)]


def first_over_last(run: st.Run, parameters: Any) -> float:
    """The norm of the first layer's gradient over the last's, weights alone; 0 where both are."""
    norms = [size([leaf]) for leaf in slopes(run, parameters) if leaf.ndim == 2]
    return norms[0] / norms[-1] if norms[-1] > 0 else 0.0
