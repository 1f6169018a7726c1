"""What a race will run: first every optimizer at every rate of its grid, then the chosen rates on fresh seeds."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

from .. import rules
from ..errors import InputError
from ..optimizer import Optimizer, optimizer
from ..schedules import Constant
from ..training import Settings
from ._space import check_search, count_drawn

# Beyond 25 decades to either side a rate leaves float32; beyond so many seeds nobody waits for the end.
_MOST_RATES = 100
_MOST_SEEDS = 10_000
_SEEDS_END = 2**31
# A grid of fewer rates was asked for as it is.
_LEAST_EXTENDED = 5


TUNE, CONFIRM = "tune", "confirm"


class Entry(NamedTuple):
    """One run to come: its number in the race, its optimizer at its rate, its seed, and what it is for."""

    run: int
    optimizer: Optimizer
    seed: int
    stage: str = TUNE


@dataclass(frozen=True)
class Plan:
    """optimizers: by name, at their usual rate.  rates: the grid of each.  seeds: shared by all of them, for tuning.

    confirm_seeds: fresh ones, on which each optimizer's chosen and usual rate run; none leaves the race unconfirmed.
    early: whether runs that cannot win are dropped on the way.  extend: whether a grid grows while its best is its end;
    the others then try as many rates more.
    search: further hyperparameters to search, of ``SPACE``.
    Seed s fixes split, start and minibatches for every optimizer and rate, so that runs can be compared in pairs.
    """

    optimizers: Mapping[str, Optimizer]
    rates: Mapping[str, Sequence[float]]
    seeds: Sequence[int]
    settings: Settings
    confirm_seeds: Sequence[int] = ()
    early: bool = True
    extend: bool = False
    search: Sequence[str] = ()

    def entries(self) -> list[Entry]:
        """Every run of the tuning. Optimizers alternate, so that a partial race is fair."""
        longest = max(len(rates) for rates in self.rates.values())
        runs = [
            (self.optimizers[name].with_learning_rate(rates[i]), seed)
            for seed in self.seeds
            for i in _middle_first(longest)
            for name, rates in self.rates.items()
            if i < len(rates)
        ]
        return [Entry(number, *run) for number, run in enumerate(runs)]

    def confirming(self, chosen: Mapping[str, Optimizer], first: int) -> list[Entry]:
        """The runs on fresh seeds: each optimizer as it was chosen, and as it usually is.

        chosen: by name.  first: the number of the first of these runs. Seeds follow one another, so that one more is as
        if it had been asked for at once.
        """
        runs = [
            (other, seed)
            for seed in self.confirm_seeds
            for name, one in self.optimizers.items()
            if name in chosen
            for other in {two.learning_rate: two for two in (chosen[name], one)}.values()
        ]
        return [Entry(first + number, *run, CONFIRM) for number, run in enumerate(runs)]

    def __len__(self) -> int:
        """How many runs it has at most, no grid being extended."""
        return self.tuning_runs + 2 * len(self.optimizers) * len(self.confirm_seeds)

    @property
    def tuning_runs(self) -> int:
        """How many of its runs are for tuning, no grid being extended."""
        drawn = count_drawn(self.search)
        return len(self.seeds) * sum(len(rates) + drawn for rates in self.rates.values())

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values: what must be equal for results to be equal."""
        transforms = {
            name: [repr(t) for t in one.transforms] for name, one in self.optimizers.items() if one.transforms
        }
        usual = {
            name: one.learning_rate
            for name, one in self.optimizers.items()
            if not any(math.isclose(rate, one.learning_rate) for rate in self.rates[name])
        }
        return {
            "optimizers": {name: dict(one.hyperparameters) for name, one in self.optimizers.items()},
            **({"transforms": transforms} if transforms else {}),
            "learning_rates": {name: list(rates) for name, rates in self.rates.items()},
            **({"usual_learning_rates": usual} if usual else {}),
            "seeds": list(self.seeds),
            "confirm_seeds": list(self.confirm_seeds),
            "early": self.early,
            "extend": self.extend,
            **({"search": list(self.search)} if self.search else {}),
            **self.settings.to_json(),
        }


def plan_race(
    optimizers: Iterable[str | rules.Rule | Optimizer] | str | rules.Rule | Optimizer | None = None,
    *,
    learning_rates: int | Sequence[float] = 13,
    seeds: int | Sequence[int] = 3,
    confirm_seeds: int | Sequence[int] = 10,
    settings: Settings | None = None,
    early: bool = True,
    search: Sequence[str] = (),
) -> Plan:
    """Plan a race.

    optimizers: names, rules or Optimizers, or a single one; None takes the nine of the lecture.
    learning_rates: how many half decades around each one's usual rate (or a given Optimizer's own), the same number for
    all; or the rates themselves.
    seeds: how many to tune on, or which.  confirm_seeds: how many fresh ones after those, or which; 0 for none.
    early: drop runs on the way that cannot win.
    search: further hyperparameters to search, of ``SPACE``: each optimizer draws so many configurations more.
    Raises InputError for unknown names, rates out of range, or nothing to run.
    """
    asked = rules.RULES if optimizers is None else optimizers
    several = asked if isinstance(asked, Iterable) and not isinstance(asked, str) else [asked]
    given = [one if isinstance(one, Optimizer) else optimizer(one) for one in several]
    if not given:
        raise InputError(f"A race needs at least one optimizer; received none. Allowed: {', '.join(rules.RULES)}.")
    named = {one.name: one for one in given}
    if len(named) < len(given):
        raise InputError(
            f"Each optimizer races once; received {', '.join(one.name for one in given)}. Drop the repeats."
        )
    for one in given:
        if not isinstance(one.schedule, Constant):
            raise InputError(f"A race tries constant learning rates; received {one.name} with {one.schedule}. Fit it.")
    rates = {name: _grid(one, learning_rates) for name, one in named.items()}
    tuning = _seeds(seeds)
    return Plan(
        named, rates, tuning, settings or Settings(), _fresh(confirm_seeds, tuning), early,
        extend=isinstance(learning_rates, int) and learning_rates >= _LEAST_EXTENDED,
        search=check_search(search, named),
    )  # fmt: skip


def learning_rate_grid(centre: float, count: int) -> list[float]:
    """*count* rates half a decade apart around *centre*, rising; an even count has one more below it.

    >>> [f"{rate:.2g}" for rate in learning_rate_grid(1e-3, 5)]
    ['0.0001', '0.00032', '0.001', '0.0032', '0.01']
    """
    return [centre * 10 ** ((i - count // 2) / 2) for i in range(count)]


def _grid(one: Optimizer, rates: int | Sequence[float]) -> list[float]:
    if not _is_count_or_several(rates) or (isinstance(rates, int) and not 1 <= rates <= _MOST_RATES):
        raise InputError(
            f"learning_rates is how many rates, 1 to {_MOST_RATES}, or a list of rates, each positive; "
            f"received {rates!r}. Try 13, or the rates 1e-3 and 1e-2."
        )
    if isinstance(rates, int):
        return learning_rate_grid(one.learning_rate, rates)
    schedules = [one.with_learning_rate(rate).schedule for rate in rates]
    if not schedules:
        raise InputError("learning_rates is empty. Give how many (13), or a list of rates.")
    if not all(isinstance(schedule, Constant) for schedule in schedules):
        raise InputError(f"learning_rates is how many rates, or a list of rates, each positive; received {rates!r}.")
    distinct = list[float]()
    for rate in sorted(schedule.nominal for schedule in schedules):
        if not distinct or not math.isclose(rate, distinct[-1]):
            distinct.append(rate)
    return distinct


def _is_count_or_several(numbers: Any) -> bool:
    return isinstance(numbers, int | Iterable) and not isinstance(numbers, bool | str)


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    if not _is_count_or_several(seeds):
        raise InputError(f"seeds is how many, or a list of whole numbers; received {seeds!r}. Try 3, or [0, 1, 2].")
    if isinstance(seeds, int) and not 1 <= seeds <= _MOST_SEEDS:
        raise InputError(f"The number of seeds must be 1 to {_MOST_SEEDS}; received {seeds}. Try 3.")
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not chosen or not all(map(_is_seed, chosen)) or len(set(chosen)) < len(chosen):
        raise InputError(f"seeds must be different whole numbers from 0, at least one; received {seeds}. Try 3.")
    return [int(seed) for seed in chosen]


def _is_seed(seed: Any) -> bool:
    return isinstance(seed, Integral) and not isinstance(seed, bool) and 0 <= int(seed) < _SEEDS_END


def _fresh(seeds: int | Sequence[int], tuning: Sequence[int]) -> list[int]:
    """Seeds that no rate was chosen by."""
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if not 0 <= seeds <= _MOST_SEEDS:
            raise InputError(f"confirm_seeds must be 0 to {_MOST_SEEDS}; received {seeds}. Try 10.")
        first = max(tuning) + 1
        if first + seeds > _SEEDS_END:
            raise InputError(
                f"Seeds up to {first - 1} leave no {seeds} fresh ones after them below {_SEEDS_END}. Give smaller."
            )
        return list(range(first, first + seeds))
    chosen = _seeds(seeds) if not isinstance(seeds, Iterable) or list(seeds) else []
    if both := sorted(set(chosen) & set(tuning)):
        raise InputError(
            f"confirm_seeds must be fresh; received {both[0]}, on which rates are tuned. Give others, or how many."
        )
    return chosen


def _middle_first(count: int) -> list[int]:
    """Positions from the middle outwards: should a race be cut short, the likely rates have run."""
    return sorted(range(count), key=lambda i: (abs(i - count // 2), i))


def workers() -> int:
    """Runs at a time: one a core. A small run's whole state then stays in that core's cache."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds_at_most(runs: int, steps: int, step_seconds: float) -> float:
    """How long the runs of a race last if none stops early, its program being compiled."""
    return runs * steps * step_seconds / min(workers(), runs)
