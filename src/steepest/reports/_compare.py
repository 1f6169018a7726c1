"""Several races on one table beside one another: who wins in each, and what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np

from ..errors import InputError
from ..races import Comparison, across
from ._directory import Record, read
from ._format import listed
from ._scale import scores
from ._tables import judged_seeds

RECOMMENDED = "recommended"
# What decides which rows a seed puts into which part: where it differs, a seed of both is no pair.
_SPLIT = ("validation", "test", "test_seed")
# What decides which rows a loss weighs how much: where it differs, losses have different units in all but name.
_WEIGHTS = ("weight", "class_weight")


@dataclass(frozen=True)
class Entrant:
    """One of the races.

    letter: what it is called in tables.  ranks: its leaderboard by optimizer, best first.  seeds: those its medians are
    over.  losses: of each optimizer at its recommended rate, by seed, infinite where a run diverged; also of the
    recommended one, called so.
    """

    letter: str
    record: Record
    ranks: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    losses: Mapping[str, Mapping[int, float]]

    @property
    def verdict(self) -> dict[str, Any]:
        """Its verdict."""
        assert self.record.verdict is not None
        return self.record.verdict

    @property
    def name(self) -> str:
        """The directory, as it was given."""
        return str(self.record.path)

    def rank(self, what: str) -> Mapping[str, Any] | None:
        """An optimizer's line of the leaderboard, or the recommended one's; None where it did not race."""
        return self.ranks.get(self.verdict["optimizer"] if what == RECOMMENDED else what)


@dataclass(frozen=True)
class Compared:
    """Races on the same table and metric.

    seeds: those that all share and that pair their runs.  unpaired: why there are none; empty where there are.
    beside: every further race beside the first, with what each recommends, and with each optimizer that several raced;
    p is adjusted after Holm over the former and over the latter.
    """

    entrants: tuple[Entrant, ...]
    seeds: tuple[int, ...]
    unpaired: str
    beside: Mapping[str, tuple[Comparison, ...]]


def compare(directories: Sequence[str | Path]) -> Compared:
    """Read races and set them beside one another.

    Raises InputError where there are fewer than two, one is no race with a verdict, or they are not on the same table
    and metric.
    """
    if not 2 <= len(directories) <= len(ascii_uppercase):
        raise InputError(
            f"Compare 2 to {len(ascii_uppercase)} races; received {len(directories)}. Give their directories."
        )
    entrants = tuple(_entrant(letter, read(path)) for letter, path in zip(ascii_uppercase, directories, strict=False))
    for other in entrants[1:]:
        _refuse_unlike(entrants[0], other)
    seeds, unpaired = _shared_seeds(entrants)
    return Compared(entrants, seeds, unpaired, _beside(entrants, seeds) if seeds else {})


def _entrant(letter: str, record: Record) -> Entrant:
    if record.kind != "race":
        raise InputError(f"'{record.path}' holds a fit; compare takes directories that a race wrote.")
    if record.verdict is None:
        raise InputError(f"The race in '{record.path}' reached no verdict, so there is nothing to compare. Race again.")
    ranks = {rank["optimizer"]: rank for rank in record.verdict["leaderboard"]}
    seeds = tuple(judged_seeds(record))
    losses = {name: _losses(record, rank, seeds) for name, rank in ranks.items()}
    losses[RECOMMENDED] = losses[record.verdict["optimizer"]]
    return Entrant(letter, record, ranks, seeds, losses)


def _losses(record: Record, rank: Mapping[str, Any], seeds: Sequence[int]) -> dict[int, float]:
    runs = record.runs
    mine = record.counted & (runs["optimizer"] == rank["optimizer"]) & np.isin(runs["seed"], seeds)
    found = np.flatnonzero(mine & np.isclose(runs["learning_rate"], rank["learning_rate"], rtol=1e-9, atol=0))
    return dict(zip(runs["seed"][found].tolist(), scores(record)[found].tolist(), strict=True))


def _refuse_unlike(first: Entrant, other: Entrant) -> None:
    """Raise InputError where losses of the two mean different things."""
    both = f"'{first.name}' and '{other.name}'"
    if _table(first.record) != _table(other.record):
        told = _unlike_tables(first.record, other.record)
        raise InputError(f"{both} raced on {told}: their losses cannot be compared. Give races on one table.")
    metrics = [_metric(one.record) for one in (first, other)]
    if metrics[0] != metrics[1]:
        raise InputError(
            f"{both} measure {' and '.join(metrics)}: those cannot be compared. Give races with one metric."
        )


def _table(record: Record) -> tuple[Any, Any]:
    """What is equal for two tables that are one: the fingerprint, or the name where there is none; and the target.

    A copy of a file under another name is the same table.
    """
    data = record.facts["data"]
    return data.get("fingerprint") or data.get("name"), record.facts["spec"].get("target")


def _unlike_tables(*records: Record) -> str:
    names, targets = (
        list(dict.fromkeys(str(one) for one in several))
        for several in zip(
            *((one.facts["data"].get("name"), one.facts["spec"].get("target")) for one in records), strict=True
        )
    )
    if len(names) > 1:
        return listed(names)
    if len(targets) > 1:
        return f"{names[0]} with the targets {listed(targets)}"
    return f"two tables that are both called {names[0]} and differ"


def _metric(record: Record) -> str:
    metric, spec = record.facts["metric"] or {}, record.facts["spec"]
    unit = f" in {metric['unit']}" if metric.get("unit") else ""
    weights = listed([f"{key.replace('_', ' ')} {spec[key]}" for key in _WEIGHTS if spec.get(key)])
    return f"{metric.get('name') or 'loss'}{unit}{f' with {weights}' if weights else ''}"


def _shared_seeds(entrants: Sequence[Entrant]) -> tuple[tuple[int, ...], str]:
    """The seeds that pair runs of all races, and where there are none why."""
    first, specs = entrants[0], [one.record.facts["spec"] for one in entrants]
    differ = [key for key in _SPLIT if len({str(spec.get(key)) for spec in specs}) > 1]
    if differ:
        return (
            (),
            f"their {listed(key.replace('_', ' ') for key in differ)} differ, and so do the rows held back at a seed",
        )
    if len({bool(one.verdict["confirmed"]) for one in entrants}) > 1:
        return (), "only some of them ran fresh seeds"
    shared = tuple(seed for seed in first.seeds if all(seed in one.seeds for one in entrants[1:]))
    return shared, "" if shared else "they share no seed"


def _beside(entrants: Sequence[Entrant], seeds: Sequence[int]) -> dict[str, tuple[Comparison, ...]]:
    """Which race is better with what it recommends is one question; with which optimizers is another."""
    names = dict.fromkeys(name for one in entrants for name in one.ranks)
    recommended = across({RECOMMENDED: _paired(entrants, RECOMMENDED, seeds)})
    return recommended | across({name: _paired(entrants, name, seeds) for name in names})


def _paired(entrants: Sequence[Entrant], what: str, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """The losses over the shared seeds, by letter, of the races that ran it on all of them."""
    return {
        one.letter: np.array([one.losses[what][seed] for seed in seeds])
        for one in entrants
        if what in one.losses and all(seed in one.losses[what] for seed in seeds)
    }
