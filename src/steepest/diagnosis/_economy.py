"""The cheapest tier: what every step tells of itself, at the cost of reading its arrays once more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..arrays import Array
from ..problems import Loss
from ..training import Moved


class Seen(NamedTuple):
    """What is told of a step; of a run each array has the steps first.

    loss: of the minibatch, before the step.  gradients, steps, parameters: the squared norm of each array of the tree,
    (arrays,), in the order of its leaves.
    distance: how far the parameters are from where training began, squared.
    turn: the cosine of the angle between this gradient and the one before; 0 at the first step.
    Of an array of 8,192 entries or more every sixteenth row tells *turn*, *parameters* and *distance*.
    aside: what a dearer tier found on its way to the gradient.
    """

    loss: Array
    gradients: Array
    steps: Array
    parameters: Array
    distance: Array
    turn: Array
    aside: Any = ()


class _Carried(NamedTuple):
    """Where training began, and the gradient of the step before: of both the rows that are compared."""

    start: list[jax.Array]
    before: list[jax.Array]


# A pass over the memory of a large network is a tenth of its step: of large arrays so few rows tell the angle to a
# hundredth, and lengths to some hundredths.
_LARGE, _EVERY = 2**13, 16


@dataclass(frozen=True)
class Economy:
    """An observer of norms and angles: of the loss, the gradient, the step and the way so far."""

    def begin(self, parameters: Any) -> _Carried:
        """The start, and a gradient of 0 before the first."""
        rows = _some_rows(parameters)
        return _Carried(rows, [jnp.zeros_like(leaf) for leaf in rows])

    def gradient(self, loss: Loss) -> Callable[[Any, Any], tuple]:
        """The loss's own gradient, and nothing aside."""
        return jax.value_and_grad(loss)

    def see(self, observed: _Carried, moved: Moved) -> tuple[_Carried, Seen]:
        """Norms and angles of one step."""
        now, before = _some_rows(moved.gradients), observed.before
        both = jnp.sqrt(jnp.sum(_products(now, now))) * jnp.sqrt(jnp.sum(_products(before, before)))
        here = _some_rows(moved.parameters)
        away = jax.tree.map(jnp.subtract, here, observed.start)
        told = Seen(
            loss=moved.loss,
            gradients=_products(moved.gradients, moved.gradients),
            steps=_products(moved.steps, moved.steps),
            parameters=_sizes_of(here, moved.parameters),
            distance=jnp.sum(_sizes_of(away, moved.parameters)),
            turn=jnp.sum(_products(now, before)) / jnp.where(both > 0, both, 1.0),
            aside=moved.aside,
        )
        return _Carried(observed.start, now), told


def _some_rows(tree: Any) -> list[jax.Array]:
    return [leaf[::_EVERY] if leaf.size >= _LARGE and leaf.ndim > 1 else leaf for leaf in jax.tree.leaves(tree)]


def _sizes_of(rows: list[jax.Array], tree: Any) -> jax.Array:
    """The squared norm of each array of a tree, as some of its rows tell it, (arrays,)."""
    shares = [leaf.size / some.size for leaf, some in zip(jax.tree.leaves(tree), rows, strict=True)]
    return _products(rows, rows) * jnp.asarray(shares, rows[0].dtype)


def _products(one: Any, other: Any) -> jax.Array:
    """The inner product of two trees, array by array, (arrays,)."""
    return jnp.stack([_total(a * b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)])


def _total(array: jax.Array) -> jax.Array:
    """The sum of all entries: of a matrix first down its columns, which the compiler does many at a time."""
    return jnp.sum(array) if array.ndim < 2 else jnp.sum(jnp.sum(array, axis=tuple(range(array.ndim - 1))))
