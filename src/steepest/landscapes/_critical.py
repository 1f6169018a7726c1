"""Points where the gradient vanishes, found by Newton's method from many starts and told apart by their eigenvalues."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..functions import Kind, Surface, kind_of

_STEPS = 100
# A step is no longer than that share of the box, so that a flat place does not throw it out.
_LONGEST = 0.05
_MOST_DIMENSIONS = 200


class Critical(NamedTuple):
    """A point where the gradient vanishes.

    at: (dimensions,).  value: the height.  gradient: the largest entry left of it, in size.
    eigenvalues: of the Hessian, ascending.  kind: by their signs.  starts: how many ended there.
    """

    at: np.ndarray
    value: float
    gradient: float
    eigenvalues: np.ndarray
    kind: Kind
    starts: int


def critical_points(
    surface: Surface, *, starts: int | Sequence[Sequence[float]] = 400, seed: int = 0, inside: bool = True
) -> list[Critical]:
    """The critical points of a test function, the lowest first.

    starts: how many points of its box to draw, or which points to begin at.  inside: only those within the box.
    Newton's method is drawn to saddles as to minima. Computed in float64; a gradient is taken as 0 at a ten-millionth
    of the largest eigenvalue, and points nearer than a hundred-thousandth of the box as one.
    Raises InputError for more than 200 dimensions, or a start that is not a point of the surface.
    """
    if surface.dimensions > _MOST_DIMENSIONS:
        raise InputError(
            f"Newton's method forms the whole Hessian; {surface.name} has {surface.dimensions} dimensions. Give a "
            f"surface of {_MOST_DIMENSIONS} or fewer."
        )
    low, high = np.array(surface.box, float).T
    begun = _starts(surface, starts, seed)
    with jax.enable_x64(True):
        points = _newton(surface.value, jnp.asarray(begun), jnp.asarray(_LONGEST * (high - low).max()))
        usual = np.abs(np.linalg.eigvalsh(np.asarray(jax.vmap(jax.hessian(surface.value))(jnp.asarray(begun)))))
        measured = (jax.grad(surface.value), jax.hessian(surface.value), surface.value)
        ended, slopes, hessians, heights = (
            np.asarray(one) for one in (points, *(jax.vmap(told)(points) for told in measured))
        )
    good = np.isfinite(ended).all(axis=1) & np.isfinite(hessians).all(axis=(1, 2)) & np.isfinite(heights)
    if inside:
        good &= ((ended >= low - 1e-9) & (ended <= high + 1e-9)).all(axis=1)
    # Where the whole Hessian vanishes, what Newton's method has left of it is small beside that of other places.
    size, found = float(np.median(usual.max(axis=1))), list[Critical]()
    for i in np.flatnonzero(good):
        spectrum, slope = np.linalg.eigvalsh(hessians[i]), float(np.abs(slopes[i]).max())
        if slope > 1e-7 * max(1e-3, float(np.abs(spectrum).max())):
            continue
        place = next((n for n, one in enumerate(found) if _near(one.at, ended[i], high - low)), None)
        if place is None:
            found.append(Critical(ended[i], float(heights[i]), slope, spectrum, kind_of(spectrum.tolist(), size), 1))
        else:
            found[place] = found[place]._replace(starts=found[place].starts + 1)
    return sorted(found, key=lambda one: one.value)


def _near(one: np.ndarray, other: np.ndarray, size: np.ndarray) -> bool:
    return bool((np.abs(one - other) <= 1e-5 * size).all())


def _starts(surface: Surface, starts: int | Sequence[Sequence[float]], seed: int) -> np.ndarray:
    if isinstance(starts, int) and not isinstance(starts, bool) and starts >= 1:
        from scipy.stats import qmc

        low, high = np.array(surface.box, float).T
        return qmc.scale(qmc.Halton(surface.dimensions, rng=seed).random(starts), low, high)
    try:
        points = np.asarray(starts, float)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != surface.dimensions or not np.isfinite(points).all():
        raise InputError(
            f"starts is how many, or points of {surface.dimensions} finite numbers each; received {starts!r}. Try 400."
        )
    return points


@partial(jax.jit, static_argnums=0)
def _newton(value: Any, starts: jax.Array, longest: jax.Array) -> jax.Array:
    """Where Newton's method ends from each start, (starts, dimensions).

    Along eigenvectors whose eigenvalue is next to nothing it does not move.
    """
    slope, curvature = jax.grad(value), jax.hessian(value)

    def step(_: int, at: jax.Array) -> jax.Array:
        values, vectors = jnp.linalg.eigh(curvature(at))
        flat = jnp.abs(values) <= 1e-12 * jnp.max(jnp.abs(values))
        along = jnp.where(flat, 0.0, (vectors.T @ slope(at)) / jnp.where(flat, 1.0, values))
        move = vectors @ along
        length = jnp.linalg.norm(move)
        return at - move * jnp.minimum(1.0, longest / jnp.where(length > 0, length, 1.0))

    return jax.vmap(lambda start: jax.lax.fori_loop(0, _STEPS, step, start))(starts)
