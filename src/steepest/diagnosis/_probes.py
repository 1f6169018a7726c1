"""Questions put to the loss itself: what lies along a direction, and where a parabola's method gets from the start."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..losses import LOSSES
from ..problems import Instance, NetworkLoss
from ._spectrum import Loss

# Rows that a probe looks at, evenly spaced; the ends of a spectrum differ little on more.
_ROWS = 2048
# What a loss that is not finite counts as to a method that only knows numbers.
_LOST = 1e30
# Lengths that are asked for at once.
_TOGETHER = 26
# Lengths of a probe's steps, as shares of how far the parameters are from 0 and from where they began.
_LENGTHS = tuple(np.geomspace(1e-3, 1.0, 10).tolist())


def probe_rows(instance: Instance) -> Any:
    """The training rows that probes look at: all, or 2048 evenly spaced ones."""
    return some_rows(instance, _ROWS)


def some_rows(instance: Instance, most: int) -> Any:
    """Evenly spaced training rows, at most so many; no rows where the loss takes no data."""
    if instance.rows <= most:
        return instance.train
    rows = np.linspace(0, instance.rows - 1, most).astype(np.int32)
    return jax.tree.map(lambda array: array[rows], instance.train)


class Point(NamedTuple):
    """The loss at some parameters and the norms of its gradient, array by array, (arrays,).

    idle: for each matrix, (inputs, outputs), the share of its columns whose gradient is 0 in every entry.
    """

    loss: float
    gradients: np.ndarray
    idle: np.ndarray

    @property
    def norm(self) -> float:
        """Of the whole gradient."""
        return float(np.sqrt(np.sum(np.square(self.gradients))))


def look(loss: Loss, parameters: Any, batch: Any) -> Point:
    """Loss and gradient at a point, over all the rows given."""
    value, slope = _slope(parameters, batch, loss=loss)
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(slope)]
    idle = [float((leaf == 0).all(axis=tuple(range(leaf.ndim - 1))).mean()) for leaf in leaves if leaf.ndim >= 2]
    return Point(float(value), np.array([np.linalg.norm(leaf) for leaf in leaves]), np.array(idle))


@partial(jax.jit, static_argnames="loss")
def _slope(parameters: Any, batch: Any, *, loss: Loss) -> tuple[jax.Array, Any]:
    return jax.value_and_grad(loss)(parameters, batch)


def along(loss: Loss, parameters: Any, direction: Any, batch: Any, lengths: Any) -> np.ndarray:
    """The loss at parameters + length * direction for each length, (lengths,); infinite where it is not finite."""
    room = np.zeros(max(_TOGETHER, len(lengths)), np.float32)  # of one shape, so that one program serves all
    room[: len(lengths)] = lengths
    found = np.asarray(_along(parameters, direction, batch, room, loss=loss), np.float64)[: len(lengths)]
    return np.where(np.isfinite(found), found, np.inf)


@partial(jax.jit, static_argnames="loss")
def _along(parameters: Any, direction: Any, batch: Any, lengths: jax.Array, *, loss: Loss) -> jax.Array:
    def at(length: jax.Array) -> jax.Array:
        return loss(jax.tree.map(lambda p, d: p + length * d, parameters, direction), batch)

    return jax.lax.map(at, lengths)


def reach(parameters: Any, start: Any) -> float:
    """How far a probe may go: the distance to the start or to 0, whichever is more; at least 1e-3."""
    at, begun = (np.asarray(ravel_pytree(one)[0], np.float64) for one in (parameters, start))
    return max(1e-3, float(np.linalg.norm(at)), float(np.linalg.norm(at - begun)))


class Fall(NamedTuple):
    """The lowest loss down a direction, and how far away it is, with its sign."""

    loss: float
    length: float


def fall(loss: Loss, parameters: Any, direction: Any, batch: Any, far: float) -> Fall:
    """Go down along a unit direction, both ways, up to *far*, and no further than where the loss first rises again.

    What lies beyond a rise is another valley, which a step along the direction would not come to.
    """
    lengths = np.array([0.0, *_LENGTHS]) * far
    here = 0.0
    found = Fall(math.inf, 0.0)
    for sign in (-1.0, 1.0):
        losses = along(loss, parameters, direction, batch, sign * lengths)
        here = losses[0]
        rises = np.flatnonzero(losses[1:] > losses[:-1])
        place = int(rises[0]) if len(rises) else len(losses) - 1
        found = min(found, Fall(float(losses[place]), float(sign * lengths[place])), key=lambda one: one.loss)
    return found if found.loss < here else Fall(float(here), 0.0)


def rises(loss: Loss, parameters: Any, batch: Any, far: float, *, count: int = 6, seed: int = 0) -> np.ndarray:
    """How much the loss differs, at its most, within *far* along random unit directions, (count,)."""
    flat, unravel = ravel_pytree(parameters)
    random = np.random.default_rng(seed)
    here, found = look(loss, parameters, batch).loss, []
    for _ in range(count):
        drawn = random.standard_normal(flat.size)
        direction = unravel(jnp.asarray(drawn / np.linalg.norm(drawn), flat.dtype))
        losses = along(loss, parameters, direction, batch, [-far, -far / 4, far / 4, far])
        with np.errstate(invalid="ignore"):  # where both are infinite nothing is told
            found.append(float(np.abs(losses - here).max()))
    return np.array(found)


def best_share(loss: Loss, parameters: Any, step: Any, batch: Any) -> float:
    """The multiple of a step at which the loss over all rows is lowest: above 1 it fell short, below it went too far.

    0 where every multiple is worse than to stay.
    """
    shares = np.concatenate([[0.0], np.geomspace(1 / 64, 64, 25)])
    return float(shares[int(np.argmin(along(loss, parameters, step, batch, shares)))])


def trivial_loss(instance: Instance) -> float:
    """The loss of the best constant prediction on the training rows; infinite where the loss is no network's."""
    if not isinstance(instance.loss, NetworkLoss):
        return math.inf
    y = np.asarray(instance.train[1])
    name = instance.loss.loss
    if name == "cross_entropy":
        shares = np.bincount(y.astype(int)) / len(y)
        return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    if name == "binary_cross_entropy":
        share = float(np.clip(y.mean(), 1e-6, 1 - 1e-6))
        return -(share * math.log(share) + (1 - share) * math.log(1 - share))
    outputs = np.full((len(y), 1), y.mean(), np.float32)
    return float(jnp.mean(LOSSES[name](jnp.asarray(outputs), jnp.asarray(y))))


def flattened(parameters: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]]:
    """Parameters as one float64 vector, and the way back, to their own dtypes."""
    flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, parameters))
    return np.asarray(flat, np.float64), lambda vector: unravel(jnp.asarray(vector, flat.dtype))


def slope(loss: Loss, parameters: Any, batch: Any) -> np.ndarray:
    """The gradient as one float64 vector."""
    return flattened(_slope(parameters, batch, loss=loss)[1])[0]


class Descent(NamedTuple):
    """Where a quasi-Newton method gets from a start: the loss, and the parameters."""

    loss: float
    parameters: Any


def quasi_newton(loss: Loss, start: Any, batch: Any, *, iterations: int = 200, step: float = 1.0) -> Descent:
    """Minimise over all the rows by L-BFGS, which learns the curvature as it goes and is not slowed by its spread.

    step: how far its first trial goes; small ones keep it in the valley that it begins in.
    """
    from scipy.optimize import minimize

    flat, unravel = flattened(start)
    # The method's tolerances are absolute: in units of the first gradient the loss's own scale does not matter.
    size = step * float(np.abs(slope(loss, start, batch)).max(initial=0.0))
    unit = size if math.isfinite(size) and size > 0 else 1.0

    def told(moved: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _slope(unravel(flat + step * moved), batch, loss=loss)
        if not np.isfinite(value):
            return _LOST, np.zeros(len(moved))
        return float(value) / unit, step * flattened(gradient)[0] / unit

    limits = {"maxiter": iterations, "gtol": 1e-8, "ftol": 1e-12}
    found = minimize(told, np.zeros(len(flat)), jac=True, method="L-BFGS-B", options=limits)
    value = float(found.fun) * unit if found.fun < _LOST else math.inf
    return Descent(value, jax.tree.map(np.asarray, unravel(flat + step * found.x)))


def lowest_places(loss: Loss, places: np.ndarray, unravel: Callable[[np.ndarray], Any], batch: Any, most: int) -> Any:
    """Of many points, (points, parameters), the *most* at which the loss is lowest, as trees; the lowest first."""
    losses = np.asarray(_at_all(unravel(places[0]), jnp.asarray(places, jnp.float32), batch, loss=loss), np.float64)
    order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")
    return [unravel(places[place]) for place in order[:most]]


@partial(jax.jit, static_argnames="loss")
def _at_all(like: Any, places: jax.Array, batch: Any, *, loss: Loss) -> jax.Array:
    unravel = ravel_pytree(like)[1]
    return jax.lax.map(lambda place: loss(unravel(place), batch), places)
