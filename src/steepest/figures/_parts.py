"""Ways over functions of any number of coordinates, as arrays."""

from typing import Any

import numpy as np

from ..functions import Surface
from ..landscapes import walk
from ..optimizer import Optimizer
from ..problems import Problem


def way_of(problem: Surface | Problem, optimizer: Optimizer | str, steps: int, **more: Any) -> np.ndarray:
    """Every point that an optimizer goes through, (steps + 1, dimensions), fewer where it leaves what is finite."""
    (instance,) = problem.instances([0])
    return np.stack([np.asarray(at) for at in walk(problem, optimizer, steps, instance=instance, **more).points])


def heights_along(surface: Surface, points: np.ndarray) -> np.ndarray:
    """The surface at points, (points,)."""
    import jax
    import jax.numpy as jnp

    return np.asarray(jax.vmap(surface.value)(jnp.asarray(points, jnp.float32)), float)
