"""The loss over a plane through a space of parameters, and along a line."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..losses import LOSSES
from ..networks import ACTIVATIONS
from ..problems import NetworkLoss

Loss = Callable[[Any, Any], jax.Array]
# Numbers that the hidden units of the points looked at together take: 64 MB, of which both cores have their part.
_TOGETHER = 2**24


@dataclass(frozen=True)
class Slice:
    """along, across: coordinates in lengths of the two directions, (m,) and (n,).  losses: (n, m).

    A loss that is not finite is infinite.
    """

    along: np.ndarray
    across: np.ndarray
    losses: np.ndarray

    @property
    def lowest(self) -> tuple[float, float, float]:
        """Where the loss is lowest, and how low: (along, across, loss)."""
        row, column = np.unravel_index(int(np.argmin(self.losses)), self.losses.shape)
        return float(self.along[column]), float(self.across[row]), float(self.losses[row, column])


def plane(
    loss: Loss, centre: Any, first: Any, second: Any, batch: Any = (), *, along: Any = None, across: Any = None
) -> Slice:
    """The loss at every point centre + a first + b second of a grid.

    first, second: directions, trees like the parameters.  along, across: the a and b, 51 from -1 to 1 unless given.
    A network's first layer is linear in a and b: its products with the rows are taken thrice, not once a point.
    Raises InputError for coordinates that are not finite numbers.
    """
    a, b = (_coordinates(one, name) for one, name in ((along, "along"), (across, "across")))
    points = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    return Slice(a, b, on_plane(loss, (centre, first, second), batch, points).reshape(len(b), len(a)))


def on_plane(loss: Loss, trees: tuple[Any, Any, Any], batch: Any, points: np.ndarray) -> np.ndarray:
    """The loss at points of a plane, (points,), infinite where it is not finite.

    trees: its centre and two directions.  points: coordinates in lengths of these, (points, 2).
    """
    of = _of_network if isinstance(loss, NetworkLoss) else _of_any
    told = np.asarray(of(loss, trees, batch, np.asarray(points, np.float32)), np.float64)
    return np.where(np.isfinite(told), told, np.inf)


@partial(jax.jit, static_argnums=0)
def at_points(loss: Loss, points: Any, batch: Any) -> jax.Array:
    """The loss at each of some points, (points,).  points: a tree of arrays with a leading axis of points."""
    return jax.lax.map(lambda point: loss(point, batch), points)


def line(loss: Loss, start: Any, end: Any, batch: Any = (), *, shares: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """The loss on the straight way between two solutions, and beyond: (shares, losses), each (m,).

    shares: of the way, 0 at the start and 1 at the end; 51 from -0.25 to 1.25 unless given.
    Source: Goodfellow, Vinyals & Saxe 2015, Qualitatively characterizing neural network optimization, arXiv:1412.6544.
    """
    at = _coordinates(np.linspace(-0.25, 1.25, 51) if shares is None else shares, "shares")
    way = jax.tree.map(lambda first, last: last - first, start, end)
    nowhere = jax.tree.map(jnp.zeros_like, way)
    found = plane(loss, start, way, nowhere, batch, along=at, across=[0.0])
    return at, found.losses[0]


def _coordinates(given: Any, name: str) -> np.ndarray:
    try:
        found = np.linspace(-1.0, 1.0, 51) if given is None else np.asarray(given, np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise InputError(f"{name} is a list of finite numbers; received {given!r}. Try numpy.linspace(-1, 1, 51).")
    return found


def _between(trees: tuple[Any, Any, Any], point: jax.Array) -> Any:
    a, b = point
    return jax.tree.map(lambda centre, first, second: centre + a * first + b * second, *trees)


@partial(jax.jit, static_argnums=0)
def _of_any(loss: Loss, trees: tuple[Any, Any, Any], batch: Any, points: jax.Array) -> jax.Array:
    return jax.lax.map(lambda point: loss(_between(trees, point), batch), points)


@partial(jax.jit, static_argnums=0)
def _of_network(loss: NetworkLoss, trees: tuple[Any, Any, Any], batch: Any, points: jax.Array) -> jax.Array:
    x, y, *weights = batch
    layers = [tree[0] for tree in trees]
    entering = [x @ layer.weights + layer.biases for layer in layers]
    activate = ACTIVATIONS[loss.network.activation]
    hidden = len(trees[0]) > 1

    def at(point: jax.Array) -> jax.Array:
        a, b = point
        outputs = entering[0] + a * entering[1] + b * entering[2]
        if hidden:
            rest = _between(tuple(tree[1:] for tree in trees), point)
            outputs = activate(outputs)
            for layer in rest[:-1]:
                outputs = activate(outputs @ layer.weights + layer.biases)
            outputs = outputs @ rest[-1].weights + rest[-1].biases
        losses = LOSSES[loss.loss](outputs, y)
        return jnp.mean(losses * weights[0]) if weights else jnp.mean(losses)

    widest = max(layer.biases.shape[0] for layer in trees[0])
    together = max(1, min(len(points), _TOGETHER // (x.shape[0] * widest)))
    return jax.lax.map(at, points, batch_size=together)
