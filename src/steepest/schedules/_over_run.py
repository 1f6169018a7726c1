"""Schedules by name, spread over a run."""

from ..errors import unknown
from ._composed import Warmup
from ._schedule import Constant, Schedule
from ._shapes import Cosine, Exponential, InverseTime, LinearDecay, Polynomial, Steps


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
