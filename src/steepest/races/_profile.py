"""How often an optimizer is nearly the quickest, over several tables: the performance profile and its score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Of times this many times the quickest, none is told from a miss (AlgoPerf's, Dahl et al. 2023).
R_MAX = 4.0
_RESAMPLES = 2000


class Task(NamedTuple):
    """A target on a table.  times: each optimizer's time to reach it, by seed, (seeds,), infinite where it missed.

    The seeds of a table are the same for all its targets and optimizers, in the same order.
    """

    table: str
    share: float
    times: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Profile:
    """The performance profile of some optimizers over some tasks; another field or other tasks give another.

    field: those who take part, in the order given.  tasks: as (table, share of the target).
    ratios: of each optimizer's median time to the field's least, a task each; infinite where it missed, and for all
    where all missed.  scores: by optimizer, 0 to 1, with the 95 % interval over the seeds in ``intervals``.
    """

    field: tuple[str, ...]
    tasks: tuple[tuple[str, float], ...]
    ratios: Mapping[str, tuple[float, ...]]
    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]

    def share_within(self, optimizer: str, tau: float) -> float:
        """rho(tau): the share of the tasks on which its time is at most tau times the least."""
        return float(np.mean(np.array(self.ratios[optimizer]) <= tau))


def performance_profile(tasks: Sequence[Task], field: Sequence[str]) -> Profile:
    """The profile of Dolan & More, and AlgoPerf's score of each: the mean height of its profile from 1 to 4.

        r_ps = t_ps / min_s t_ps,  rho_s(tau) = share of tasks p with r_ps <= tau
        score_s = 1 / (r_max - 1) times the integral of rho_s from 1 to r_max

    tasks: at least one.  field: the optimizers; one that a task has no times of has missed it.
    t is the median over the seeds, misses among them. The interval is of a bootstrap of the seeds within each table,
    the same for all its targets and optimizers: what other seeds might say of these tables, not what others would.
    Sources: Dolan & More 2002, Math. Program. 91; Dahl et al. 2023, arXiv:2306.07179.
    """
    medians = np.array([[np.median(task.times.get(name, np.inf)) for name in field] for task in tasks])
    told = ratios(medians)
    low, high = np.quantile(scores(ratios(_resampled(tasks, field))), [0.025, 0.975], axis=0)
    return Profile(
        tuple(field),
        tuple((task.table, task.share) for task in tasks),
        dict(zip(field, map(tuple, told.T.tolist()), strict=True)),
        dict(zip(field, scores(told).tolist(), strict=True)),
        dict(zip(field, zip(low.tolist(), high.tolist(), strict=True), strict=True)),
    )


def ratios(times: np.ndarray) -> np.ndarray:
    """Times (..., tasks, optimizers) over the least of each task; infinite for all where none is finite.

    >>> ratios(np.array([[10.0, 25.0, np.inf]])).tolist()
    [[1.0, 2.5, inf]]
    """
    least = times.min(axis=-1, keepdims=True)
    return np.where(np.isfinite(times), times, np.inf) / np.where(np.isfinite(least), least, 1.0)


def scores(ratio: np.ndarray, r_max: float = R_MAX) -> np.ndarray:
    """Scores (..., optimizers) of ratios (..., tasks, optimizers), exactly: a task counts from its ratio to r_max.

    >>> scores(np.array([[1.0, 2.5, np.inf]])).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.clip((r_max - ratio) / (r_max - 1), 0, 1).mean(axis=-2)


def _resampled(tasks: Sequence[Task], field: Sequence[str]) -> np.ndarray:
    """Median times of seeds drawn with replacement: (resamples, tasks, optimizers)."""
    random, drawn = np.random.default_rng(0), dict[str, np.ndarray]()
    medians = np.full((_RESAMPLES, len(tasks), len(field)), np.inf)
    for p, task in enumerate(tasks):
        count = max(map(len, task.times.values()))
        seeds = drawn.setdefault(task.table, random.integers(count, size=(_RESAMPLES, count)))
        for s, name in enumerate(field):
            if name in task.times:
                medians[:, p, s] = np.median(np.asarray(task.times[name])[seeds], axis=1)
    return medians
