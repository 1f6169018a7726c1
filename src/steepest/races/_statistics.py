"""What paired runs say: differences seed by seed, how sure they are, and how many more seeds would settle them."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# Below six pairs no exact test of signs can reach five per cent: 2 / 2^5 = 0.0625.
LEAST_SEEDS = 6
LEVEL = 0.05
# Differences smaller than this share of the leader's loss are none that anybody needs.
MARGIN = 0.01
_RESAMPLES = 9999
# Up to so many pairs every one of the 2^n signs is counted; beyond, a sample of them is.
_EXACT = 12
# Beyond so many more seeds nobody runs them: the two are equals for all that will ever be known.
MOST_SEEDS = 1000
# Standard deviations from a difference that five runs in a hundred would show by luck to one that is seen in four races
# of five.
_SEEN = 1.96 + 0.84


@dataclass(frozen=True)
class Comparison:
    """One optimizer beside the leader, seed by seed.

    differences: its loss less the leader's, of each seed.  median, low, high: of those, with the 95 % BCa interval.
    p: of the exact two-sided sign-flip test; adjusted: after Holm over all that are compared.
    beaten: the share of seeds on which the leader was better, ties counted half, with its 95 % Wilson interval.
    relation: "worse", "equal" or "undecided".  more_seeds: about how many would settle it; None where it is settled or
    no number would.
    """

    optimizer: str
    differences: tuple[float, ...]
    median: float
    low: float
    high: float
    p: float
    adjusted: float
    beaten: float
    beaten_low: float
    beaten_high: float
    relation: str
    more_seeds: int | None


def compare(losses: Mapping[str, np.ndarray], leader: str, *, margin: float = MARGIN) -> list[Comparison]:
    """Every other optimizer beside the leader, in the order given.

    losses: by optimizer, (seeds,), in the same order; infinite where a run diverged.
    margin: of practical equivalence, as a share of the leader's median loss.
    An optimizer is worse where Holm's p is at most 5 % and the median difference is beyond the margin; equal where the
    whole interval is within the margin; undecided otherwise.
    """
    best = losses[leader]
    unit = margin * abs(float(np.median(best)))
    others = [name for name in losses if name != leader]
    paired = [differences(losses[name], best) for name in others]
    p = [sign_flip_p(one) for one in paired]
    made = []
    for name, d, own, adjusted in zip(others, paired, p, holm(p), strict=True):
        median, low, high = median_interval(d)
        relation = _relation(median, low, high, adjusted, unit)
        made.append(
            Comparison(
                name, tuple(d.tolist()), median, low, high, own, adjusted, *share_beaten(d), relation,
                seeds_to_settle(d, unit) if relation == "undecided" else None,
            )
        )  # fmt: skip
    return made


def _relation(median: float, low: float, high: float, adjusted: float, unit: float) -> str:
    if adjusted <= LEVEL and median > unit:
        return "worse"
    return "equal" if -unit <= low and high <= unit else "undecided"


def differences(losses: np.ndarray, others: np.ndarray) -> np.ndarray:
    """losses - others, seed by seed; none where both diverged.

    Where one diverged the difference is infinite; it counts as twice the largest that is not, so that it is the worst
    of all and yet has a mean, or as one where no other is there to compare with.
    """
    with np.errstate(invalid="ignore"):
        d = np.where(losses == others, 0.0, losses - others)
    finite = np.abs(d[np.isfinite(d)])
    largest = 2 * float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return np.clip(d, -largest, largest)


def median_interval(d: np.ndarray) -> tuple[float, float, float]:
    """The median with its 95 % bias-corrected, accelerated bootstrap interval (Efron 1987); NaN ends for one seed."""
    from scipy import stats

    median = float(np.median(d))
    if len(d) < 2:
        return median, math.nan, math.nan
    if np.ptp(d) == 0:
        return median, median, median
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a jackknife without spread has no acceleration; the ends are then plain
        found = stats.bootstrap(
            (d,), np.median, method="BCa", n_resamples=_RESAMPLES, rng=np.random.default_rng(0), vectorized=True
        ).confidence_interval
        if not np.isfinite([found.low, found.high]).all():
            found = stats.bootstrap(
                (d,), np.median, method="percentile", n_resamples=_RESAMPLES, rng=np.random.default_rng(0)
            ).confidence_interval
    return median, float(found.low), float(found.high)


def sign_flip_p(d: np.ndarray) -> float:
    """Two-sided p of the mean under random signs: exact up to twelve seeds, of 9999 draws of signs beyond.

    Source: Fisher 1935, The Design of Experiments, section 21.
    """
    from scipy import stats

    if len(d) < 2 or not np.any(d):
        return 1.0
    count = math.inf if len(d) <= _EXACT else _RESAMPLES
    told = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=count, vectorized=True, rng=np.random.default_rng(0)
    )
    return float(told.pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """p adjusted so that the chance of any false claim among them stays below the level (Holm 1979)."""
    from statsmodels.stats.multitest import multipletests

    return multipletests(p, method="holm")[1].tolist() if len(p) else []


def share_beaten(d: np.ndarray) -> tuple[float, float, float]:
    """The share of seeds with a positive difference, ties counted half, with its 95 % Wilson interval (Wilson 1927)."""
    from statsmodels.stats.proportion import proportion_confint

    count = float(np.sum(d > 0) + np.sum(d == 0) / 2)
    low, high = proportion_confint(count, len(d), method="wilson")
    return count / len(d), float(low), float(high)


def seeds_to_settle(d: np.ndarray, unit: float) -> int | None:
    """About how many more seeds would show a difference like this one, or that there is none beyond the unit.

    By the usual reckoning for paired means, to be seen in four races of five; None beyond a thousand.
    """
    spread, size = float(np.std(d, ddof=1)) if len(d) > 1 else math.nan, abs(float(np.mean(d)))
    target = max(size, unit - size)
    if not target > 0 or not math.isfinite(spread):
        return None
    more = max(LEAST_SEEDS, math.ceil((_SEEN * spread / target) ** 2)) - len(d)
    return max(1, more) if more <= MOST_SEEDS else None
