"""Hyperparameters to search besides the learning rate: one list, and as many configurations for every optimizer."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from ..errors import InputError, unknown
from ..optimizer import Optimizer
from ..rules import proper_name


class Range(NamedTuple):
    """Where a hyperparameter is searched, evenly in its logarithm, or in that of 1 less it where *from_one*."""

    low: float
    high: float
    from_one: bool = False

    def at(self, share: float) -> float:
        """The value at a share of the way from one end to the other, to two digits.

        >>> Range(0.0, 0.99, from_one=True).at(0.5), Range(1e-10, 1e-2).at(1.0)
        (0.9, 0.01)
        """
        if self.from_one:
            return _rounded(1 - _rounded(_between(1 - self.low, 1 - self.high, share), 2), 6)
        return _rounded(_between(self.low, self.high, share), 2)


# From none, or the least in use, to the most that is: what an average forgets matters by its length, 1 / (1 - value).
SPACE: Mapping[str, Range] = MappingProxyType(
    {
        "momentum": Range(0.0, 0.99, from_one=True),
        "b1": Range(0.0, 0.99, from_one=True),
        "b2": Range(0.9, 0.9999, from_one=True),
        "decay": Range(0.5, 0.999, from_one=True),
        "epsilon": Range(1e-10, 1e-2),
        "weight_decay": Range(1e-4, 1.0),
    }
)
# Configurations that each optimizer draws, and so many more for each hyperparameter that is searched.
_DRAWN, _EACH = 8, 8
# Learning rates are drawn so many decades to either side of the one that tuning alone has found.
_DECADES = 1.0


def check_search(search: Sequence[str], optimizers: Mapping[str, Optimizer]) -> tuple[str, ...]:
    """The hyperparameters to search, each once; InputError for one not in ``SPACE``, or that no optimizer has."""
    if isinstance(search, str) or not isinstance(search, Iterable) or not all(isinstance(one, str) for one in search):
        raise InputError(f'search is a list of hyperparameters, such as ["momentum"]; received {search!r}.')
    for knob in search:
        if knob not in SPACE:
            raise unknown("hyperparameter to search", knob, SPACE)
        if not any(knob in one.hyperparameters for one in optimizers.values()):
            names = " and ".join(map(proper_name, optimizers))
            raise InputError(
                f"There is no '{knob}' to search: {names} {'have' if len(optimizers) > 1 else 'has'} none. Leave it "
                "out, or race an optimizer that has."
            )
    return tuple(dict.fromkeys(search))


def count_drawn(search: Sequence[str]) -> int:
    """How many configurations each optimizer draws where these hyperparameters are searched."""
    return _DRAWN + _EACH * len(search) if search else 0


def drawn(one: Optimizer, rate: float, search: Sequence[str], tried: Sequence[float]) -> list[Optimizer]:
    """An optimizer's configurations to try: those hyperparameters that it has, each with a learning rate of its own.

    rate: around which rates are drawn.  tried: rates it has run at; none of them is drawn, nor its own, nor any twice.
    The points are Halton's, the same for all optimizers; one that has none of the hyperparameters draws rates alone.
    With momentum m the rates are as much smaller as its steps are longer, (1 - m) to 1 less the momentum it has.
    """
    from scipy.stats import qmc

    # Halves, Halton's first column, would draw rates of the grid again.
    points = qmc.Halton(2 + len(search), scramble=False).random(count_drawn(search) + 1)[1:, 1:].tolist()
    found, taken = list[Optimizer](), [*tried, one.learning_rate]
    for first, *rest in points:
        shares = zip(search, rest, strict=True)
        knobs = {knob: SPACE[knob].at(share) for knob, share in shares if knob in one.hyperparameters}
        at = rate * 10 ** (_DECADES * (2 * first - 1))
        if "momentum" in knobs:
            at *= (1 - knobs["momentum"]) / (1 - one.hyperparameters["momentum"])
        taken.append(untaken(_rounded(at, 3), taken))
        found.append(configured(one, taken[-1], knobs))
    return found


def untaken(rate: float, taken: Sequence[float]) -> float:
    """The rate, or the next one a thousandth higher that is none of those taken.

    Within a race an optimizer's rate names its configuration, its own rate the untuned one.

    >>> untaken(0.2, [0.1]), untaken(0.1, [0.1, 0.1001])
    (0.2, 0.1002)
    """
    while any(math.isclose(rate, other, rel_tol=1e-5) for other in taken):
        rate = _rounded(1.001 * rate, 4)
    return rate


def configured(one: Optimizer, rate: float, knobs: Mapping[str, float]) -> Optimizer:
    """The optimizer at that learning rate, with these of its hyperparameters in place of its own."""
    return replace(one, hyperparameters={**one.hyperparameters, **knobs}).with_learning_rate(rate)


def told_knobs(one: Optimizer, usual: Optimizer) -> str:
    """The hyperparameters that differ from the usual ones, as in the table of runs; empty where none does.

    >>> from steepest import Adam
    >>> told_knobs(Adam(b1=0.8, epsilon=1e-6), Adam())
    'b1=0.8, epsilon=1e-06'
    """
    own, before = one.hyperparameters, usual.hyperparameters
    return ", ".join(f"{knob}={float(value)!r}" for knob, value in own.items() if value != before[knob])


def parsed_knobs(text: str) -> dict[str, float]:
    """The inverse of ``told_knobs``.

    >>> parsed_knobs("b1=0.8, epsilon=1e-06"), parsed_knobs("")
    ({'b1': 0.8, 'epsilon': 1e-06}, {})
    """
    pairs = (part.split("=") for part in text.split(", ") if part)
    return {knob: float(value) for knob, value in pairs}


def with_told_knobs(runs: pl.DataFrame) -> pl.DataFrame:
    """A table of runs with its column ``hyperparameters``; one that has none searched none."""
    return runs if "hyperparameters" in runs.columns else runs.with_columns(hyperparameters=pl.lit(""))


def with_knobs(knobs: Mapping[str, float]) -> str:
    """Hyperparameters as people say them after an optimizer's name.

    >>> with_knobs({"b1": 0.8, "epsilon": 1e-6}), with_knobs({})
    (' with b1 0.8 and epsilon 1e-06', '')
    """
    each = [f"{knob} {value:g}" for knob, value in knobs.items()]
    return f" with {' and '.join([', '.join(each[:-1]), each[-1]] if len(each) > 1 else each)}" if each else ""


def _between(first: float, last: float, share: float) -> float:
    return math.exp((1 - share) * math.log(first) + share * math.log(last))


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
