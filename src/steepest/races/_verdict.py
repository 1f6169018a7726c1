"""Who won: each optimizer at the rate its tuning chose, beside the leader, on seeds that no rate was chosen by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ..problems import Measure
from ._choose import Chosen, choose, losses_by_rate
from ._plan import CONFIRM, TUNE
from ._sentence import confirmed_sentence, unconfirmed_sentence
from ._space import parsed_knobs
from ._standing import Standing, Verdict, decades
from ._statistics import MARGIN, Comparison, compare, median_interval


def judge(
    runs: pl.DataFrame, usual: Mapping[str, float], measure: Measure, *, state_arrays: Mapping[str, int] | None = None
) -> Verdict | None:
    """The verdict on a table of runs; None where at every rate half the runs or more diverged, or none has ended.

    usual: each optimizer's untuned rate.  measure: what the losses are.  state_arrays: how many arrays of the
    parameters' size each keeps, which may break a tie.
    Interrupted runs are left out; a diverged run counts as an infinite loss, never as missing, since dropping it would
    reward a rate for diverging. Seeds that an interrupt cut short are left out where others are whole.
    """
    tuned = judged_runs(of_stage(runs, TUNE))
    chosen = {name: found for name, rate in usual.items() if (found := choose(tuned, name, rate)) is not None}
    fresh = judged_runs(of_stage(runs, CONFIRM))
    paired = {name: _paired(fresh, name, chosen[name], usual[name]) for name in chosen} if not fresh.is_empty() else {}
    confirmed = bool(paired) and all(len(at) for at, _ in paired.values())
    if confirmed:
        chosen = {name: _sobered(one, usual[name], paired[name]) for name, one in chosen.items()}
        paired = {name: _paired(fresh, name, chosen[name], usual[name]) for name in chosen}
    losses = paired if confirmed else {name: _losses(tuned, name, one) for name, one in chosen.items()}
    counts = {str(name): own for (name,), own in runs.group_by("optimizer")}
    board = [_standing(name, one, usual[name], losses[name], counts[name]) for name, one in chosen.items()]
    # Of paired seeds the difference of means is the mean difference: what is hard about a seed is hard for all. That of
    # medians is not the median difference, and picks worse leaders of ten seeds. Three are too few for a mean.
    board.sort(key=lambda one: (one.mean if confirmed else one.median, one.median, one.high))
    if not board or not math.isfinite(board[0].median):
        return None
    if confirmed:
        return _confirmed(board, losses, measure, state_arrays or {})
    first = board[0]
    sentence = unconfirmed_sentence(board, measure, len(losses[first.optimizer][0]))
    return Verdict(sentence, False, first.optimizer, first.learning_rate, tuple(board))


def of_stage(runs: pl.DataFrame, stage: str) -> pl.DataFrame:
    """The runs of one stage; a table that names none is all tuning."""
    if "stage" not in runs.columns:
        return runs if stage == TUNE else runs.clear()
    return runs.filter(pl.col("stage") == stage)


def judged_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """The runs of a stage that count: those not interrupted, of the seeds with the most runs.

    Those seeds are whole, or the first where an interrupt left none. A seed that was cut short has run some optimizers
    and rates only; counting it would judge those on other seeds than the rest.
    """
    ended = runs.filter(pl.col("status") != "interrupted")
    if ended.is_empty():
        return ended
    sizes = ended.group_by("seed").len()
    return ended.join(sizes.filter(pl.col("len") == pl.col("len").max()), on="seed", how="semi", maintain_order="left")


# Plateaus of so many half decades are all wide: only four rates always run to the end, and slow ones are dropped first,
# so that a wider one may be cut short.
_WIDE = 2
# Nobody runs more further seeds for the sake of a difference that small.
_MOST_ASKED = 100

Losses = tuple[np.ndarray, np.ndarray]  # at the chosen and at the usual rate, by seed


def _paired(fresh: pl.DataFrame, name: str, chosen: Chosen, usual: float) -> Losses:
    by_rate = losses_by_rate(fresh.filter(pl.col("optimizer") == name))
    return _at(by_rate, chosen.learning_rate), _at(by_rate, usual)


def _sobered(chosen: Chosen, usual: float, losses: Losses) -> Chosen:
    """The usual rate in place of the chosen one where fresh seeds say that choosing made it worse.

    On few rows and seeds the best of many rates may owe it to luck, and be far off.
    """
    at, at_usual = (float(np.mean(one)) if len(one) else math.nan for one in losses)
    if not at > at_usual + MARGIN * abs(at_usual):
        return chosen
    low, high = chosen.plateau
    there = low <= usual * (1 + 1e-9) and usual <= high * (1 + 1e-9)
    there = there and not chosen.hyperparameters
    plateau = chosen.plateau if there else (usual, usual)
    return replace(chosen, learning_rate=usual, plateau=plateau, at_edge=chosen.at_edge and there, hyperparameters="")


def _losses(tuned: pl.DataFrame, name: str, chosen: Chosen) -> Losses:
    by_rate = losses_by_rate(tuned.filter((pl.col("optimizer") == name) & (pl.col("status") != "dropped")))
    return _at(by_rate, chosen.learning_rate), np.full(1, chosen.usual_median)


def _at(by_rate: Mapping[float, np.ndarray], rate: float) -> np.ndarray:
    return next((losses for one, losses in by_rate.items() if math.isclose(one, rate)), np.empty(0))


def _standing(name: str, chosen: Chosen, usual: float, losses: Losses, runs: pl.DataFrame) -> Standing:
    at, at_usual = losses
    return Standing(
        optimizer=name,
        learning_rate=chosen.learning_rate,
        median=float(np.median(at)),
        low=float(np.min(at)),
        high=float(np.max(at)),
        runs=int((runs["status"] != "interrupted").sum()),
        diverged=int((runs["status"] == "diverged").sum()),
        at_edge=chosen.at_edge,
        usual_learning_rate=usual,
        usual_median=float(np.median(at_usual)) if len(at_usual) else math.nan,
        plateau=chosen.plateau,
        mean=float(np.mean(at)),
        hyperparameters=parsed_knobs(chosen.hyperparameters),
        interval=median_interval(at)[1:],
    )


def _confirmed(
    board: Sequence[Standing], losses: Mapping[str, Losses], measure: Measure, state_arrays: Mapping[str, int]
) -> Verdict:
    leader = board[0]
    beside = compare({one.optimizer: losses[one.optimizer][0] for one in board}, leader.optimizer)
    comparisons = {one.optimizer: one for one in beside}
    told = tuple(
        replace(one, comparison=comparisons.get(one.optimizer), tuning=_tuning(*losses[one.optimizer])) for one in board
    )
    open_ = [one for one in beside if one.relation != "worse"]
    winners = (leader.optimizer, *(one.optimizer for one in open_))
    undecided = [one for one in open_ if one.relation == "undecided"]
    asked = {one.optimizer: one.more_seeds or math.inf for one in undecided}
    close = tuple(name for name, seeds in asked.items() if seeds > _MOST_ASKED)
    more = max((int(seeds) for seeds in asked.values() if seeds <= _MOST_ASKED), default=None)
    first, reason = _pick([one for one in told if one.optimizer in winners], state_arrays)
    verdict = Verdict(
        "", True, first.optimizer, first.learning_rate, told, winners, not undecided, more, reason, too_close=close
    )
    return replace(verdict, sentence=confirmed_sentence(verdict, measure, len(losses[leader.optimizer][0])))


def _tuning(chosen: np.ndarray, usual: np.ndarray) -> Comparison | None:
    """What the usual rate would have cost: its losses beside those at the chosen one, seed by seed."""
    if len(usual) != len(chosen) or np.array_equal(chosen, usual):
        return None
    return compare({"chosen": chosen, "usual": usual}, "chosen")[0]


def _pick(winners: Sequence[Standing], state_arrays: Mapping[str, int]) -> tuple[Standing, str]:
    """The most robust, then the cheapest, of the winners whose mean is the leader's to within the margin.

    Where the leader's mean is infinite, and so is everybody's, it is the median.
    """
    by = "mean" if math.isfinite(winners[0].mean) else "median"
    limit = getattr(winners[0], by) + MARGIN * abs(getattr(winners[0], by))
    near, lowest = [one for one in winners if getattr(one, by) <= limit], f"its {by} is lowest"
    criteria = {
        "none of its runs diverged": lambda one: not math.isfinite(one.high),
        "its learning rate matters least": lambda one: -min(round(2 * decades(one)), _WIDE),
        "it keeps the least state": lambda one: state_arrays.get(one.optimizer, 0),
        lowest: lambda one: getattr(one, by),
    }
    left, reason = near, lowest if len(near) == 1 else ""
    for told, key in criteria.items():
        best = min(map(key, left))
        kept = [one for one in left if key(one) == best]
        if len(kept) < len(left):
            left, reason = kept, told
        if len(left) == 1:
            break
    return left[0], reason if len(winners) > 1 else ""
