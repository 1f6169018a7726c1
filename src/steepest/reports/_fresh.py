"""The runs on fresh seeds: what each optimizer came to at its recommended learning rate, seed by seed."""

from dataclasses import dataclass

import numpy as np

from ..races import LEAST_SEEDS, median_interval
from ._directory import Record
from ._scale import scores


@dataclass(frozen=True)
class Fresh:
    """Optimizers in the order of the leaderboard, the leader first; seeds ascending.

    runs: the number of each run, (optimizers, seeds).  losses: likewise, infinite where a run diverged.
    differences: to the leader's loss on the same seed, likewise, as the verdict has them; zero for the leader.
    margin: of practical equivalence, in the loss's unit.
    """

    optimizers: tuple[str, ...]
    seeds: tuple[int, ...]
    runs: np.ndarray
    losses: np.ndarray
    differences: np.ndarray
    margin: float

    @property
    def leader(self) -> str:
        """The optimizer that the others are compared with."""
        return self.optimizers[0]


def fresh(record: Record) -> Fresh | None:
    """The fresh runs that a verdict rests on; None where it rests on none."""
    if record.verdict is None or not record.confirmed:
        return None
    ranks, losses = record.verdict["leaderboard"], scores(record)
    rows = np.array([_rows(record, rank["optimizer"], rank["learning_rate"]) for rank in ranks])
    seeds = record.runs["seed"][rows]
    if (seeds != seeds[0]).any():
        raise ValueError("its optimizers were not run on the same fresh seeds")
    of_leader = [0.0] * len(seeds[0])
    differences = [of_leader, *(rank["comparison"]["differences"] for rank in ranks[1:])]
    return Fresh(
        optimizers=tuple(rank["optimizer"] for rank in ranks),
        seeds=tuple(seeds[0].tolist()),
        runs=record.runs["run"][rows],
        losses=losses[rows],
        differences=np.array(differences, float),
        margin=float(record.verdict["margin"] * abs(np.median(losses[rows][0]))),
    )


def _rows(record: Record, optimizer: str, learning_rate: float) -> np.ndarray:
    """Where an optimizer's fresh runs stand in the table, by seed."""
    runs = record.runs
    mine = record.fresh & record.counted & (runs["optimizer"] == optimizer)
    found = np.flatnonzero(mine & np.isclose(runs["learning_rate"], learning_rate, rtol=1e-6))
    return found[np.argsort(runs["seed"][found])]


def median_ends(losses: np.ndarray) -> tuple[float, float] | None:
    """The 95 % interval of a median, as that of the differences; None below six seeds, which allow none.

    losses: (seeds,), infinite where a run diverged.

    Of ten losses X_2 to X_9 cover the median in 97.85 % of samples, X_3 to X_8 in 89.06 %: with
    I = (0.9785 - 0.95) / (0.9785 - 0.8906) = 0.324 the ends lie l = 8 I / (2 + 6 I) = 0.66 of the way inwards.

    >>> [round(end, 2) for end in median_ends(np.arange(1.0, 11.0))], median_ends(np.arange(5.0))
    ([2.66, 8.34], None)
    """
    return median_interval(losses)[1:] if len(losses) >= LEAST_SEEDS else None
