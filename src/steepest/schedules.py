"""The learning rate over steps, and whether a schedule meets the condition under which stochastic descent converges.

Each schedule is a pytree whose leaves are its numbers, steps and boundaries included: changing one never recompiles
anything. JAX builds schedules around tracers, whose values cannot be checked; plain numbers are, whenever one is built.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import Array, Scalar, count, not_negative, positive
from .errors import InputError, unknown

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


@dataclass(frozen=True)
class _Decay(Schedule):
    """From one rate to another in so many steps, and constant after; subclasses say along which curve."""

    initial: Scalar
    final: Scalar
    steps: Scalar

    def _left(self, a: Array, space: Any) -> Array:
        """How much of the initial rate is left, from 1 to 0, when a share a of the steps is done."""
        raise NotImplementedError

    def _rate(self, k: Array, space: Any) -> Array:
        left = self._left(space.minimum(k / self.steps, 1.0), space)
        return left * self.initial + (1 - left) * self.final


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LinearDecay(_Decay):
    """From one rate to another along a straight line, and constant after: (1 - a) initial + a final, a = k / steps.

    >>> decay = LinearDecay(0.1, 0.02, steps=100)
    >>> decay(0), round(decay(50), 6), decay(100), decay(1000)
    (0.1, 0.06, 0.02, 0.02)
    """

    def _left(self, a: Array, space: Any) -> Array:
        return 1 - a


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Polynomial(_Decay):
    """From one rate to another along (1 - k / steps)^power, and constant after; power 1 is the straight line.

    >>> Polynomial(0.1, 0.02, steps=100, power=2.0)(50)
    0.04
    """

    power: Scalar = 2.0

    def _left(self, a: Array, space: Any) -> Array:
        return (1 - a) ** self.power


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Cosine(_Decay):
    """From one rate to another along half a cosine wave, and constant after.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, without its restarts.

    >>> wave = Cosine(0.1, 0.02, steps=100)
    >>> wave(0), round(wave(50), 6), wave(100)
    (0.1, 0.06, 0.02)
    """

    def _left(self, a: Array, space: Any) -> Array:
        return 0.5 + 0.5 * space.cos(math.pi * a)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class InverseTime(Schedule):
    """initial / (1 + decay k)^power: the classic that meets the convergence condition for power in (1/2, 1].

    decay: per step.  Robbins & Monro 1951, doi:10.1214/aoms/1177729586.

    >>> InverseTime(0.1, decay=0.5)(2)
    0.05
    """

    initial: Scalar
    decay: Scalar
    power: Scalar = 1.0

    def _rate(self, k: Array, space: Any) -> Array:
        return self.initial / (1 + self.decay * k) ** self.power


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Exponential(Schedule):
    """initial factor^(k / steps): multiplied by the factor every so many steps, smoothly. A factor above 1 grows.

    >>> round(Exponential(0.1, factor=0.25, steps=100)(50), 6)
    0.05
    """

    initial: Scalar
    factor: Scalar
    steps: Scalar

    def _rate(self, k: Array, space: Any) -> Array:
        return self.initial * self.factor ** (k / self.steps)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Steps(Schedule):
    """A staircase: multiplied by the factor at once, every so many steps.

    >>> stairs = Steps(0.1, factor=0.5, every=100)
    >>> stairs(99), stairs(100), stairs(250)
    (0.1, 0.05, 0.025)
    """

    initial: Scalar
    factor: Scalar
    every: Scalar

    def _rate(self, k: Array, space: Any) -> Array:
        return self.initial * self.factor ** (k // self.every)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight rise to the first rate of another schedule, which begins to count when the rise is over.

    Step 0 already moves, by 1 / (steps + 1) of that rate, and step number ``steps`` is the first at all of it.
    schedule: what follows, a schedule or a number.  steps: length of the rise.

    >>> warm = Warmup(Constant(0.1), steps=4)
    >>> [round(warm(k), 6) for k in range(6)]
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    """

    schedule: Any
    steps: Scalar

    def _rate(self, k: Array, space: Any) -> Array:
        rise = space.minimum((k + 1) / (self.steps + 1), 1.0)
        return rise * self.schedule(space.maximum(k - self.steps, 0.0))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Joined(Schedule):
    """One schedule after another, each counting from its own beginning.

    schedules: two or more, schedules or numbers.  boundaries: rising, the step at which each but the first begins.

    >>> joined = Joined((0.1, LinearDecay(0.05, 0.01, steps=10)), boundaries=(100,))
    >>> joined(99), joined(100), joined(110)
    (0.1, 0.05, 0.01)
    """

    schedules: tuple[Any, ...]
    boundaries: tuple[Scalar, ...]

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


@dataclass(frozen=True)
class ConvergenceCondition:
    """Whether a schedule meets the condition: rates that sum to infinity, squared rates that do not."""

    holds: bool
    sum_is_infinite: bool
    sum_of_squares_is_finite: bool
    reason: str


def convergence_condition(schedule: Schedule) -> ConvergenceCondition:
    """Whether stochastic descent can reach any distance (sum of rates infinite) and yet settle (of squares finite).

    Only the tail decides: where the rate falls like k^-p, the rates sum to infinity for p <= 1, and their squares to
    something finite for p > 1/2. Sufficient for convergence, not necessary: Robbins & Monro 1951.

    >>> print(convergence_condition(Constant(0.1)).reason)
    The rate ends constant: the steps can reach any distance, but the noise of the gradient never dies out.
    """
    p = _tail_exponent(schedule)
    infinite, finite = p <= 1, p > 0.5
    distance = "reach any distance" if infinite else "only add up to a limited distance"
    noise = "dies out" if finite else "never dies out"
    link = "and" if infinite == finite else "but"
    reason = f"The rate {_ending(p)}: the steps can {distance}, {link} the noise of the gradient {noise}."
    return ConvergenceCondition(infinite and finite, infinite, finite, reason)


def _tail_exponent(schedule: Schedule) -> float:
    """p where the rate at last falls like k^-p: 0 where it ends constant, infinity where it ends at 0."""
    match schedule:
        case Constant() | InverseTime(decay=0.0) | Exponential(factor=1.0) | Steps(factor=1.0):
            return 0.0
        case _Decay():
            return 0.0 if schedule.final > 0 else math.inf
        case InverseTime():
            return schedule.power
        case Exponential() | Steps():  # geometric decay beats every power of k, and so does growth
            return math.copysign(math.inf, 1 - schedule.factor)
        case Warmup():
            return _tail_exponent(schedule.schedule)
        case Joined():
            return _tail_exponent(schedule.schedules[-1])
    raise InputError(f"How {type(schedule).__name__} ends is not known here; received {schedule!r}.")


def _ending(p: float) -> str:
    if math.isinf(p):
        return "ends at 0 or falls geometrically" if p > 0 else "grows without end"
    return f"falls like k^-{p:g}" if p else "ends constant"


def over_run(name: str, learning_rate: float, steps: int, *, warmup: int = 0) -> Schedule:
    """A schedule by name, spread over a run of so many steps.

    constant; linear and exponential fall to a hundredth at the end, polynomial (quadratic) and cosine to 0; steps
    halves at each tenth of the run; inverse-time falls to a tenth.  warmup: steps of a straight rise before it.
    Raises InputError for an unknown name and for numbers out of range.

    >>> over_run("linear", 0.1, 100)(100)
    0.001
    """
    after = max(1, steps - warmup)
    made = {
        "constant": lambda: Constant(learning_rate),
        "linear": lambda: LinearDecay(learning_rate, learning_rate / 100, after),
        "cosine": lambda: Cosine(learning_rate, 0.0, after),
        "polynomial": lambda: Polynomial(learning_rate, 0.0, after, 2.0),
        "exponential": lambda: Exponential(learning_rate, 0.01, after),
        "steps": lambda: Steps(learning_rate, 0.5, max(1, after // 10)),
        "inverse-time": lambda: InverseTime(learning_rate, 9.0 / after),
    }
    if name not in made:
        raise unknown("schedule", name, made)
    schedule = made[name]()
    return Warmup(schedule, warmup) if warmup else schedule
