"""Find each optimizer's learning rate: every rate on every tuning seed, the hopeless dropped on the way."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from ..training import steady
from ._choose import Chosen, choose
from ._execute import Crew
from ._plan import Entry, Plan
from ._space import configured, drawn, parsed_knobs, told_knobs, untaken

# Of a run's epochs, those after which the worse half of an optimizer's rates is dropped (Jamieson & Talwalkar 2016).
_RUNGS = (0.1, 0.25)
# Rates that always run to the end, of which the plateau is read off.
_LEAST = 4
# Rates that each optimizer tries more when some grid is to grow, and how often it may.
_MORE, _ROUNDS = 2, 3
# Bytes of runs that may wait, half trained, for a decision about all of them.
_WAITING = 2**30


def tune(crew: Crew, plan: Plan) -> list[Entry]:
    """Run the tuning; returns all its entries, those of extended grids included."""
    entries = plan.entries()
    _halve(crew, plan, entries)
    if plan.extend:
        _extend(crew, plan, entries)
    if plan.search and not crew.stopped:
        entries += (more := _drawn(crew, plan, entries))
        _halve(crew, plan, more)
        _extend(crew, plan, entries)
    return entries


def _halve(crew: Crew, plan: Plan, entries: Sequence[Entry]) -> None:
    groups = [list(entries)]
    if plan.early and crew.size_of(entries[0]) * len(entries) > _WAITING:  # large networks: an optimizer at a time
        groups = [[one for one in entries if one.optimizer.name == name] for name in plan.optimizers]
    for group in groups:
        left = group
        for rung in _RUNGS if plan.early else ():
            epochs = math.ceil(rung * plan.settings.epochs)
            crew.train(left, epochs)
            if crew.stopped:
                return
            left = _survivors(crew, plan, left, epochs)
        crew.train(left, plan.settings.epochs)
        if crew.stopped:
            return


def _survivors(crew: Crew, plan: Plan, entries: Sequence[Entry], epochs: int) -> list[Entry]:
    """The entries at the better half of each optimizer's rates, by medians over the paired seeds; others are dropped.

    The usual rate stays: it races, untuned, to the end.
    """
    staying: list[Entry] = []
    for name, one in plan.optimizers.items():
        own = [entry for entry in entries if entry.optimizer.name == name]
        scores = _scores(crew, own, epochs)
        kept = sorted(scores, key=lambda rate: (scores[rate], abs(math.log(rate / one.learning_rate))))
        kept = kept[: max(_LEAST, math.ceil(len(kept) / 2))]
        for entry in own:
            rate = entry.optimizer.learning_rate
            if rate in kept or math.isclose(rate, one.learning_rate):
                staying.append(entry)
            else:
                crew.drop(entry)
    return staying


def _scores(crew: Crew, entries: Sequence[Entry], epochs: int) -> dict[float, float]:
    """The median steady loss of each rate after so many epochs at most."""
    losses: dict[float, list[float]] = {}
    for entry in entries:
        watched = crew.watched(entry)[:epochs]
        own = losses.setdefault(entry.optimizer.learning_rate, [])
        own.append(_steady(watched))
    return {rate: float(np.median(several)) for rate, several in losses.items()}


def _steady(watched: np.ndarray) -> float:
    if not len(watched) or not np.isfinite(watched).all():  # it has diverged
        return math.inf
    return steady(watched, int(np.argmin(watched)))


def _drawn(crew: Crew, plan: Plan, entries: Sequence[Entry]) -> list[Entry]:
    """Runs of other hyperparameters, at rates around the chosen one; as many for each optimizer."""
    found = _found(crew, plan, entries)
    draws = [
        drawn(
            one, found[name].learning_rate if name in found else one.learning_rate, plan.search, _rates(entries, name)
        )
        for name, one in plan.optimizers.items()
    ]
    runs = [(one, seed) for seed in plan.seeds for several in zip(*draws, strict=True) for one in several]
    return [Entry(len(entries) + number, *run) for number, run in enumerate(runs)]


def _extend(crew: Crew, plan: Plan, entries: list[Entry]) -> None:
    """Run further rates, and add them to the entries, while somebody's best is the end of what was tried."""
    for _ in range(_ROUNDS):
        more = [] if crew.stopped else _extension(crew, plan, entries)
        if not more:
            break
        crew.train(more, plan.settings.epochs)
        entries += more


def _extension(crew: Crew, plan: Plan, entries: Sequence[Entry]) -> list[Entry]:
    """Runs at further rates, equally many for each optimizer; none where nobody's best is the end of its grid."""
    found = _found(crew, plan, entries)
    tried = {name: _tried(plan, entries, name, one.hyperparameters) for name, one in found.items()}
    if all(one.lowest not in (tried[name][0], tried[name][-1]) for name, one in found.items()):
        return []
    taken = {name: [*_rates(entries, name), plan.optimizers[name].learning_rate] for name in found}
    runs = [
        (configured(plan.optimizers[name], untaken(rate, taken[name]), parsed_knobs(one.hyperparameters)), seed)
        for seed in plan.seeds
        for name, one in found.items()
        for rate in _further(tried[name], one.lowest)
    ]
    return [Entry(len(entries) + number, *run) for number, run in enumerate(runs)]


def _found(crew: Crew, plan: Plan, entries: Sequence[Entry]) -> dict[str, Chosen]:
    rows = pl.DataFrame([one.row for one in crew.of(entries)])
    found = {name: choose(rows, name, one.learning_rate) for name, one in plan.optimizers.items()}
    return {name: one for name, one in found.items() if one is not None}


def _rates(entries: Sequence[Entry], name: str) -> list[float]:
    """The rates that an optimizer has tried, with whatever hyperparameters, rising."""
    return sorted({entry.optimizer.learning_rate for entry in entries if entry.optimizer.name == name})


def _tried(plan: Plan, entries: Sequence[Entry], name: str, knobs: str) -> list[float]:
    """The rates that an optimizer has tried with these hyperparameters, rising."""
    own = (entry.optimizer for entry in entries if entry.optimizer.name == name)
    return sorted({one.learning_rate for one in own if told_knobs(one, plan.optimizers[name]) == knobs})


def _further(rates: Sequence[float], best: float) -> list[float]:
    """Half decades beyond the end that is best, to both sides of a lone rate, or the middles beside a best within."""
    if len(rates) == 1:
        return [best / math.sqrt(10), best * math.sqrt(10)]
    if best in (rates[0], rates[-1]):
        end = -1 if best == rates[0] else 1
        return [best * 10 ** (end * step / 2) for step in range(1, _MORE + 1)]
    place = rates.index(best)
    return [math.sqrt(best * rates[place - 1]), math.sqrt(best * rates[place + 1])]
