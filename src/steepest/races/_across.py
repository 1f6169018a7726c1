"""The same optimizer in several races: whether one race's runs of it are better, seed by seed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ._statistics import LEVEL, Comparison, compare, holm


@dataclass(frozen=True)
class Across:
    """Something that was run in several races.

    best: the race in which its median over the shared seeds is lowest.  others: every other race beside that one, as
    optimizers stand beside the leader of a race; their ``optimizer`` is the name of the race.
    """

    best: str
    others: tuple[Comparison, ...]


def across(losses: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Across]:
    """Compare races on each thing that they ran.

    losses: of each thing in each race that ran it, (seeds,), for the same seeds in the same order; infinite where a run
    diverged. A thing that fewer than two races ran is left out.
    All that is compared shares one adjustment after Holm, so that the chance of any false claim stays below 5 %.
    """
    several = {what: by_race for what, by_race in losses.items() if len(by_race) > 1}
    best = {what: min(by_race, key=lambda race: np.median(by_race[race])) for what, by_race in several.items()}
    beside = {what: compare(by_race, best[what]) for what, by_race in several.items()}
    adjusted = iter(holm([one.p for others in beside.values() for one in others]))
    return {
        what: Across(best[what], tuple(_adjusted(one, next(adjusted)) for one in others))
        for what, others in beside.items()
    }


def _adjusted(one: Comparison, p: float) -> Comparison:
    """A comparison among more of them, which is worse only where the greater p still says so."""
    lost = one.relation == "worse" and p > LEVEL
    return replace(one, adjusted=p, relation="undecided" if lost else one.relation)
