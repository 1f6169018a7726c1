"""Schedules made of schedules."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax

from ..arrays import Array, Scalar
from ..errors import InputError
from ._schedule import Schedule


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight rise to the first rate of another schedule, which begins to count when the rise is over.

    Step 0 already moves, by 1 / (steps + 1) of that rate, and step number ``steps`` is the first at all of it.
    schedule: what follows, a schedule or a number.  steps: length of the rise.

    >>> from steepest.schedules import Constant
    >>> warm = Warmup(Constant(0.1), steps=4)
    >>> [round(warm(k), 6) for k in range(6)]
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    """

    schedule: Any
    steps: Scalar

    @property
    def nominal(self) -> float:
        """The rate at the end of the rise."""
        return self.schedule.nominal

    def _rate(self, k: Array, space: Any) -> Array:
        rise = space.minimum((k + 1) / (self.steps + 1), 1.0)
        return rise * self.schedule(space.maximum(k - self.steps, 0.0))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Joined(Schedule):
    """One schedule after another, each counting from its own beginning.

    schedules: two or more, schedules or numbers.  boundaries: rising, the step at which each but the first begins.

    >>> from steepest.schedules import LinearDecay
    >>> joined = Joined((0.1, LinearDecay(0.05, 0.01, steps=10)), boundaries=(100,))
    >>> joined(99), joined(100), joined(110)
    (0.1, 0.05, 0.01)
    """

    schedules: tuple[Any, ...]
    boundaries: tuple[Scalar, ...]

    @property
    def nominal(self) -> float:
        """That of the first schedule."""
        return self.schedules[0].nominal

    def __post_init__(self) -> None:
        super().__post_init__()
        schedules, boundaries = len(self.schedules), len(self.boundaries)
        if schedules != boundaries + 1 or schedules < 2:
            received = f"{schedules} schedules and {boundaries} boundaries"
            raise InputError(f"Joined needs one boundary fewer than schedules, of which two; received {received}.")
        known = [boundary for boundary in self.boundaries if isinstance(boundary, int)]
        if any(later <= earlier for earlier, later in pairwise(known)):
            raise InputError(f"boundaries must rise; received {self.boundaries}. Try {tuple(sorted(set(known)))}.")

    def _rate(self, k: Array, space: Any) -> Array:
        rate = self.schedules[0](k)
        for boundary, schedule in zip(self.boundaries, self.schedules[1:], strict=True):
            rate = space.where(k < boundary, rate, schedule(space.maximum(k - boundary, 0.0)))
        return rate
