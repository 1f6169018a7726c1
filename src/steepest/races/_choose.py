"""A learning rate for one optimizer: the middle of those that noise does not tell from its best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ._space import with_told_knobs
from ._statistics import MARGIN


@dataclass(frozen=True)
class Chosen:
    """What the tuning says of an optimizer.

    learning_rate: the recommended one, the middle of its plateau.  lowest: the one with the lowest median loss.
    plateau: the lowest and highest rate around that one which noise does not tell from it.
    median: of the steady watched loss (see ``Run``) over the seeds at the recommended rate, infinite where runs
    diverged.  usual_median: at the usual rate, NaN where that was not run.
    runs, diverged: over all that was tried.  at_edge: the plateau holds the first or last rate tried, so better may lie
    beyond.
    hyperparameters: those that were searched and are not the usual ones, as in the table of runs. All of the above is
    then of the rates tried with these.
    """

    learning_rate: float
    lowest: float
    plateau: tuple[float, float]
    median: float
    usual_median: float
    runs: int
    diverged: int
    at_edge: bool
    hyperparameters: str = ""

    @property
    def decades(self) -> float:
        """How wide the plateau is."""
        return math.log10(self.plateau[1] / self.plateau[0])


def choose(runs: pl.DataFrame, name: str, usual: float) -> Chosen | None:
    """The choice for an optimizer of a table of runs; None where none of its runs has ended.

    usual: its untuned rate. A rate that was dropped on the way is not chosen; of losses a diverged run's is infinite.
    Other hyperparameters than the usual ones are only chosen where they are better beyond noise.
    """
    own = runs.filter(pl.col("optimizer") == name)
    if own.is_empty():
        return None
    losses = losses_by_rate(own.filter(pl.col("status") != "dropped"))
    if not losses:
        return None
    medians = {rate: float(np.median(several)) for rate, several in losses.items()}

    def far(rate: float) -> float:
        return abs(math.log(rate / usual))

    # Where all diverged the rate nearest the usual one is named.
    def rank(rate: float) -> tuple[float, ...]:
        return medians[rate], float(np.max(losses[rate])), far(rate)

    lowest, settings = min(losses, key=rank), _settings(own)
    if plain := [rate for rate in level(losses, lowest) if not settings[rate]]:
        lowest = min(plain, key=rank)
    tried = sorted(rate for rate, setting in settings.items() if setting == settings[lowest])
    losses = {rate: several for rate, several in losses.items() if rate in tried}
    plateau = _plateau(sorted(losses), lowest, level(losses, lowest))
    centre = math.sqrt(plateau[0] * plateau[-1])
    best = min(plateau, key=lambda rate: (round(abs(math.log(rate / centre)), 9), far(rate)))
    at_usual = [median for rate, median in medians.items() if math.isclose(rate, usual)]
    return Chosen(
        learning_rate=best,
        lowest=lowest,
        plateau=(plateau[0], plateau[-1]),
        median=medians[best],
        usual_median=at_usual[0] if at_usual else math.nan,
        runs=len(own),
        diverged=int((own["status"] == "diverged").sum()),
        at_edge=len(tried) > 1 and bool({plateau[0], plateau[-1]} & {tried[0], tried[-1]}),
        hyperparameters=settings[lowest],
    )


def _settings(own: pl.DataFrame) -> dict[float, str]:
    """The hyperparameters that an optimizer ran with at each rate: within a race its rate names its configuration."""
    return dict(with_told_knobs(own).select("learning_rate", "hyperparameters").iter_rows())


def losses_by_rate(runs: pl.DataFrame) -> dict[float, np.ndarray]:
    """The steady losses at each rate that ran on the most seeds, by seed; infinite where diverged."""
    loss = pl.when(pl.col("status") == "diverged").then(math.inf).otherwise(pl.col("steady_validation_loss"))
    sorted_ = runs.with_columns(loss=loss).sort("learning_rate", "seed")
    grouped = {
        float(rate): own["loss"].to_numpy() for (rate,), own in sorted_.group_by("learning_rate", maintain_order=True)
    }
    most = max((len(several) for several in grouped.values()), default=0)
    return {rate: several for rate, several in grouped.items() if len(several) == most}


def level(losses: Mapping[float, np.ndarray], lowest: float) -> list[float]:
    """The rates within the noise of the one with the lowest median, seed by seed; that one is among them.

    losses: by rate, (seeds,).  A rate's mean difference may be one standard error and a hundredth of that median, and
    no other rate may beat it by a hundredth on every seed. The lowest of thirteen is partly luck, and the one standard
    error rule (Breiman et al. 1984) tells which may as well be it.
    """
    found = [lowest]
    margin = MARGIN * abs(float(np.median(losses[lowest])))
    for rate, own in losses.items():
        with np.errstate(invalid="ignore"):
            differences = own - losses[lowest]
        if rate == lowest or not np.isfinite(differences).all():
            continue
        error = float(differences.std(ddof=1)) / math.sqrt(len(own)) if len(own) > 1 else 0.0
        beaten = any((other < own - MARGIN * np.abs(own)).all() for other in losses.values())
        if differences.mean() <= error + margin and not beaten:
            found.append(rate)
    return found


def _plateau(rates: Sequence[float], lowest: float, found: Sequence[float]) -> list[float]:
    """The stretch of neighbouring rates around the lowest that are all level with it."""
    place = rates.index(lowest)
    first = last = place
    while first > 0 and rates[first - 1] in found:
        first -= 1
    while last + 1 < len(rates) and rates[last + 1] in found:
        last += 1
    return list(rates[first : last + 1])
