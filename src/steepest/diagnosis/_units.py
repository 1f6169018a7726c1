"""The hidden units of a network on some rows: which are dead, saturated or idle, and how signals pass the layers."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..networks import ACTIVATIONS, Layer, Network

# A unit is dormant whose mean size is at most this share of its layer's (Sokar et al. 2023, arXiv:2302.12902).
DORMANT = 0.025
# Beyond these an activation has saturated: the slope of tanh is then below 0.02, the logistic's below 0.01.
_SATURATED = {"tanh": (-0.99, 0.99), "logistic": (0.01, 0.99)}
_RECTIFIERS = ("relu",)
# Two units are one where their weights and biases agree to so many parts.
_ALIKE = 1e-5


class LayerUnits(NamedTuple):
    """A hidden layer on some rows.

    units: how many.  dead: the share that is 0 on every row, of a rectifier; else 0.
    zero: the share of (row, unit) pairs at 0.  saturated: likewise beyond 0.99 of the range of tanh or the logistic.
    dormant: the share of units whose mean size is at most 0.025 of the layer's.
    duplicate: the share of units whose incoming weights are another's.
    variance: of what enters the activation, over rows and units.  gradient: the mean square of the loss's derivative
    with respect to it, times the rows.
    rank: the effective rank of what leaves it, (rows, units): exp of the entropy of its singular values.
    """

    units: int
    dead: float
    zero: float
    saturated: float
    dormant: float
    duplicate: float
    variance: float
    gradient: float
    rank: float


def layer_units(
    network: Network, parameters: tuple[Layer, ...], loss: Callable[[jax.Array, jax.Array], jax.Array], batch: Any
) -> list[LayerUnits]:
    """Measure each hidden layer.

    loss: ``loss(outputs, targets)``, (rows,) losses or their mean.  batch: (inputs, targets); weights are not used.
    Sources: He et al. 2015 and Glorot & Bengio 2010 for the variances; Roy & Vetterli 2007 for the effective rank.
    """
    x, y = batch[0], batch[1]
    entering, slopes = (jax.tree.map(np.asarray, one) for one in _passed(network, loss, parameters, x, y))
    return [
        _layer(network.activation, layer, before, slope)
        for layer, before, slope in zip(parameters[:-1], entering, slopes, strict=True)
    ]


@partial(jax.jit, static_argnums=(0, 1))
def _passed(
    network: Network, loss: Callable[[jax.Array, jax.Array], jax.Array], parameters: tuple[Layer, ...], x: Any, y: Any
) -> tuple[list[jax.Array], list[jax.Array]]:
    """What enters each activation, (rows, units), and the derivative of the mean loss with respect to it."""
    activate = ACTIVATIONS[network.activation]

    def run(offsets: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        at, entering = x, []
        for layer, offset in zip(parameters[:-1], offsets, strict=True):
            before = at @ layer.weights + layer.biases + offset
            entering.append(before)
            at = activate(before)
        return jnp.mean(loss(at @ parameters[-1].weights + parameters[-1].biases, y)), entering

    nothing = [jnp.zeros((x.shape[0], layer.biases.shape[0]), x.dtype) for layer in parameters[:-1]]
    slopes, entering = jax.grad(run, has_aux=True)(nothing)
    return entering, slopes


def _layer(activation: str, layer: Layer, before: np.ndarray, slope: np.ndarray) -> LayerUnits:
    after = np.asarray(ACTIVATIONS[activation](jnp.asarray(before)), np.float64)
    size = np.abs(after).mean(axis=0)
    low, high = _SATURATED.get(activation, (-np.inf, np.inf))
    return LayerUnits(
        units=after.shape[1],
        dead=float((after == 0).all(axis=0).mean()) if activation in _RECTIFIERS else 0.0,
        zero=float((after == 0).mean()),
        saturated=float(((after < low) | (after > high)).mean()),
        dormant=float((size <= DORMANT * size.mean()).mean()),
        duplicate=_duplicates(layer),
        variance=float(np.var(before, dtype=np.float64)),
        gradient=float(np.mean(np.square(slope, dtype=np.float64)) * len(slope) ** 2),
        rank=effective_rank(after),
    )


def _duplicates(layer: Layer) -> float:
    """The share of units that have a twin."""
    columns = np.concatenate([np.asarray(layer.weights), np.asarray(layer.biases)[None]]).T.astype(np.float64)
    scale = np.abs(columns).max() or 1.0
    _, which, counts = np.unique(np.round(columns / (scale * _ALIKE)), axis=0, return_inverse=True, return_counts=True)
    return float((counts[which.ravel()] > 1).mean())


def effective_rank(matrix: np.ndarray) -> float:
    """exp of the entropy of the singular values as shares of their sum, 1 to the rank; 0 for a matrix of zeros.

    NaN where an entry is not finite.

    >>> round(effective_rank(np.eye(3)), 6), round(effective_rank(np.ones((3, 3))), 6)
    (3.0, 1.0)
    """
    wide = np.asarray(matrix, np.float64)
    if not np.isfinite(wide).all():
        return np.nan
    values = np.linalg.svd(wide, compute_uv=False)
    total = values.sum()
    if not total > 0:
        return 0.0
    shares = values[values > 0] / total
    return float(np.exp(-np.sum(shares * np.log(shares))))
