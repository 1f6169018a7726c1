"""Where a step lands in the valley it crosses: short of the floor, on it, or up the other side."""

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
from ._spectrum import derivable

# A weight is one over a variance; where rows agree to rounding, that of rounding.
_LEAST_VARIANCE = 1e-14


@dataclass(frozen=True)
class StepCurvature:
    """A parabola along a step, through the losses and slopes at both of its ends.

    alpha: -1 where the step went nowhere, 0 where it landed on the floor of the parabola, 1 where it landed as high as
    it began on the other side, more where higher; -1, too, where the parabola opens downward, which has no floor.
    concave: whether it does.  curvature: the second derivative along the unit step.
    length: of the step.  losses, slopes: the means at its beginning and its end, slopes along the unit step.
    """

    alpha: float
    concave: bool
    curvature: float
    length: float
    losses: tuple[float, float]
    slopes: tuple[float, float]


def step_curvature(loss: Callable[[Any, Any], jax.Array], parameters: Any, step: Any, batch: Any = ()) -> StepCurvature:
    """Measure a step.

        f(s) = w0 + w1 s + w2 s^2 by least squares on f(0), f(t), f'(0), f'(t), weighted by 1 / variance over the rows
        alpha = 2 t / (-w1 / w2) - 1

    loss: ``loss(parameters, batch)``, the mean over the rows.  step: a tree like the parameters, what is added to them.
    Without rows, or with one, all four count alike.
    Raises InputError for a step of no length, or where a loss or slope is not finite.
    Source: Schneider, Dangel & Hennig 2021, Cockpit, arXiv:2102.06604; Mutschler & Zell 2020.

    >>> halfway = step_curvature(lambda x, _: x**2, jnp.array(1.0), jnp.array(-0.5))
    >>> round(halfway.alpha, 6), round(halfway.curvature, 6), halfway.concave
    (-0.5, 2.0, False)
    """
    length = float(jnp.linalg.norm(ravel_pytree(step)[0]))
    if not (math.isfinite(length) and length > 0):
        raise InputError(f"The step has the length {length:g}; a step of some finite length can be measured.")
    with derivable():
        ends = [np.asarray(one, np.float64) for one in _ends(loss, parameters, step, batch, jnp.float32(length))]
    if not all(np.isfinite(one).all() for one in ends):
        raise InputError("The loss or its slope is not finite at an end of the step, so no parabola fits it.")
    means = np.array([one.mean() for one in ends])
    rows = len(ends[0])
    spread = np.array([one.var(ddof=1) for one in ends]) if rows > 1 else np.zeros(4)
    alpha, concave, curvature = parabola(means, spread, length)
    first, last, down, up = means.tolist()
    return StepCurvature(alpha, concave, curvature, length, (first, last), (down, up))


def parabola(means: np.ndarray, variances: np.ndarray, length: float) -> tuple[float, bool, float]:
    """(alpha, whether it opens downward, its second derivative) of losses and slopes f(0), f(t), f'(0), f'(t)."""
    t = length
    design = np.array([[1, 0, 0], [1, t, t * t], [0, 1, 0], [0, 1, 2 * t]])
    floor = _LEAST_VARIANCE * np.maximum(means**2, 1e-300)
    weights = 1 / np.maximum(variances, floor) if (variances > floor).any() else np.ones(4)
    root = np.sqrt(weights / weights.max())[:, None]
    w1, w2 = np.linalg.lstsq(root * design, root[:, 0] * means, rcond=None)[0][1:]
    if w2 <= 0 or w1 == 0:
        return -1.0, bool(w2 < 0), 2 * float(w2)
    return float(-2 * t * w2 / w1 - 1), False, 2 * float(w2)


@partial(jax.jit, static_argnums=0)
def _ends(
    loss: Callable[[Any, Any], jax.Array], parameters: Any, step: Any, batch: Any, length: jax.Array
) -> tuple[jax.Array, ...]:
    """Of each row the losses at both ends of the step and the slopes there along it: four arrays (rows,)."""
    along = jax.tree.map(lambda leaf: leaf / length, step)
    last = jax.tree.map(jnp.add, parameters, step)

    def at(point: Any, row: Any) -> tuple[jax.Array, jax.Array]:
        return jax.jvp(lambda one: loss(one, row), (point,), (along,))

    leaves = jax.tree.leaves(batch)
    if not leaves:
        pairs = [at(point, batch) for point in (parameters, last)]
        pairs = [(value[None], slope[None]) for value, slope in pairs]
    else:
        ones = jax.tree.map(lambda leaf: leaf[:, None], batch)
        pairs = [jax.vmap(partial(at, point))(ones) for point in (parameters, last)]
    (first, down), (second, up) = pairs
    return first, second, down, up
