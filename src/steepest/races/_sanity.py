"""Whether a race can be believed: optimizers beside those they include, and the network beside what needs none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from ..problems import Measure
from ..rules import proper_name
from ._baselines import MEAN, Baseline
from ._plan import CONFIRM, TUNE
from ._space import parsed_knobs, with_told_knobs
from ._standing import Verdict
from ._statistics import LEAST_SEEDS, LEVEL, MARGIN, Comparison, compare, holm
from ._verdict import judged_runs, of_stage

# What a check found.
OK, UNDECIDED, SMALL_SPACE, BEATEN, CONSTANT = "ok", "undecided", "small_space", "beaten", "constant"
# Losses that differ by less, as a share, are one: float32 has seven digits.
_ALIKE = 1e-6


@dataclass(frozen=True)
class Finding:
    """What one check of a race found.

    check: what was looked at.  kind: ``ok``; ``undecided``, where the first of *between* did worse by more than the
    margin and it may be chance; ``small_space``, where an optimizer lost to one it includes; ``beaten``, where a
    baseline beats the network; ``constant``, where all runs of a seed have one loss.
    sentence: for people.  between: who was compared, the one that should not be worse first; else empty.
    numbers: what decided. Of two compared: the median difference of their losses, seed by seed, with its interval of
    95 %, ``low`` to ``high``; ``p``, adjusted after Holm over all pairs of the check; ``median`` and ``other_median``;
    ``seeds``.
    """

    check: Literal["inclusion", "baseline", "metric"]
    kind: str
    sentence: str
    between: tuple[str, ...]
    numbers: Mapping[str, float]

    @property
    def warns(self) -> bool:
        """Whether people should be told unasked."""
        return self.kind not in (OK, UNDECIDED)


class _Inclusion(NamedTuple):
    """An optimizer that, tuned in all it has, cannot be worse than another: how it becomes that one; what to search."""

    general: str
    special: str
    how: str
    search: tuple[str, ...]


_MOMENTUM, _EPSILON = ("momentum",), ("epsilon", "b2")
# Source: Choi et al. 2019, On Empirical Comparisons of Optimizers for Deep Learning, arXiv:1910.05446. Nesterov's is no
# case of Adam; momentum is, and is near it.
_INCLUSIONS = (
    _Inclusion("momentum", "sgd", "with no momentum it is SGD", _MOMENTUM),
    _Inclusion("nesterov", "sgd", "with no momentum it is SGD", _MOMENTUM),
    _Inclusion("adam", "momentum", "with a large epsilon it is Momentum", _EPSILON),
    _Inclusion("adam", "nesterov", "with a large epsilon it is Momentum, close to Nesterov", _EPSILON),
    _Inclusion("nadam", "nesterov", "with a large epsilon it is Nesterov", _EPSILON),
)


def sanity(
    runs: pl.DataFrame, verdict: Verdict, measure: Measure, baselines: Mapping[str, Baseline]
) -> tuple[Finding, ...]:
    """Everything that was checked and could be, whether or not something is wrong.

    Inclusion is checked on fresh seeds, between optimizers that tried several rates. The network is that of the
    recommended optimizer at its rate, on the seeds of the baselines.
    """
    return (*_metric(runs, measure), *_inclusions(runs, verdict, measure), *_network(runs, verdict, measure, baselines))


def recommended_losses(runs: pl.DataFrame, verdict: Verdict) -> dict[int, float]:
    """By seed, the steady losses of the recommended optimizer at its rate: on fresh seeds, or else those of tuning."""
    stage = CONFIRM if verdict.confirmed else TUNE
    return _losses(judged_runs(of_stage(runs, stage)), verdict.optimizer, verdict.learning_rate)


def _losses(runs: pl.DataFrame, optimizer: str, learning_rate: float) -> dict[int, float]:
    """By seed, rising; infinite where a run diverged."""
    near = (pl.col("learning_rate") / learning_rate - 1).abs() < 1e-9
    loss = pl.when(pl.col("status") == "diverged").then(float("inf")).otherwise(pl.col("steady_validation_loss"))
    own = runs.filter((pl.col("optimizer") == optimizer) & near & (pl.col("status") != "dropped")).sort("seed")
    return dict(own.select("seed", loss).iter_rows())


def _metric(runs: pl.DataFrame, measure: Measure) -> list[Finding]:
    ended = runs.filter(pl.col("status").is_in(["ok", "stopped"]))
    loss = pl.col("steady_validation_loss")
    spread = ended.group_by("seed").agg(low=loss.min(), high=loss.max(), count=pl.len()).filter(pl.col("count") > 1)
    if spread.is_empty():
        return []
    low, high = spread["low"].to_numpy(), spread["high"].to_numpy()
    numbers = {"lowest": float(low.min()), "highest": float(high.max()), "runs": len(ended)}
    what, span = f"{measure.part} {measure.name}", f"{low.min():.3g} to {measure.of(high.max())}"
    if not (high - low <= _ALIKE * np.abs(high)).all():
        return [Finding("metric", OK, f"The {what} tells runs apart: {span}.", (), numbers)]
    one = high.max() - low.min() <= _ALIKE * abs(high.max())
    same = f"{measure.of(high.max())} in all runs" if one else f"the same in all runs of a seed ({span})"
    told = f"The {what} is {same}: nothing that was tried changes it, so look at the target, the loss and the rates."
    return [Finding("metric", CONSTANT, told, (), numbers)]


def _inclusions(runs: pl.DataFrame, verdict: Verdict, measure: Measure) -> list[Finding]:
    tried = of_stage(runs, TUNE).group_by("optimizer").agg(pl.col("learning_rate").n_unique())
    tuned = {name for name, rates in tried.iter_rows() if rates > 1} if verdict.confirmed else set()
    fresh = judged_runs(of_stage(runs, CONFIRM))
    standings = {one.optimizer: one for one in verdict.leaderboard if one.optimizer in tuned}
    losses = {name: _losses(fresh, name, one.learning_rate) for name, one in standings.items()}
    pairs = [one for one in _INCLUSIONS if losses.get(one.general) and losses.get(one.special)]
    beside = _compared([(losses[one.general], losses[one.special]) for one in pairs])
    return [
        _included(pair, two, measure, _searched(runs, pair.general), at_edge=standings[pair.general].at_edge)
        for pair, two in zip(pairs, beside, strict=True)
    ]


def _searched(runs: pl.DataFrame, name: str) -> set[str]:
    """The hyperparameters that the race searched for an optimizer."""
    own = with_told_knobs(runs).filter(pl.col("optimizer") == name)
    return {knob for text in own["hyperparameters"].unique() for knob in parsed_knobs(text)}


def _included(pair: _Inclusion, two: "_Pair", measure: Measure, searched: set[str], *, at_edge: bool) -> Finding:
    general, special = proper_name(pair.general), proper_name(pair.special)
    between = (pair.general, pair.special)
    if not two.worse:
        return Finding("inclusion", two.kind, two.told(general, special, measure), between, two.numbers)
    more = ", and rates beyond its grid" if at_edge else ""
    knobs = " and ".join(pair.search)
    advice = f"so search its {knobs} too (--search {','.join(pair.search)}){more}"
    if searched.issuperset(pair.search):
        advice = f"though its {knobs} was searched: tune on more seeds (--seeds){more}"
    told = f"{two.told(general, special, measure)} Yet {pair.how}: the space that was searched is too small, {advice}."
    return Finding("inclusion", SMALL_SPACE, told, between, two.numbers)


def _network(
    runs: pl.DataFrame, verdict: Verdict, measure: Measure, baselines: Mapping[str, Baseline]
) -> list[Finding]:
    own = recommended_losses(runs, verdict)
    usable = {name: one for name, one in baselines.items() if set(one.losses) & set(own)}
    beside = _compared([(own, one.losses) for one in usable.values()])
    return [_beside(name, one, two, measure) for (name, one), two in zip(usable.items(), beside, strict=True)]


def _beside(name: str, baseline: Baseline, two: "_Pair", measure: Measure) -> Finding:
    trained = f" on {baseline.rows:,} of {baseline.of_rows:,} rows" if baseline.rows < baseline.of_rows else ""
    told = two.told("the network", f"the {name}{trained}", measure)
    if two.worse:
        instead = f"Change it or the features, or use the {name}." if name != MEAN else "It has learned nothing of use."
        told = f"The optimizer is not the problem: {told[0].lower()}{told[1:]} {instead}"
    return Finding("baseline", BEATEN if two.worse else two.kind, told, ("network", name), two.numbers)


@dataclass(frozen=True)
class _Pair:
    """One that should not be worse beside another, seed by seed."""

    comparison: Comparison
    median: float
    other_median: float

    @property
    def worse(self) -> bool:
        """Beyond chance, also among all pairs of its check, and beyond the margin."""
        return self.comparison.relation == "worse" and self.comparison.adjusted <= LEVEL

    @property
    def better(self) -> bool:
        """Beyond chance, likewise."""
        below = self.comparison.median < 0 and sum(self.comparison.differences) < 0
        return below and self.comparison.adjusted <= LEVEL

    @property
    def kind(self) -> str:
        """Of one that is not clearly worse."""
        return UNDECIDED if self.comparison.median > MARGIN * abs(self.other_median) else OK

    @property
    def numbers(self) -> dict[str, float]:
        """What a finding keeps."""
        one = self.comparison
        decided = {"difference": one.median, "low": one.low, "high": one.high, "p": one.adjusted}
        return {**decided, "median": self.median, "other_median": self.other_median, "seeds": len(one.differences)}

    def told(self, one: str, other: str, measure: Measure) -> str:
        """A sentence that names the two, with both medians, the difference and its interval."""
        relation = "worse" if self.worse else "better" if self.better else ""
        how = f"{one} is {relation} than {other}" if relation else f"nothing shows {one} to be worse than {other}"
        medians = {one: self.median, other: self.other_median}
        if lost := [name for name, median in medians.items() if not math.isfinite(median)]:
            sure, apart = f"p = {self.comparison.adjusted:.2g}, ", ""
            beside = f"half the runs or more of {' and of '.join(lost)} diverged"
        else:
            sure, apart = self._apart(relation)
            beside = f"medians {self.median:.3g} and {measure.of(self.other_median)}"
        seeds = len(self.comparison.differences)
        sure = sure if seeds >= LEAST_SEEDS else "too few to be sure: "
        return f"{how[0].upper()}{how[1:]}{apart} ({sure}{seeds} seed{'s' if seeds > 1 else ''}; {beside})."

    def _apart(self, relation: str) -> tuple[str, str]:
        """The interval and the p, and the difference."""
        d, low, high = self.comparison.median, self.comparison.low, self.comparison.high
        if relation == "better":
            d, low, high = -d, -high, -low
        told = {"worse": f", higher by {d:.2g}", "better": f", lower by {d:.2g}"}
        sure = f"95 % interval {low:.2g} to {high:.2g}, p = {self.comparison.adjusted:.2g}, "
        return sure, told.get(relation, f", the difference being {d:.2g}")


def _compared(pairs: Sequence[tuple[Mapping[int, float], Mapping[int, float]]]) -> list[_Pair]:
    """Losses by seed, of pairs: one that should not be worse, and the other; compared on the seeds of both."""
    made = []
    for own, others in pairs:
        seeds = sorted(set(own) & set(others))
        one, other = (np.array([losses[seed] for seed in seeds]) for losses in (own, others))
        (beside,) = compare({"one": one, "other": other}, "other")
        made.append(_Pair(beside, float(np.median(one)), float(np.median(other))))
    adjusted = holm([two.comparison.p for two in made])
    return [replace(two, comparison=replace(two.comparison, adjusted=p)) for two, p in zip(made, adjusted, strict=True)]
