"""The Hessian of a loss at a point: both ends of its spectrum and its density, exactly or by Lanczos."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..errors import InputError

Loss = Callable[[Any, Any], jax.Array]
Product = Callable[[jax.Array], jax.Array]  # the Hessian times a vector, (parameters,) -> (parameters,)

# So many parameters have a dense Hessian of 36 MB, whose eigenvalues take a few seconds.
EXACT = 3000
_STEPS = 80
# What the basis may hold: 2 GB.
_MOST_NUMBERS = 2**29
_NO_SECOND = (
    "The loss has no second derivative at these parameters, or none that is finite: there is a kink, an overflow, or a "
    "gradient of one's own that JAX cannot differentiate. What needs only the gradient can still be told."
)
# Of what JAX says where a gradient was written by hand or computed elsewhere.
_UNDERIVED = ("forward-mode", "custom_vjp", "callback", "JVP", "jvp")
# Beside the largest coefficient so far, a coefficient that small is rounding: the space is spent.
_SPENT = 1e-6


@dataclass(frozen=True)
class Spectrum:
    """What is known of a Hessian's eigenvalues.

    lowest, highest: the ends, with how far each may be off: |H v - lambda v| for its unit vector v, within which of the
    estimate an eigenvalue lies.  lowest_vector, highest_vector: these unit vectors, trees like the parameters.
    nodes, weights: a density of the spectrum, weights summing to one: where exact all eigenvalues, ascending and alike;
    else Lanczos's quadrature, the mean over its probes.
    parameters: how many there are.  exact: whether the Hessian was formed whole.  gradient: the share of the squared
    gradient's norm along the highest vector; NaN where the gradient is 0.
    """

    lowest: float
    highest: float
    lowest_residual: float
    highest_residual: float
    lowest_vector: Any
    highest_vector: Any
    nodes: np.ndarray
    weights: np.ndarray
    parameters: int
    exact: bool
    gradient: float

    @property
    def condition(self) -> float:
        """The highest over the median of the eigenvalues' sizes by the density; infinite where that is 0."""
        sizes = np.abs(self.nodes)
        order = np.argsort(sizes)
        middle = sizes[order][np.searchsorted(np.cumsum(self.weights[order]), 0.5)]
        return float(self.highest / middle) if middle > 0 else np.inf

    @property
    def negative(self) -> float:
        """The share of the eigenvalues that are negative beyond rounding: the index of a stationary point."""
        limit = 1e-6 * max(abs(self.lowest), abs(self.highest))
        return float(self.weights[self.nodes < -limit].sum())


def spectrum(
    loss: Loss, parameters: Any, batch: Any = (), *, scale: Any = None, steps: int = _STEPS, probes: int = 1,
    exact: int = EXACT, seed: int = 0,
) -> Spectrum:  # fmt: skip
    """The spectrum of a loss's Hessian.

    loss: ``loss(parameters, batch)``, a scalar.  parameters: any tree of float arrays.
    scale: a tree like the parameters, positive: the spectrum is then of S H S with S its diagonal, which is that of
    P^-1 H for the preconditioner P = S^-2.
    steps: of Lanczos, each a product with the Hessian; at most as many as there are parameters.
    probes: how many random starts the density is the mean of; the ends are the outermost that any found.
    exact: up to so many parameters the Hessian is formed whole, and nothing is estimated.
    Raises InputError where the loss or its second derivative is not finite there, and for no parameters.
    Source: Lanczos 1950 with full reorthogonalisation; Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159, for the
    density.

    >>> found = spectrum(lambda x, _: x[0] ** 2 - 2 * x[1] ** 2, jnp.array([1.0, 1.0]))
    >>> found.lowest, found.highest, found.negative
    (-4.0, 2.0, 0.5)
    """
    flat, unravel = ravel_pytree(parameters)
    if not flat.size:
        raise InputError("The parameters are empty, so that there is no Hessian. Give at least one array.")
    # Without a scale that of ones, so that one program serves both.
    point = _Point(parameters, batch, jax.tree.map(jnp.ones_like, parameters) if scale is None else scale)
    value, slope = _value_and_slope(point, loss=loss)
    if not np.isfinite(value):
        raise InputError(f"The loss is {value} at these parameters, so that it has no curvature to measure.")
    slope = np.asarray(slope, np.float64)
    with derivable():
        if flat.size <= exact:
            found = _whole(np.asarray(_dense(point, loss=loss), np.float64), slope)
        else:
            _check_room(flat.size, steps)
            starts = jax.random.normal(jax.random.key(seed), (probes, flat.size), flat.dtype)
            found = _estimated([_probed(loss, point, start, min(steps, flat.size)) for start in starts], slope)
    lowest, highest = (unravel(jnp.asarray(vector, flat.dtype)) for vector in (found.pop("low"), found.pop("high")))
    return Spectrum(lowest_vector=lowest, highest_vector=highest, parameters=flat.size, **found)


@contextlib.contextmanager
def derivable() -> Iterator[None]:
    """Turn what JAX says of a loss that cannot be differentiated forward, or twice, into an InputError."""
    try:
        yield
    except (TypeError, NotImplementedError, ValueError) as error:
        if isinstance(error, InputError) or not any(word in str(error) for word in _UNDERIVED):
            raise
        raise InputError(_NO_SECOND) from error


def _check_room(size: int, steps: int) -> None:
    if size * steps > _MOST_NUMBERS:
        raise InputError(
            f"{steps} Lanczos vectors of {size:,} parameters do not fit in memory. Ask for {_MOST_NUMBERS // size} "
            "steps or fewer; what needs only the gradient can be told as it is."
        )


class _Point(NamedTuple):
    """Where a Hessian is looked at: programs are found again by the loss and the shapes of these."""

    parameters: Any
    batch: Any
    scale: Any


@partial(jax.jit, static_argnames="loss")
def _value_and_slope(point: _Point, *, loss: Loss) -> tuple[jax.Array, jax.Array]:
    """The loss and its gradient, scaled, (parameters,)."""
    value, slope = jax.value_and_grad(loss)(point.parameters, point.batch)
    flat = ravel_pytree(slope)[0]
    return value, ravel_pytree(point.scale)[0] * flat


def _product(loss: Loss, point: _Point) -> Product:
    """The Hessian, scaled from both sides, times a vector."""
    flat, unravel = ravel_pytree(point.parameters)
    factor = ravel_pytree(point.scale)[0]

    def product(vector: jax.Array) -> jax.Array:
        slope = jax.grad(lambda at: loss(unravel(at), point.batch))
        return factor * jax.jvp(slope, (flat,), (factor * vector,))[1]

    return product


@partial(jax.jit, static_argnames="loss")
def _dense(point: _Point, *, loss: Loss) -> jax.Array:
    size = sum(leaf.size for leaf in jax.tree.leaves(point.parameters))
    like = jnp.eye(size, dtype=jax.tree.leaves(point.parameters)[0].dtype)
    return jax.lax.map(_product(loss, point), like, batch_size=min(64, size))


def _whole(dense: np.ndarray, slope: np.ndarray) -> dict[str, Any]:
    _check_finite(dense)
    values, vectors = np.linalg.eigh((dense + dense.T) / 2)
    return {
        "lowest": float(values[0]), "highest": float(values[-1]), "lowest_residual": 0.0, "highest_residual": 0.0,
        "low": vectors[:, 0], "high": vectors[:, -1], "nodes": values, "weights": np.full(len(values), 1 / len(values)),
        "exact": True, "gradient": _share(slope, vectors[:, -1]),
    }  # fmt: skip


class _Probe(NamedTuple):
    """Lanczos from one start: Ritz values, ascending, with their residuals, vectors as columns, and the basis."""

    values: np.ndarray
    residuals: np.ndarray
    vectors: np.ndarray
    basis: jax.Array

    def vector(self, place: int) -> np.ndarray:
        """The unit vector of one of the values, (parameters,)."""
        found = self.vectors[:, place] @ np.asarray(self.basis[: len(self.values)], np.float64)
        return found / np.linalg.norm(found)


def _probed(loss: Loss, point: _Point, start: jax.Array, steps: int) -> _Probe:
    diagonal, beside, basis = _lanczos(point, start, loss=loss, steps=steps)
    values, vectors, last = _ritz(np.asarray(diagonal, np.float64), np.asarray(beside, np.float64))
    return _Probe(values, np.abs(last * vectors[-1]), vectors, basis)


def _estimated(probes: Sequence[_Probe], slope: np.ndarray) -> dict[str, Any]:
    low, high = min(probes, key=lambda one: one.values[0]), max(probes, key=lambda one: one.values[-1])
    highest = high.vector(-1)
    return {
        "lowest": float(low.values[0]), "highest": float(high.values[-1]),
        "lowest_residual": float(low.residuals[0]), "highest_residual": float(high.residuals[-1]),
        "low": low.vector(0), "high": highest,
        "nodes": np.concatenate([one.values for one in probes]),
        "weights": np.concatenate([one.vectors[0] ** 2 / len(probes) for one in probes]),
        "exact": False, "gradient": _share(slope, highest),
    }  # fmt: skip


@partial(jax.jit, static_argnames=("loss", "steps"))
def _lanczos(point: _Point, start: jax.Array, *, loss: Loss, steps: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The tridiagonal matrix of a Krylov space, (steps,) and (steps,), and its orthonormal basis, (steps, parameters).

    Each vector is made orthogonal to all before it, twice: in float32 nothing less keeps copies of an eigenvalue out.
    """
    product = _product(loss, point)

    def step(j: jax.Array, state: tuple) -> tuple:
        basis, diagonal, beside, vector = state
        basis = basis.at[j].set(vector)
        turned = product(vector)
        diagonal = diagonal.at[j].set(turned @ vector)
        for _ in range(2):
            turned = turned - basis.T @ (basis @ turned)
        length = jnp.linalg.norm(turned)
        return basis, diagonal, beside.at[j].set(length), turned / jnp.where(length > 0, length, 1.0)

    empty = jnp.zeros((steps, start.size), start.dtype)
    first = (empty, jnp.zeros(steps, start.dtype), jnp.zeros(steps, start.dtype), start / jnp.linalg.norm(start))
    basis, diagonal, beside, _ = jax.lax.fori_loop(0, steps, step, first)
    return diagonal, beside, basis


def _ritz(diagonal: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Eigenvalues and vectors of the tridiagonal matrix, up to where its space is spent, and the next coefficient."""
    _check_finite(diagonal)
    sizes = np.maximum.accumulate(np.maximum(np.abs(diagonal), beside))
    spent = np.flatnonzero(beside <= _SPENT * sizes)
    size = int(spent[0]) + 1 if len(spent) else len(diagonal)
    matrix = np.diag(diagonal[:size]) + np.diag(beside[: size - 1], 1) + np.diag(beside[: size - 1], -1)
    values, vectors = np.linalg.eigh(matrix)
    return values, vectors, float(beside[size - 1])


def _check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise InputError(_NO_SECOND)


def _share(slope: np.ndarray, vector: np.ndarray) -> float:
    length = float(slope @ slope)
    return float((slope @ vector) ** 2 / length) if length > 0 else np.nan
