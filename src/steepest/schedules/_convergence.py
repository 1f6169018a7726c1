"""Whether a schedule meets the condition under which stochastic descent converges."""

import math
from dataclasses import dataclass

from ..errors import InputError
from ._composed import Joined, Warmup
from ._schedule import Constant, Schedule
from ._shapes import Decay, Exponential, InverseTime, Steps


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
        case Decay():
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
