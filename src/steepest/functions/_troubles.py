"""Surfaces that have one trouble each: saddles, bad conditioning, a cliff, a plateau."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError
from ._classics import Start
from ._surface import Stationary, Surface, check_dimensions


def bounded_saddle(start: Start = (1.0, 1e-3)) -> Surface:
    """A saddle between two minima: x^2/2 + y^4/4 - y^2/2; eigenvalues 1 and -1 at (0, 0), minima -1/4 at (0, +-1).

    Unlike x^2 - y^2 it has somewhere to arrive. Source: own; the normal form of a pitchfork.
    """
    return Surface(
        lambda p: p[0] ** 2 / 2 + p[1] ** 4 / 4 - p[1] ** 2 / 2,
        name="bounded_saddle", formula="x^2/2 + y^4/4 - y^2/2", source="normal form", start=start,
        box=((-2, 2), (-2, 2)),
        stationary=[
            Stationary((0.0, 0.0), 0.0, "saddle"),
            Stationary((0.0, 1.0), -0.25, "minimum"), Stationary((0.0, -1.0), -0.25, "minimum"),
        ],
    )  # fmt: skip


def strict_saddle(start: Start = (1.0, 1e-3)) -> Surface:
    """A saddle that falls for ever: 5 x^2 - y^2, eigenvalues 10 and -2.

    Source: Dauphin et al. 2014, Identifying and attacking the saddle point problem, arXiv:1406.2572, figure 1.
    """
    return Surface(
        lambda p: 5 * p[0] ** 2 - p[1] ** 2,
        name="strict_saddle", formula="5 x^2 - y^2", source="Dauphin et al. 2014", start=start,
        box=((-2, 2), (-2, 2)), stationary=[Stationary((0.0, 0.0), 0.0, "saddle")],
    )  # fmt: skip


def monkey_saddle(start: Start = (0.5, 0.5)) -> Surface:
    """A saddle with a dip for the tail: x^3 - 3 x y^2; at (0, 0) its whole Hessian is 0: the third order tells.

    Source: Dauphin et al. 2014, arXiv:1406.2572, figure 1.
    """
    return Surface(
        lambda p: p[0] ** 3 - 3 * p[0] * p[1] ** 2,
        name="monkey_saddle", formula="x^3 - 3 x y^2", source="Dauphin et al. 2014", start=start,
        box=((-2, 2), (-2, 2)), stationary=[Stationary((0.0, 0.0), 0.0, "degenerate")],
    )  # fmt: skip


def scalar_chain(depth: int = 4, start: Start | None = None) -> Surface:
    """A deep network of one unit a layer and no activation: (w_1 w_2 ... w_n - 1)^2.

    At 0 it has a saddle of the order of its depth: two layers have eigenvalues +-2, more have a Hessian of 0. The
    minima are not points: they fill the surface w_1 w_2 ... w_n = 1.
    start: 0.1 in each layer unless given. Source: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120.
    """
    check_dimensions(depth)
    if depth < 2:
        raise InputError(f"A chain has two layers or more; received {depth}. Try 4.")
    at = (0.0,) * depth
    return Surface(
        lambda p: (jnp.prod(p) - 1) ** 2,
        name="scalar_chain", formula="(w_1 w_2 ... w_n - 1)^2", source="Saxe et al. 2014",
        start=(0.1,) * depth if start is None else start, box=((-2, 2),) * depth,
        stationary=[Stationary(at, 1.0, "saddle" if depth == 2 else "degenerate")], complete=False,
    )  # fmt: skip


def quadratic(
    condition: float = 100.0, start: Start | None = None, *, dimensions: int = 2, rotated: bool = False, seed: int = 0
) -> Surface:
    """A bowl of known spectrum: x' Q diag(1, ..., kappa) Q' x / 2, the eigenvalues evenly spaced in their logarithm.

    condition: kappa, 1 or more.  rotated: by a random Q that *seed* draws, which diagonal methods cannot undo.
    start: at a distance of 1 along every eigenvector unless given.
    Raises InputError for a condition number below 1 or fewer than one dimension.
    """
    check_dimensions(dimensions)
    if not (isinstance(condition, int | float) and 1 <= condition < math.inf):
        raise InputError(f"The condition number is 1 or more, and finite; received {condition!r}. Try 100.")
    spectrum = np.geomspace(1.0, condition, dimensions) if dimensions > 1 else np.ones(1)
    basis = np.eye(dimensions)
    if rotated:
        basis, upper = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimensions, dimensions)))
        basis = basis * np.sign(np.diag(upper))
    first = tuple(basis.sum(axis=1).tolist()) if start is None else start

    def value(p: Array) -> Array:
        along = jnp.asarray(basis, p.dtype).T @ p
        return jnp.sum(jnp.asarray(spectrum, p.dtype) * along**2) / 2

    return Surface(
        value, name="quadratic", formula=f"x' Q diag(1, ..., {condition:g}) Q' x / 2", source="its spectrum",
        start=first, box=((-2, 2),) * dimensions, stationary=[Stationary((0.0,) * dimensions, 0.0, "minimum")],
    )  # fmt: skip


def cliff(start: Start = (-1.0, 1.0), *, steepness: float = 30.0) -> Surface:
    """A gentle slope to a bowl, and across it a wall: y^2/20 + x^2/2 + softplus(s (x - 1)) on the right of the bowl.

    To the right of x = 1 the gradient is at once about *steepness* times what it is on the left: whoever steps into the
    wall is thrown back by as much. Lowest near (0, 0).
    Source: after Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, figure 6.
    """
    if not (isinstance(steepness, int | float) and 0 < steepness < math.inf):
        raise InputError(f"The steepness is positive and finite; received {steepness!r}. Try 30.")

    def value(p: Array) -> Array:
        wall = steepness * jax.nn.softplus(20 * (p[0] - 1)) / 20
        return p[1] ** 2 / 20 + p[0] ** 2 / 2 + wall

    return Surface(
        value, name="cliff", formula=f"x^2/2 + y^2/20 + {steepness:g} softplus(20 (x - 1))/20",
        source="after Pascanu et al. 2013", start=start, box=((-2, 2), (-2, 2)), complete=False,
    )  # fmt: skip


def sigmoid_well(start: Start = (3.0, 2.0), *, steepness: float = 1.0, dimensions: int = 2) -> Surface:
    """A well in a plateau: sigmoid(s (|x|^2 - 1)), lowest at 0; far away the gradient vanishes like exp(-s |x|^2).

    steepness: s; the larger, the flatter the plateau.
    """
    check_dimensions(dimensions)
    if not (isinstance(steepness, int | float) and 0 < steepness < math.inf):
        raise InputError(f"The steepness is positive and finite; received {steepness!r}. Try 1.")
    start = (3.0, 2.0, *(0.0,) * dimensions)[:dimensions] if start == (3.0, 2.0) else start
    lowest = 1 / (1 + math.exp(steepness))
    return Surface(
        lambda p: jax.nn.sigmoid(steepness * (jnp.sum(p**2) - 1)),
        name="sigmoid_well", formula=f"sigmoid({steepness:g} (|x|^2 - 1))", source="its plateau", start=start,
        box=((-4, 4),) * dimensions, stationary=[Stationary((0.0,) * dimensions, lowest, "minimum")],
    )  # fmt: skip


def eigenvalues(surface: Surface, at: Sequence[float]) -> np.ndarray:
    """Of the Hessian at a point, ascending, (dimensions,), in the precision that JAX is set to."""
    return np.linalg.eigvalsh(np.asarray(_hessian(surface.value, jnp.asarray(at)), float))


@partial(jax.jit, static_argnums=0)
def _hessian(value: Callable[[jax.Array], jax.Array], at: jax.Array) -> jax.Array:
    return jax.hessian(value)(at)
