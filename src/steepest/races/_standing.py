"""What a verdict tells: each optimizer's standing, who may as well have won, and what to use."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..rules import proper_name
from ._space import with_knobs
from ._statistics import MARGIN, Comparison


@dataclass(frozen=True)
class Standing:
    """An optimizer at its recommended learning rate.

    median, low, high, mean: steady watched loss (see ``Run``) over the seeds that count there, the fresh ones where
    there are any; infinite where runs diverged.
    plateau: the rates that tuning does not tell from the best.  at_edge: they reach an end of the grid, so better may
    lie beyond.
    runs, diverged: of all its runs.  usual_learning_rate, usual_median: untuned, on the same seeds.
    comparison: beside the leader, seed by seed; None for the leader, and where no fresh seeds ran.
    tuning: the usual rate beside the recommended one, likewise; None where they are one.
    hyperparameters: those that were searched and are not the usual ones; all of the above is with these.
    interval: of the median, at 95 %, as that of differences; NaN below six seeds.
    """

    optimizer: str
    learning_rate: float
    median: float
    low: float
    high: float
    runs: int
    diverged: int
    at_edge: bool
    usual_learning_rate: float
    usual_median: float
    plateau: tuple[float, float]
    mean: float
    comparison: Comparison | None = None
    tuning: Comparison | None = None
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    interval: tuple[float, float] = (math.nan, math.nan)

    @property
    def name(self) -> str:
        """The optimizer as people say it, with what was searched."""
        return proper_name(self.optimizer) + with_knobs(self.hyperparameters)


@dataclass(frozen=True)
class Verdict:
    """The recommendation, and all standings, best first.

    confirmed: whether fresh seeds were run; without them differences may be luck.
    winners: those that nothing shows to be worse than the leader, who is first.  decided: whether that is one alone, or
    all are equal to within the margin.
    more_seeds: about how many would decide it, but for those too close; None where it is decided or no number would.
    too_close: the winners that not even a hundred more seeds would tell from the leader.
    reason: why the recommended one and no other winner; empty where there is no other.
    """

    sentence: str
    confirmed: bool
    optimizer: str
    learning_rate: float
    leaderboard: tuple[Standing, ...]
    winners: tuple[str, ...] = ()
    decided: bool = False
    more_seeds: int | None = None
    reason: str = ""
    margin: float = MARGIN
    too_close: tuple[str, ...] = ()

    @property
    def recommended(self) -> Standing:
        """The standing of the recommended optimizer."""
        return next(standing for standing in self.leaderboard if standing.optimizer == self.optimizer)

    def to_json(self) -> dict[str, Any]:
        """Plain values; infinite losses become None."""
        return _finite(asdict(self))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decades(one: Standing) -> float:
    """How wide the plateau is."""
    return math.log10(one.plateau[1] / one.plateau[0])
