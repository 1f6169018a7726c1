"""What a schedule is: the learning rate at step 0, 1, ..., as a pytree of numbers.

JAX builds schedules around tracers, whose values cannot be checked; plain numbers are, whenever one is built.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..arrays import Array, Scalar, count, not_negative, positive
from ..errors import InputError

# One concept has one name, so its name says what a number must be.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "rate": lambda rate: positive("learning_rate", rate, hint="1e-3"),
    "initial": lambda initial: positive("initial", initial, hint="1e-3"),
    "final": lambda final: not_negative("final", final, hint="0"),
    "decay": lambda decay: not_negative("decay", decay, hint="1e-3"),
    "factor": lambda factor: positive("factor", factor, hint="0.5"),
    "power": lambda power: positive("power", power, hint="1"),
    "steps": lambda steps: count("steps", steps, hint="1000"),
    "every": lambda every: count("every", every, hint="1000"),
    # JAX may build the outer schedule around a placeholder for the inner one, which is left alone.
    "schedule": lambda inner: as_schedule(inner) if isinstance(inner, int | float | np.number | str) else inner,
    "schedules": lambda inner: tuple(_CHECKS["schedule"](each) for each in inner),
    "boundaries": lambda boundaries: tuple(count("a boundary", each, hint="1000") for each in boundaries),
}


class Schedule:
    """What every schedule offers; subclasses say the rate itself."""

    def __call__(self, k: Array) -> Array:
        """The learning rate at step k = 0, 1, ...: a float for a plain number, an array shaped like k otherwise."""
        if any(isinstance(number, jax.Array) for number in jax.tree.leaves((k, self))):
            return self._rate(1.0 * k, jnp)  # times 1.0 keeps JAX's weak type, which adapts to the parameter's
        rate = self._rate(np.asarray(k, float), np)
        return rate if np.ndim(rate) else float(rate)

    @property
    def nominal(self) -> float:
        """The rate that was asked for: before any decay, and after any warm-up."""
        for name in ("rate", "initial"):
            if hasattr(self, name):
                return float(getattr(self, name))
        return float(self(0))

    def scaled(self, factor: float) -> "Schedule":
        """The same schedule with every rate in it times a number.

        >>> Constant(0.1).scaled(3)
        Constant(rate=0.30000000000000004)
        """
        changed: dict[str, Any] = {}
        for name in ("rate", "initial", "final"):
            if hasattr(self, name):
                changed[name] = getattr(self, name) * factor
        if hasattr(self, "schedule"):
            changed["schedule"] = self.schedule.scaled(factor)
        if hasattr(self, "schedules"):
            changed["schedules"] = tuple(one.scaled(factor) for one in self.schedules)
        return replace(self, **changed)  # type: ignore[type-var]

    def _rate(self, k: Array, space: Any) -> Array:
        """The rate at step k, a float.  space: numpy or jax.numpy."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            if hasattr(self, name):
                object.__setattr__(self, name, check(getattr(self, name)))  # frozen, but still being built


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step."""

    rate: Scalar

    def _rate(self, k: Array, space: Any) -> Array:
        return self.rate + 0 * k


def as_schedule(learning_rate: Any) -> Schedule:
    """A schedule as it is, a number as a constant one. InputError for anything else and for rates out of range.

    >>> as_schedule(0.1)
    Constant(rate=0.1)
    """
    if isinstance(learning_rate, Schedule):
        return learning_rate
    if isinstance(learning_rate, int | float | np.number | jax.Array) and not isinstance(learning_rate, bool):
        return Constant(learning_rate)
    raise InputError(f"learning_rate must be a number or a schedule; received {learning_rate!r}. Try 1e-3.")
