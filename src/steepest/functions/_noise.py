"""Noise for the gradients of a function without data: rows, of which each minibatch sees a few.

The mean over all rows is the function itself, exactly, so that the full loss has the same minima, and a minibatch of B
rows has a gradient that scatters as one of B rows of data does.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError, unknown
from ..problems import Problem
from ._surface import Surface

# What each kind draws: (random, rows, dimensions, scale) -> numbers a row.
_DRAWS: dict[str, Callable[[np.random.Generator, int, int, float], np.ndarray]] = {
    "additive": lambda random, rows, n, scale: scale * random.standard_normal((rows, n)),
    "cauchy": lambda random, rows, n, scale: scale * random.standard_cauchy((rows, n)),
    "multiplicative": lambda random, rows, n, scale: random.lognormal(0.0, scale, (rows, 1)),
    "mask": lambda random, rows, n, scale: (random.random((rows, n)) < 1 - scale).astype(float),
}
_USUAL_ROWS = 1024


def noisy(
    surface: Surface, kind: str = "additive", scale: float = 0.1, *, rows: int = _USUAL_ROWS, seed: int = 0
) -> Problem:
    """A function whose minibatch gradients are noisy, while their mean over all rows is its own gradient.

    kind: ``additive``, Gaussian of that standard deviation in each coordinate of a row; ``cauchy``, heavy-tailed of
    that scale; ``multiplicative``, a row's gradient times a log-normal factor of that spread; ``mask``, each coordinate
    of a row's gradient left out with that chance. Of B rows the noise is about 1 / sqrt(B) of a row's.
    rows: how many there are.  seed: draws them.
    Raises InputError for an unknown kind, a scale that is not positive (below 1 for ``mask``), or fewer than two rows.
    Source: after Schaul, Antonoglou & Silver 2014, Unit tests for stochastic optimization, arXiv:1312.6055.
    """
    if kind not in _DRAWS:
        raise unknown("kind of noise", kind, _DRAWS)
    most = 1.0 if kind == "mask" else math.inf
    if not (isinstance(scale, int | float) and 0 < scale < most):
        limit = "between 0 and 1" if kind == "mask" else "positive and finite"
        raise InputError(f"The scale of {kind} noise is {limit}; received {scale!r}. Try 0.1.")
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 2:
        raise InputError(f"rows is a whole number, 2 or more; received {rows!r}. Try {_USUAL_ROWS}.")
    drawn = _DRAWS[kind](np.random.default_rng(seed), rows, surface.dimensions, scale)
    if kind in ("additive", "cauchy"):
        data, loss = drawn - drawn.mean(axis=0), _shifted(surface)
    else:
        share = drawn.mean(axis=0)
        data, loss = drawn / np.where(share > 0, share, 1.0), _weighed(surface)
    (instance,) = surface.instances([0])
    return Problem(instance.init, loss, data.astype(np.float32), name=f"{surface.name}, {kind} noise")


def _shifted(surface: Surface) -> Callable[[Array, Array], Array]:
    """f(x) + z . x, whose gradient is the function's plus the mean z of the batch."""

    def loss(p: Array, z: Array) -> Array:
        return surface.value(p) + jnp.mean(z, axis=0) @ (p - jax.lax.stop_gradient(p))

    return loss


def _weighed(surface: Surface) -> Callable[[Array, Array], Array]:
    """f with a gradient that is multiplied by the batch's mean weights, a number or one a coordinate."""

    def loss(p: Array, weights: Array) -> Array:
        factor: Any = jnp.mean(weights, axis=0)
        fixed = jax.lax.stop_gradient(p)
        return surface.value(fixed + factor * (p - fixed))

    return loss
