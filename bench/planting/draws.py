"""What makers of planted runs share: what they return, and how they draw."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st

Random = np.random.Generator


class Planted(NamedTuple):
    """A run that has the trouble.

    details: the parameters that were drawn.  also: what necessarily comes along.  siblings: other runs of the problem.
    most: what there is to gain at most, as in ``falls_short``.
    """

    run: st.Run
    details: dict[str, Any]
    also: frozenset[str] = frozenset()
    siblings: tuple[st.Run, ...] = ()
    most: float = math.inf


def choose(random: Random, options: Any) -> Any:
    """One of some, all alike."""
    return options[int(random.integers(len(options)))]


def between(random: Random, low: float, high: float) -> float:
    """Log-uniform between two positive numbers."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def rotation(random: Random, n: int, chance: float = 0.5) -> np.ndarray:
    """A random orthogonal matrix, or the identity."""
    if n == 1 or random.random() > chance:
        return np.eye(n)
    return np.linalg.qr(random.standard_normal((n, n)))[0]


def constant(constant: Any, p: Any) -> Any:
    """A constant in the precision of the parameters."""
    return jnp.asarray(constant, p.dtype)


def own(name: str, start: Any, value: Any) -> st.Problem:
    """A loss of a vector, begun at a point."""
    return st.Problem(init=np.asarray(start, np.float32), loss=value, name=name)


def direction(random: Random, n: int) -> np.ndarray:
    """A unit vector, any alike."""
    drawn = random.standard_normal(n)
    return drawn / np.linalg.norm(drawn)


def hessian(surface: Any, at: Any) -> np.ndarray:
    """Of a surface at a point, in float32."""
    return np.asarray(jax.hessian(surface.value)(jnp.asarray(at, jnp.float32)), float)
