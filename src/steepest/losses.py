"""Losses: how bad a prediction is, one number a row, stable for any finite output."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp

from .errors import unknown


def squared_error(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """``||y - y_hat||^2`` a row; its mean is the mean squared error.

    outputs: (rows, k).  targets: (rows,) or (rows, k).  Returns (rows,), in squared units of the target.
    """
    return jnp.sum((outputs - targets.reshape(outputs.shape)) ** 2, axis=-1)


def huber(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Quadratic up to an error of 1, linear beyond: ``r^2 / 2`` or ``|r| - 1/2``, summed over outputs.

    Targets are standardised before a network sees them, so 1 is one standard deviation. Source: Huber 1964.
    outputs: (rows, k).  targets: (rows,) or (rows, k).  Returns (rows,).
    """
    r = jnp.abs(outputs - targets.reshape(outputs.shape))
    return jnp.sum(jnp.where(r <= 1, 0.5 * r * r, r - 0.5), axis=-1)


def cross_entropy(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """``-log p(y | x)`` a row, from logits: the negative log-likelihood of categorical (softmax) regression.

    The logarithm undoes the softmax's exponential, so a wrong, saturated output keeps its gradient.
    outputs: logits (rows, classes).  targets: class codes (rows,), integers.  Returns (rows,), in nats.
    """
    # The largest logit cancels exactly, in value and gradient. Picking the true class by comparison costs a pass that
    # fuses with its neighbours, where a gather and the scatter of its gradient are four kernels of their own.
    below = outputs - jax.lax.stop_gradient(jnp.max(outputs, axis=-1, keepdims=True))
    true = targets[:, None] == jnp.arange(outputs.shape[-1])
    return jnp.log(jnp.sum(jnp.exp(below), axis=-1)) - jnp.sum(jnp.where(true, below, 0), axis=-1)


def binary_cross_entropy(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """``-[y log h + (1 - y) log(1 - h)]`` a row with h = logistic(z), written as ``log(1 + e^z) - y z``.

    outputs: logits z (rows, 1).  targets: 0 or 1 (rows,).  Returns (rows,), in nats.
    """
    z = outputs[:, 0]
    return jnp.logaddexp(z, 0.0) - targets * z


Loss = Callable[[jax.Array, jax.Array], jax.Array]

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "squared_error": squared_error,
        "huber": huber,
        "cross_entropy": cross_entropy,
        "binary_cross_entropy": binary_cross_entropy,
    }
)


def loss_for(task: str, name: str | None = None) -> str:
    """The name of the loss for a task: the one asked for where it fits, else the task's own.

    Raises InputError where the loss is unknown or does not fit the task.

    >>> loss_for("multiclass")
    'cross_entropy'
    """
    fitting = {
        "binary": ["binary_cross_entropy"],
        "multiclass": ["cross_entropy"],
        "regression": ["squared_error", "huber"],
    }[task]
    if name is None:
        return fitting[0]
    if name not in fitting:
        raise unknown(f"loss for a {task} target", name, fitting)
    return name
