"""What paired runs say: differences seed by seed, how sure they are, and how many more seeds would settle them.

The interval of the median difference is Hettmansperger and Sheather's, interpolated between order statistics, and not
the bias-corrected accelerated bootstrap (BCa). Over 40,000 samples of a normal, a lognormal, a Student's t (3 degrees)
and a uniform distribution it covered the true median in 94.0 to 95.3 % of them at every count of seeds from 6 to 20,
where the ideal BCa interval, of every resample there is, covered it in 87.5 % at 7 seeds, 92.5 % at 8, 93.4 % at 10 and
90.7 % at 13: a resampled median takes few values. BCa intervals of the mean, the Hodges-Lehmann estimate or a trimmed
mean do no better on few seeds (81 to 92 % at 6). ``bench/calibration.py`` measures both again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# Below six pairs no exact test of signs can reach five per cent (2 / 2^5 = 0.0625), nor the whole range of the
# differences cover their median in 95 % of samples (1 - 2 / 2^5 = 0.9375).
LEAST_SEEDS = 6
LEVEL = 0.05
# Differences smaller than this share of the leader's loss are none that anybody needs.
MARGIN = 0.01
_RESAMPLES = 9999
# Up to so many pairs every one of the 2^n signs is counted; beyond, a sample of them is.
_EXACT = 12
# Signs are flipped so many samples at a time: all 9,999 of a thousand seeds would take 80 MB.
_BATCH = 1000
# Beyond so many more seeds nobody runs them: the two are equals for all that will ever be known.
MOST_SEEDS = 1000
# A ratio whose square is beyond that, whatever the number of seeds that ran, and yet a number.
_FAR = 1e6
# A difference is planned to be seen in so many races.
_POWER = 0.8


@dataclass(frozen=True)
class Comparison:
    """One optimizer beside the leader, seed by seed.

    differences: its loss less the leader's, of each seed.  median, low, high: of those, with the 95 % interval of
    ``median_interval``.
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
    An optimizer is worse where Holm's p is at most 5 %, the mean difference is positive and the median difference is
    beyond the margin; equal where the whole interval is within the margin; undecided otherwise, and on fewer than six
    seeds.

    That the leader was found on these very seeds costs nothing where two are compared, the test having two sides. Among
    more, one that is truly as good as any is called worse in fewer than 5 % of races, and so are all but one of several
    equals; but that some one of several equals is called worse happens in about a tenth of races (nine equals, ten
    seeds), since any two of them may come to be compared. Allowing for all pairs would cost more than it saves: on ten
    seeds the least p there is, 2 / 2^10, times the 36 pairs of nine is above 5 %.
    The test is of the mean and the interval of the median, which takes more seeds to tell from zero: at a difference of
    one standard deviation and ten seeds one in seven that are called worse have zero in their interval.
    """
    best = losses[leader]
    unit = margin * abs(float(np.median(best)))
    others = [name for name in losses if name != leader]
    paired = [differences(losses[name], best) for name in others]
    p = [sign_flip_p(d) for d in paired]
    adjusted = holm(p)
    medians = [median_interval(d) for d in paired]
    relations = [relation(*told, unit) for told in zip(paired, medians, adjusted, strict=True)]
    claims = len(others) - relations.count("worse")
    return [
        Comparison(
            name, tuple(d.tolist()), *of, p[i], adjusted[i], *share_beaten(d), relations[i],
            seeds_to_settle(d, unit, claims) if relations[i] == "undecided" else None,
        )
        for i, (name, d, of) in enumerate(zip(others, paired, medians, strict=True))
    ]  # fmt: skip


def relation(d: np.ndarray, interval: tuple[float, float, float], adjusted: float, unit: float) -> str:
    """What differences to the leader say, as told in ``compare``.

    interval: median, low, high.  adjusted: Holm's p.  unit: the margin, in units of the loss.
    """
    median, low, high = interval
    # On fewer than six seeds p is above the level and the interval is NaN, so that neither holds.
    if adjusted <= LEVEL and np.mean(d) > 0 and median > unit:
        return "worse"
    return "equal" if -unit <= low and high <= unit else "undecided"


def differences(losses: np.ndarray, others: np.ndarray) -> np.ndarray:
    """losses - others, seed by seed; none where both diverged.

    Where one diverged the difference is infinite; it counts as twice the largest loss that either reached, so that it
    is no smaller than any other and beyond any margin, and yet has a mean.
    """
    with np.errstate(invalid="ignore"):
        d = np.where(losses == others, 0.0, losses - others)
    reached = np.abs(np.concatenate([losses, others]))
    largest = 2 * float(np.max(reached, initial=0.0, where=np.isfinite(reached)))
    return np.clip(d, -(largest or 1.0), largest or 1.0)


def median_interval(d: np.ndarray) -> tuple[float, float, float]:
    """The median with its 95 % interval, interpolated between order statistics; NaN ends below six seeds.

    With X_(1) <= ... <= X_(n) the interval (X_(k), X_(n+1-k)) covers the median with probability
    g_k = 1 - 2 P(B < k), B ~ Binomial(n, 1/2), whatever the distribution. Of the k with g_k >= 0.95 > g_(k+1):

        low = (1 - l) X_(k) + l X_(k+1)
        l = (n - k) I / (k + (n - 2 k) I),      I = (g_k - 0.95) / (g_k - g_(k+1))

    and high likewise from the other end.
    Source: Hettmansperger & Sheather 1986, Statistics & Probability Letters 4, 75-79.
    """
    from scipy.stats import mstats

    median = float(np.median(d))
    if len(d) < LEAST_SEEDS:
        return median, math.nan, math.nan
    low, high = mstats.median_cihs(d, alpha=LEVEL)
    return median, float(low), float(high)


def sign_flip_p(d: np.ndarray) -> float:
    """Two-sided p of the mean under random signs: exact up to twelve seeds, of 9999 draws of signs beyond.

    Exact, it is the share of the 2^n choices of signs, the one observed among them, of which the mean is as far from
    zero as observed; of draws, the one observed is counted besides, so that it is never too small.
    Source: Fisher 1935, The Design of Experiments, section 21; Phipson & Smyth 2010 for draws.
    """
    from scipy import stats

    if len(d) < 2 or not np.any(d):
        return 1.0
    count = math.inf if len(d) <= _EXACT else _RESAMPLES
    # Of the size of the mean one tail is counted: of the mean itself SciPy would double the smaller of two, which for
    # draws is as if there were half as many.
    told = stats.permutation_test(
        (d,), lambda one, axis: np.abs(np.mean(one, axis=axis)), permutation_type="samples",
        alternative="greater", n_resamples=count, batch=_BATCH, vectorized=True, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(told.pvalue)


def least_seeds(comparisons: int) -> int:
    """The fewest seeds on which the least of so many p can be at most 5 % after Holm: 2 / 2^n times their number.

    >>> least_seeds(1), least_seeds(8)
    (6, 9)
    """
    return max(LEAST_SEEDS, math.ceil(math.log2(2 * comparisons / LEVEL)))


def holm(p: Sequence[float]) -> list[float]:
    """p adjusted so that of fixed comparisons the chance of any false claim stays below the level (Holm 1979).

    The least of m is multiplied by m, the next by m - 1, ..., and none becomes less than the one before it.
    """
    # statsmodels' multipletests collects garbage at every call: a quarter of a second where JAX is loaded, ten times a
    # race. The tests hold this to it.
    count, order = len(p), np.argsort(p, kind="stable")
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.sort(p) * np.arange(count, 0, -1)))
    return adjusted.tolist()


def share_beaten(d: np.ndarray) -> tuple[float, float, float]:
    """The share of seeds with a positive difference, ties counted half, with its 95 % Wilson interval (Wilson 1927)."""
    from statsmodels.stats.proportion import proportion_confint

    count = float(np.sum(d > 0) + np.sum(d == 0) / 2)
    low, high = proportion_confint(count, len(d), method="wilson")
    return count / len(d), float(low), float(high)


def seeds_to_settle(d: np.ndarray, unit: float, claims: int = 1) -> int | None:
    """About how many more seeds would settle a difference like this one in four races of five; None beyond a thousand.

    unit: the margin, in units of the loss.  claims: how many Holm has yet to reject.
    Beyond the margin, the test of the mean is to see it, at the level that Holm leaves to each claim: with z the points
    of the normal distribution, n = (z_(1 - level/2) + z_power)^2 (spread / difference)^2 + z_(1 - level/2)^2 / 2, whose
    last term is for Student's t (Guenther 1981, The American Statistician 35, 243-244), and never so few that 2 / 2^n
    is above that level. Within it, both ends of the median's interval are to come within the margin; a median's
    standard error is about sqrt(pi/2) times a mean's.
    """
    from scipy.special import ndtri

    scale = float(np.abs(d).max()) or 1.0
    d, unit = d / scale, unit / scale  # squares of large losses would overflow
    beyond = abs(float(np.median(d))) > unit
    level = LEVEL / claims if beyond else LEVEL
    least = max(LEAST_SEEDS, math.ceil(math.log2(2 / level)))
    if np.ptp(d) == 0:
        return max(1, least - len(d))
    spread = float(np.std(d, ddof=1)) * (1 if beyond else math.sqrt(math.pi / 2))
    target = abs(float(np.mean(d))) if beyond else unit - abs(float(np.median(d)))
    if not target > 0:
        return None
    z = float(ndtri(1 - level / 2))
    ratio = (z + float(ndtri(_POWER if beyond else (1 + _POWER) / 2))) * spread / target
    more = max(least, math.ceil(min(ratio, _FAR) ** 2 + z**2 / 2)) - len(d)
    return max(1, more) if more <= MOST_SEEDS else None
