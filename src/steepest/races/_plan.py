"""What a race will run: every optimizer at every learning rate of its grid, for every seed."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import rules
from ..errors import InputError
from ..optimizer import Optimizer, optimizer
from ..schedules import Constant
from ..training import Settings

# Beyond 25 decades to either side a rate leaves float32; beyond so many seeds nobody waits for the end.
_MOST_RATES = 100
_MOST_SEEDS = 10_000


class Entry(NamedTuple):
    """One run to come: its number in the plan, its optimizer at its rate, its seed."""

    run: int
    optimizer: Optimizer
    seed: int


@dataclass(frozen=True)
class Plan:
    """optimizers: by name, at their usual rate.  rates: the grid of each.  seeds: shared by all of them.

    Seed s fixes split, start and minibatches for every optimizer and rate, so that runs can be compared in pairs.
    """

    optimizers: Mapping[str, Optimizer]
    rates: Mapping[str, Sequence[float]]
    seeds: Sequence[int]
    settings: Settings

    def entries(self) -> list[Entry]:
        """Every run. Optimizers alternate, so that a partial race is fair."""
        longest = max(len(rates) for rates in self.rates.values())
        runs = [
            (self.optimizers[name].with_learning_rate(rates[i]), seed)
            for seed in self.seeds
            for i in _middle_first(longest)
            for name, rates in self.rates.items()
            if i < len(rates)
        ]
        return [Entry(number, *run) for number, run in enumerate(runs)]

    def __len__(self) -> int:
        return len(self.seeds) * sum(len(rates) for rates in self.rates.values())

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values: what must be equal for results to be equal."""
        transforms = {
            name: [repr(t) for t in one.transforms] for name, one in self.optimizers.items() if one.transforms
        }
        return {
            "optimizers": {name: dict(one.hyperparameters) for name, one in self.optimizers.items()},
            **({"transforms": transforms} if transforms else {}),
            "learning_rates": {name: list(rates) for name, rates in self.rates.items()},
            "seeds": list(self.seeds),
            **self.settings.to_json(),
        }


def plan_race(
    optimizers: Iterable[str | rules.Rule | Optimizer] | str | rules.Rule | Optimizer | None = None,
    *,
    learning_rates: int | Sequence[float] = 13,
    seeds: int | Sequence[int] = 3,
    settings: Settings | None = None,
) -> Plan:
    """Plan a race.

    optimizers: names, rules or Optimizers, or a single one; None takes the nine of the lecture.
    learning_rates: how many half decades around each one's usual rate (or a given Optimizer's own), the same number for
    all; or the rates themselves.
    seeds: how many, or which.  Raises InputError for unknown names, rates out of range, or nothing to run.
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
    return Plan(named, rates, _seeds(seeds), settings or Settings())


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
    distinct = sorted({one.with_learning_rate(rate).learning_rate for rate in rates})
    if not distinct:
        raise InputError("learning_rates is empty. Give how many (13), or a list of rates.")
    return distinct


def _is_count_or_several(numbers: Any) -> bool:
    return isinstance(numbers, int | Iterable) and not isinstance(numbers, bool | str)


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    if not _is_count_or_several(seeds):
        raise InputError(f"seeds is how many, or a list of whole numbers; received {seeds!r}. Try 3, or [0, 1, 2].")
    if isinstance(seeds, int) and not 1 <= seeds <= _MOST_SEEDS:
        raise InputError(f"The number of seeds must be 1 to {_MOST_SEEDS}; received {seeds}. Try 3.")
    chosen = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not chosen or len(set(chosen)) < len(chosen) or any(not 0 <= seed < 2**31 for seed in chosen):
        raise InputError(f"seeds must be different whole numbers from 0, at least one; received {seeds}. Try 3.")
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
