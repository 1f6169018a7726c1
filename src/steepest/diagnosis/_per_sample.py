"""The tier between: how the gradients of a minibatch's rows scatter, found on the way to their mean.

The gradient of a dense layer for one row is an outer product, delta a', of what the layer was given and of the loss's
derivative by what it gave. Its length is the product of theirs, and the squares of its entries sum over rows as
(a^2)' delta^2: one product more of the size that the gradient itself takes, and no room for the rows' gradients.
Source: Goodfellow 2015, Efficient per-example gradient computations, arXiv:1510.01799; Dangel, Kunstner & Hennig 2020,
BackPACK, arXiv:1912.10985.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ..losses import LOSSES
from ..networks import ACTIVATIONS
from ..problems import Loss, NetworkLoss
from ._economy import Economy
from ._gradient_noise import GradientNoise

# Of a larger minibatch so many rows tell how all of them scatter.
_ROWS = 32


class Scatter(NamedTuple):
    """What ``GradientNoise`` holds, of a minibatch; zeros where it has one row. A loss without data has none.

    Of a network's minibatch of more than 32 rows the first 32 tell it.

    squared_norm: |g|^2.  variance: tr S.  along: the part of it along g.  signal: the mean of g_k^2 / S_kk over the
    informative parameters.  informative: how many these are.
    """

    squared_norm: jax.Array
    variance: jax.Array
    along: jax.Array
    signal: jax.Array
    informative: jax.Array

    def noise(self, rows: int, parameters: int) -> GradientNoise:
        """The tests and scales that follow.  rows: of the minibatch.  parameters: how many there are."""
        told = (float(one) for one in self)
        squared_norm, variance, along, signal, informative = told
        return GradientNoise(rows, parameters, squared_norm, variance, along, signal, int(informative))


@dataclass(frozen=True)
class PerSample(Economy):
    """An observer that measures the scatter of each minibatch's gradients as well.

    A network's are had from its layers; of any other loss the rows' gradients are formed, one array of them a step.
    """

    def gradient(self, loss: Loss) -> Callable[[Any, Any], tuple]:
        """The gradient, and aside its ``Scatter``."""
        return partial(_of_network, loss) if isinstance(loss, NetworkLoss) else partial(_of_any, loss)


def _of_network(loss: NetworkLoss, parameters: Any, batch: tuple[jax.Array, ...]) -> tuple:
    x, y, *weights = batch
    rows, activate = x.shape[0], ACTIVATIONS[loss.network.activation]

    def run(parameters: Any, offsets: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        at, entering = x, []
        for number, (layer, offset) in enumerate(zip(parameters, offsets, strict=True)):
            entering.append(at)
            at = at @ layer.weights + layer.biases + offset
            if number < len(parameters) - 1:
                at = activate(at)
        losses = LOSSES[loss.loss](at, y)
        return jnp.mean(losses * weights[0] if weights else losses), entering

    nothing = [jnp.zeros((rows, layer.biases.shape[0]), x.dtype) for layer in parameters]
    both = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
    (value, entering), (gradients, slopes) = both(parameters, nothing)
    some = min(rows, _ROWS)
    lengths, along, moments = jnp.zeros(some), jnp.zeros(some), []
    for layer, entered, slope in zip(gradients, entering, slopes, strict=True):
        # The loss is a mean: a row's own gradient is so many times what it adds.
        a, delta = entered[:some], rows * slope[:some]
        squares = delta**2
        lengths += jnp.sum(squares, axis=1) * (jnp.sum(a**2, axis=1) + 1)
        along += jnp.sum((a @ layer.weights + layer.biases) * delta, axis=1)
        moments += [(a**2).T @ squares / some, jnp.sum(squares, axis=0) / some]
    return value, gradients, _scatter(gradients, lengths, along, moments, rows)


def _of_any(loss: Loss, parameters: Any, batch: Any) -> tuple:
    leaves = jax.tree.leaves(batch)
    if not leaves:
        return *jax.value_and_grad(loss)(parameters, batch), ()
    flat, unravel = ravel_pytree(parameters)
    ones = jax.tree.map(lambda leaf: leaf[:, None], batch)
    each = jax.vmap(jax.grad(lambda vector, row: loss(unravel(vector), row)), in_axes=(None, 0))(flat, ones)
    value, gradients = jax.value_and_grad(loss)(parameters, batch)
    mean, rows = ravel_pytree(gradients)[0], leaves[0].shape[0]
    scatter = _scatter(gradients, jnp.sum(each**2, axis=1), each @ mean, [jnp.mean(each**2, axis=0)], rows)
    return value, gradients, scatter


def _scatter(gradients: Any, lengths: jax.Array, along: jax.Array, moments: list[jax.Array], rows: int) -> Scatter:
    """What rows of a minibatch tell of all of them, around the whole minibatch's gradient.

    lengths: |g_i|^2 of each row looked at.  along: g_i . g.  moments: the mean of g_ik^2, in the leaves' order.
    rows: of the minibatch.
    """
    if rows < 2:
        return Scatter(*[jnp.zeros(())] * 5)
    leaves = [jnp.ravel(one) for one in jax.tree.leaves(gradients)]
    norm = jnp.sum(jnp.stack([jnp.sum(one**2) for one in leaves]))
    unbiased, some = rows / (rows - 1), along.shape[0]
    middle = jnp.mean(along)
    scatter = jnp.sum((along - middle) ** 2) / (some - 1) / jnp.where(norm > 0, norm, 1.0)
    ratio, count = jnp.zeros(()), jnp.zeros(())
    flat = moments if len(moments) == len(leaves) else jnp.split(moments[0], _ends(leaves))
    for g, moment in zip(leaves, flat, strict=True):
        spread = (jnp.ravel(moment) - g**2) * unbiased
        # A difference that small is what rounding leaves of two equal numbers.
        told = spread > 1e-6 * jnp.ravel(moment)
        ratio += jnp.sum(jnp.where(told, g**2 / jnp.where(told, spread, 1.0), 0.0))
        count += jnp.sum(told)
    variance = jnp.maximum((jnp.mean(lengths) - 2 * middle + norm) * unbiased, 0.0)
    return Scatter(norm, variance, scatter, ratio / jnp.maximum(count, 1), count)


def _ends(leaves: list[jax.Array]) -> list[int]:
    ends, at = [], 0
    for leaf in leaves[:-1]:
        at += leaf.size
        ends.append(at)
    return ends
