"""What the gradients of single rows say of the gradient of a batch: how much of it is noise."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..errors import InputError

# Rows whose gradients are held at a time.
_CHUNK = 64


@dataclass(frozen=True)
class GradientNoise:
    """The gradients g_i of the B rows of a batch, their mean g and their unbiased covariance S.

    rows: B.  parameters: how many.  squared_norm: |g|^2.  variance: tr S.
    along: the variance of g_i . g / |g|, the part of tr S along the gradient.
    signal: the mean of g_k^2 / S_kk over the parameters whose gradient differs between rows; infinite where none does.
    informative: how many such parameters there are.
    """

    rows: int
    parameters: int
    squared_norm: float
    variance: float
    along: float
    signal: float
    informative: int

    @property
    def norm_test(self) -> float:
        """theta = sqrt(tr S / (B |g|^2)): at most about 0.9 where the batch is large enough.

        Source: Byrd et al. 2012, Mathematical Programming 134; Bollapragada, Byrd & Nocedal 2018, arXiv:1802.05374.
        """
        return self._beside_gradient(self.variance)

    @property
    def inner_product_test(self) -> float:
        """sqrt(Var(g_i . g) / (B |g|^4)): whether the batch's gradient points downhill. Bollapragada et al. 2018."""
        return self._beside_gradient(self.along)

    @property
    def orthogonality_test(self) -> float:
        """sqrt of the variance across the gradient over (B |g|^2). Source: Bollapragada et al. 2018."""
        return self._beside_gradient(max(0.0, self.variance - self.along))

    def _beside_gradient(self, variance: float) -> float:
        if self.squared_norm == 0:
            return math.inf if variance > 0 else 0.0
        return math.sqrt(variance / (self.rows * self.squared_norm))

    @property
    def noise_scale(self) -> float:
        """B_simple = tr S / |G|^2: the batch size at which noise and gradient are alike; infinite where all is noise.

        |G|^2 is without bias |g|^2 - tr S / B. Source: McCandlish et al. 2018, arXiv:1812.06162.
        """
        true = self.squared_norm - self.variance / self.rows
        return self.variance / true if true > 0 else (math.inf if self.variance > 0 else 0.0)

    @property
    def evidence(self) -> float:
        """1 - (B / D) sum_k g_k^2 / S_kk, of the D informative parameters: above 0 no gradient is told from noise.

        Source: Mahsereci, Balles, Lassner & Hennig 2017, Early stopping without a validation set, arXiv:1703.09580.
        """
        return 1 - self.rows * self.signal

    def batch_size(self, learning_rate: float, loss: float) -> float:
        """The batch size that balances noise and progress of SGD: lr tr S / L, for a loss whose lowest value is 0.

        Source: Balles, Romero & Hennig 2017, Coupling adaptive batch sizes with learning rates, arXiv:1612.05086.
        """
        return learning_rate * self.variance / loss if loss > 0 else math.inf


def gradient_noise(loss: Callable[[Any, Any], jax.Array], parameters: Any, batch: Any) -> GradientNoise:
    """Measure the gradients of a batch's rows.

    loss: ``loss(parameters, batch)``, the mean over the rows.  batch: a tree of arrays with rows first, at least two.
    Takes twice as long as all rows' gradients, and room for 64 of them.
    Raises InputError for fewer than two rows, or where a gradient is not finite.

    >>> rows = jnp.array([[1.0], [3.0]])
    >>> found = gradient_noise(lambda w, batch: jnp.mean(w * batch), jnp.array(1.0), rows)
    >>> found.squared_norm, found.variance, found.noise_scale
    (4.0, 2.0, 0.6666666666666666)
    """
    leaves = jax.tree.leaves(batch)
    rows = leaves[0].shape[0] if leaves else 1
    if rows < 2:
        raise InputError(f"Noise is measured between rows; received {rows}. Give a batch of two rows or more.")
    total, squares, along, lengths = (np.asarray(one, np.float64) for one in _sums(loss, parameters, batch))
    if not np.isfinite(lengths):
        raise InputError("The gradient of some row is not finite at these parameters, so its noise cannot be measured.")
    mean = total / rows
    spread = np.maximum(0.0, squares) / (rows - 1)
    norm = float(mean @ mean)
    told = spread > 0
    return GradientNoise(
        rows=rows,
        parameters=len(mean),
        squared_norm=norm,
        variance=float(spread.sum()),
        along=float(along / (rows - 1) / norm) if norm > 0 else 0.0,
        signal=float(np.mean(mean[told] ** 2 / spread[told])) if told.any() else (math.inf if norm > 0 else 0.0),
        informative=int(told.sum()),
    )


@partial(jax.jit, static_argnums=0)
def _sums(loss: Callable[[Any, Any], jax.Array], parameters: Any, batch: Any) -> tuple[jax.Array, ...]:
    """Over the rows: the sum of gradients, of their squares about the mean, of (g_i . g - |g|^2)^2, and of |g_i|^2."""
    flat, unravel = ravel_pytree(parameters)
    rows = jax.tree.leaves(batch)[0].shape[0]

    def of_row(row: Any) -> jax.Array:
        one = jax.tree.map(lambda leaf: leaf[None], row)
        return jax.grad(lambda vector: loss(unravel(vector), one))(flat)

    total = _over_rows(of_row, batch, rows)
    mean = total / rows

    def spread(row: Any) -> tuple[jax.Array, ...]:
        g = of_row(row)
        return (g - mean) ** 2, ((g - mean) @ mean) ** 2, g @ g

    return total, *_over_rows(spread, batch, rows)


def _over_rows(told: Callable[[Any], Any], batch: Any, rows: int) -> Any:
    """The sum over a batch's rows of a tree of arrays, a chunk of rows at a time."""
    whole = rows - rows % _CHUNK
    chunks = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, _CHUNK, *leaf.shape[1:]), batch)
    rest = jax.tree.map(lambda leaf: leaf[whole:], batch)

    def summed(part: Any) -> Any:
        return jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), jax.vmap(told)(part))

    found = summed(rest)
    if whole:
        found, _ = jax.lax.scan(lambda so_far, part: (jax.tree.map(jnp.add, so_far, summed(part)), None), found, chunks)
    return found
