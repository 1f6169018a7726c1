"""Who won: for each optimizer a learning rate that no other surely beats, then the best of those by their medians."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from ..problems import Measure
from ..rules import proper_name

# A difference smaller than this share of the loss is none.
_MARGIN = 0.01


@dataclass(frozen=True)
class Standing:
    """An optimizer at its recommended learning rate.

    median, low, high: steady watched loss (see ``Run``) over the seeds there; infinite where runs diverged.
    runs, diverged: over its whole grid.  at_edge: the rate is the grid's first or last, so better may lie beyond.
    usual_learning_rate, usual_median: the grid's centre, untuned, and its median.
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


@dataclass(frozen=True)
class Verdict:
    """The recommendation, and all standings, best first.

    confirmed: whether fresh seeds bore it out; for now never, so differences may be luck.
    """

    sentence: str
    confirmed: bool
    optimizer: str
    learning_rate: float
    leaderboard: tuple[Standing, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; infinite losses become None."""
        board = [{k: _finite(v) for k, v in asdict(standing).items()} for standing in self.leaderboard]
        return {**asdict(self), "leaderboard": board}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def judge(runs: pl.DataFrame, usual: Mapping[str, float], measure: Measure) -> Verdict | None:
    """The verdict on a table of runs; None where at every rate half the runs or more diverged, or none has ended.

    usual: each optimizer's untuned rate.  measure: what the losses are.  Interrupted runs are left out; a diverged run
    counts as an infinite loss, never as missing, since dropping it would reward a rate for diverging. Seeds that an
    interrupt cut short are left out where others are whole.
    """
    ended = judged_runs(runs)
    standings = [_standing(ended.filter(pl.col("optimizer") == name), name, rate) for name, rate in usual.items()]
    board = sorted((s for s in standings if s is not None), key=lambda s: (s.median, s.high))
    if not board or not math.isfinite(board[0].median):
        return None
    first = board[0]
    won = (pl.col("optimizer") == first.optimizer) & (pl.col("learning_rate") == first.learning_rate)
    sentence = _sentence(board, measure, ended.filter(won).height)
    return Verdict(sentence, False, first.optimizer, first.learning_rate, tuple(board))


def judged_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """The runs that count: those not interrupted, of the seeds with the most runs.

    Those seeds are whole, or the first where an interrupt left none. A seed that was cut short has run some optimizers
    and rates only; counting it would judge those on other seeds than the rest.
    """
    ended = runs.filter(pl.col("status") != "interrupted")
    if ended.is_empty():
        return ended
    sizes = ended.group_by("seed").len()
    return ended.join(sizes.filter(pl.col("len") == pl.col("len").max()), on="seed", how="semi", maintain_order="left")


def _standing(runs: pl.DataFrame, name: str, usual: float) -> Standing | None:
    if runs.is_empty():
        return None
    loss = pl.when(pl.col("status") == "diverged").then(math.inf).otherwise(pl.col("steady_validation_loss"))
    runs = runs.with_columns(loss=loss)
    rates = (
        runs.group_by("learning_rate")
        .agg(median=pl.col("loss").median(), low=pl.col("loss").min(), high=pl.col("loss").max(), seeds=pl.len())
        .filter(pl.col("seeds") == pl.col("seeds").max())
        .sort("learning_rate")
    )
    distance = (pl.col("learning_rate") / usual).log().abs()
    # Where all diverged the rate nearest the usual one is named.
    lowest = rates.sort("median", "high", distance).row(0, named=True)
    losses = {
        rate: runs.filter(pl.col("learning_rate") == rate).sort("seed")["loss"].to_numpy()
        for rate in rates["learning_rate"]
    }
    best = (
        rates.filter(pl.col("learning_rate").is_in(_level(losses, lowest["learning_rate"])))
        .sort(distance)
        .row(0, named=True)
    )
    at_usual = rates.filter((pl.col("learning_rate") / usual - 1).abs() < 1e-9)
    edges = (rates["learning_rate"][0], rates["learning_rate"][-1])
    return Standing(
        optimizer=name,
        learning_rate=best["learning_rate"],
        median=best["median"],
        low=best["low"],
        high=best["high"],
        runs=len(runs),
        diverged=int((runs["status"] == "diverged").sum()),
        at_edge=len(rates) > 1 and best["learning_rate"] in edges,
        usual_learning_rate=usual,
        usual_median=at_usual["median"][0] if len(at_usual) else math.nan,
    )


def _level(losses: Mapping[float, np.ndarray], lowest: float) -> list[float]:
    """The rates within the noise of the one with the lowest median, seed by seed; that one is among them.

    losses: by rate, (seeds,).  A rate's mean difference may be one standard error and a hundredth of that median, and
    no other rate may beat it by a hundredth on every seed. The lowest of thirteen is partly luck; the one standard
    error rule (Breiman et al. 1984) takes the most usual of those that may as well be it.
    """
    level = [lowest]
    margin = _MARGIN * abs(float(np.median(losses[lowest])))
    for rate, own in losses.items():
        with np.errstate(invalid="ignore"):
            differences = own - losses[lowest]
        if rate == lowest or not np.isfinite(differences).all():
            continue
        error = float(differences.std(ddof=1)) / math.sqrt(len(own)) if len(own) > 1 else 0.0
        beaten = any((other < own - _MARGIN * np.abs(own)).all() for other in losses.values())
        if differences.mean() <= error + margin and not beaten:
            level.append(rate)
    return level


def _sentence(board: Sequence[Standing], measure: Measure, seeds: int) -> str:
    first = board[0]
    told = (
        f"Use {proper_name(first.optimizer)} at a learning rate of {rate(first.learning_rate)}: "
        f"median {measure.part} {measure.name} {measure.of(first.median)} over {seeds} seed{'s' if seeds > 1 else ''}"
    )
    if len(board) > 1:
        next_best = board[1]
        told += (
            f"; next is {proper_name(next_best.optimizer)} at {rate(next_best.learning_rate)} "
            f"with {next_best.median:.3g}"
        )
    if first.at_edge:
        told += ". That rate is the end of its grid: a better one may lie beyond"
    return told + ". Unconfirmed: no fresh seeds have tested it."


def rate(learning_rate: float) -> str:
    """A learning rate as people write it, to three digits.

    >>> rate(0.0031622776), rate(1e-5), rate(0.000316), rate(1.0)
    ('0.00316', '1e-5', '3.16e-4', '1')
    """
    if learning_rate >= 1e-3:
        return f"{float(f'{learning_rate:.3g}'):.10f}".rstrip("0").rstrip(".")
    mantissa, exponent = f"{learning_rate:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
