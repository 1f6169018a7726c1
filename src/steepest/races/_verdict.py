"""Who won: each optimizer at the rate its tuning chose, beside the leader, on seeds that no rate was chosen by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ..problems import Measure
from ..rules import proper_name
from ._choose import Chosen, choose, losses_by_rate
from ._plan import CONFIRM, TUNE
from ._statistics import LEAST_SEEDS, MARGIN, Comparison, compare


@dataclass(frozen=True)
class Standing:
    """An optimizer at its recommended learning rate.

    median, low, high: steady watched loss (see ``Run``) over the seeds that count there, the fresh ones where there are
    any; infinite where runs diverged.
    plateau: the rates that tuning does not tell from the best.  at_edge: they reach an end of the grid, so better may
    lie beyond.
    runs, diverged: of all its runs.  usual_learning_rate, usual_median: untuned, on the same seeds.
    comparison: beside the leader, seed by seed; None for the leader, and where no fresh seeds ran.
    tuning: the usual rate beside the recommended one, likewise; None where they are one.
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
    comparison: Comparison | None = None
    tuning: Comparison | None = None


@dataclass(frozen=True)
class Verdict:
    """The recommendation, and all standings, best first.

    confirmed: whether fresh seeds were run; without them differences may be luck.
    winners: those that nothing shows to be worse than the leader, who is first.  decided: whether that is one alone, or
    all are equal to within the margin.
    more_seeds: about how many would decide it; None where it is decided or no number would.
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
    board.sort(key=lambda one: (one.median, one.high))
    if not board or not math.isfinite(board[0].median):
        return None
    if confirmed:
        return _confirmed(board, losses, measure, state_arrays or {})
    first = board[0]
    sentence = _unconfirmed(board, measure, len(losses[first.optimizer][0]))
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


Losses = tuple[np.ndarray, np.ndarray]  # at the chosen and at the usual rate, by seed


def _paired(fresh: pl.DataFrame, name: str, chosen: Chosen, usual: float) -> Losses:
    by_rate = losses_by_rate(fresh.filter(pl.col("optimizer") == name))
    return _at(by_rate, chosen.learning_rate), _at(by_rate, usual)


def _sobered(chosen: Chosen, usual: float, losses: Losses) -> Chosen:
    """The usual rate in place of the chosen one where fresh seeds say that choosing made it worse.

    On few rows and seeds the best of many rates may owe it to luck, and be far off.
    """
    at, at_usual = (float(np.median(one)) if len(one) else math.nan for one in losses)
    if not at > at_usual + MARGIN * abs(at_usual):
        return chosen
    low, high = chosen.plateau
    there = low <= usual * (1 + 1e-9) and usual <= high * (1 + 1e-9)
    plateau = chosen.plateau if there else (usual, usual)
    return replace(chosen, learning_rate=usual, plateau=plateau, at_edge=chosen.at_edge and there)


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
    asked = [one.more_seeds for one in undecided]
    more = max((one for one in asked if one is not None), default=None) if None not in asked else None
    first, reason = _pick([one for one in told if one.optimizer in winners], state_arrays)
    verdict = Verdict("", True, first.optimizer, first.learning_rate, told, winners, not undecided, more, reason)
    return replace(verdict, sentence=_sentence(verdict, measure, len(losses[leader.optimizer][0])))


def _tuning(chosen: np.ndarray, usual: np.ndarray) -> Comparison | None:
    """What the usual rate would have cost: its losses beside those at the chosen one, seed by seed."""
    if len(usual) != len(chosen) or np.array_equal(chosen, usual):
        return None
    return compare({"chosen": chosen, "usual": usual}, "chosen")[0]


def _pick(winners: Sequence[Standing], state_arrays: Mapping[str, int]) -> tuple[Standing, str]:
    """The most robust, then the cheapest, of the winners whose median is the leader's to within the margin."""
    limit = winners[0].median + MARGIN * abs(winners[0].median)
    near = [one for one in winners if one.median <= limit]
    criteria = {
        "none of its runs diverged": lambda one: not math.isfinite(one.high),
        "its learning rate matters least": lambda one: -round(2 * decades(one)),
        "it keeps the least state": lambda one: state_arrays.get(one.optimizer, 0),
        "its median is lowest": lambda one: one.median,
    }
    left, reason = near, ""
    for told, key in criteria.items():
        best = min(map(key, left))
        kept = [one for one in left if key(one) == best]
        if len(kept) < len(left):
            left, reason = kept, told
        if len(left) == 1:
            break
    return left[0], reason if len(winners) > 1 else ""


def decades(one: Standing) -> float:
    """How wide the plateau is."""
    return math.log10(one.plateau[1] / one.plateau[0])


def _sentence(verdict: Verdict, measure: Measure, seeds: int) -> str:
    first = verdict.recommended
    use = f"{proper_name(first.optimizer)} at a learning rate of {rate(first.learning_rate)}"
    reached = f"median {measure.part} {measure.name} {measure.of(first.median)} over {_seeds(seeds)}"
    edge = ". Its plateau reaches the end of its grid: a better rate may lie beyond" if first.at_edge else ""
    others = len(verdict.leaderboard) - len(verdict.winners)
    if len(verdict.winners) == 1:
        return f"Use {use}: {reached}{_ahead(verdict)}{edge}."
    names = _listed([proper_name(name) for name in verdict.winners])
    why = f", since {verdict.reason}" if verdict.reason else ""
    if verdict.decided:
        told = f"{names} are equals to within {100 * verdict.margin:.0f} %"
    else:
        told = f"Undecided between {names}"
        settle = verdict.more_seeds
        if seeds < LEAST_SEEDS:
            told += f": fewer than {LEAST_SEEDS} seeds decide nothing"
        elif settle:
            told += f": about {settle} more {'seed' if settle == 1 else 'seeds'} would settle it"
        else:
            told += ", and no reasonable number of seeds would settle it"
    beaten = f"; the other {others} {'is' if others == 1 else 'are'} worse" if others else ""
    return f"{told}{beaten}. Use {use}{why}: {reached}{edge}."


def _ahead(verdict: Verdict) -> str:
    """How far the next one is behind; nothing where there is no other."""
    if len(verdict.leaderboard) == 1:
        return ""
    beside = verdict.leaderboard[1].comparison
    assert beside is not None
    others = len(verdict.leaderboard) - 1
    than = "better than the other" if others == 1 else f"better than each of the {others} others"
    return (
        f", {than}; next is {proper_name(beside.optimizer)}, higher by {beside.median:.2g} "
        f"(95 % interval {beside.low:.2g} to {beside.high:.2g}, p = {beside.adjusted:.2g})"
    )


def _seeds(count: int) -> str:
    return f"{count} fresh {'seed' if count == 1 else 'seeds'}"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _unconfirmed(board: Sequence[Standing], measure: Measure, seeds: int) -> str:
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
        told += ". Its plateau reaches the end of its grid: a better rate may lie beyond"
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
