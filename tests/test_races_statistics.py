"""What paired runs say: golden cases worked out by hand, and each method against an independent reckoning."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from steepest.races._statistics import (
    compare,
    differences,
    holm,
    median_interval,
    relation,
    seeds_to_settle,
    share_beaten,
    sign_flip_p,
)

INF = math.inf


# --- differences


@pytest.mark.parametrize(
    ("losses", "others", "expected"),
    [
        ([0.5, 0.75], [0.25, 1.0], [0.25, -0.25]),
        # The largest loss that either reached is 0.5: a diverged run is 1 behind, and two are level.
        ([INF, 0.5, INF, 0.375], [0.25, INF, INF, 0.25], [1.0, -1.0, 0.0, 0.125]),
        ([-3.0, INF], [2.0, 1.0], [-5.0, 6.0]),
        ([INF, 0.0], [0.0, 0.0], [1.0, 0.0]),
        ([INF], [INF], [0.0]),
    ],
    ids=["finite", "diverged", "negative", "nothing but zero", "both diverged"],
)
def test_differences(losses, others, expected):
    assert differences(np.array(losses), np.array(others)).tolist() == expected


# --- the median's interval


@pytest.mark.parametrize(
    ("count", "median", "share"),
    [
        # g_1 = 1 - 2/64 = 0.96875 and g_2 = 1 - 14/64 = 0.78125, so k = 1, I = 0.01875 / 0.1875 = 0.1 and the share
        # of the second order statistic is 5 * 0.1 / (1 + 4 * 0.1).
        (6, 3.5, 0.5 / 1.4),
        # g_1 = 1 - 2/128 = 0.984375, g_2 = 1 - 16/128 = 0.875: I = 0.034375 / 0.109375 = 11/35; 6 I / (1 + 5 I).
        (7, 4.0, 11 / 15),
        # g_2 = 1 - 22/1024, g_3 = 1 - 112/1024: I = (0.05 * 1024 - 22) / 90 = 29.2 / 90; 8 I / (2 + 6 I), after k = 2.
        (10, 5.5, 1 + (8 * 29.2 / 90) / (2 + 6 * 29.2 / 90)),
    ],
)
def test_the_medians_interval_by_hand(count, median, share):
    shuffled = np.roll(np.arange(1.0, count + 1), 2)
    assert median_interval(shuffled) == pytest.approx((median, 1 + share, count - share), rel=1e-12)


def interpolated(d: np.ndarray) -> tuple[float, float]:
    """Hettmansperger & Sheather 1986 in rational numbers."""
    n, x = len(d), [Fraction(one) for one in sorted(d.tolist())]

    def covers(k: int) -> Fraction:
        return 1 - 2 * Fraction(sum(math.comb(n, i) for i in range(k)), 2**n)

    level = Fraction(19, 20)
    k = max(k for k in range(1, n // 2 + 1) if covers(k) >= level)
    i = (covers(k) - level) / (covers(k) - covers(k + 1))
    share = (n - k) * i / (k + (n - 2 * k) * i)
    return float((1 - share) * x[k - 1] + share * x[k]), float((1 - share) * x[n - k] + share * x[n - k - 1])


@pytest.mark.parametrize("count", [*range(6, 21), 33, 100])
def test_the_medians_interval_against_rational_numbers(count):
    d = np.random.default_rng(count).standard_t(3, count)
    median, low, high = median_interval(d)
    assert (low, high) == pytest.approx(interpolated(d), rel=1e-9)
    assert low <= median <= high
    assert median_interval(-d) == pytest.approx((-median, -high, -low), rel=1e-12)


@pytest.mark.parametrize("count", [7, 13])
def test_the_medians_interval_covers_it_in_95_of_100_samples(count):
    """Of 2,000 skewed samples; the standard error is 0.005. The bootstrap's BCa covers 0.875 and 0.907 here."""
    samples = np.exp(np.random.default_rng(0).normal(size=(2000, count))) - 1
    intervals = np.array([median_interval(d)[1:] for d in samples])
    assert np.mean((intervals[:, 0] <= 0) & (intervals[:, 1] >= 0)) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("count", range(1, 6))
def test_fewer_than_six_seeds_have_no_interval(count):
    """The whole range of five covers their median in 1 - 2/32 = 0.9375 of samples only."""
    median, low, high = median_interval(np.arange(float(count)))
    assert median == (count - 1) / 2
    assert math.isnan(low)
    assert math.isnan(high)


def test_equal_differences_have_an_interval_of_no_width():
    assert median_interval(np.full(8, 0.25)) == (0.25, 0.25, 0.25)


# --- the sign-flip test

# Of differences 1, 2, ..., n some are turned round, so that the sum is S - 2 f, where f is the sum of those. As far
# from zero are all choices that turn round f or less, and their opposites. So many sets of different whole numbers have
# a sum of at most 0, 1, 2, 3, 4: {}; {1}; {2}; {3}, {1, 2}; {4}, {1, 3}.
SETS = {(): 1, (1,): 2, (2,): 3, (3,): 5, (1, 2): 5, (4,): 7, (1, 3): 7}


@pytest.mark.parametrize("count", range(1, 13))
def test_sign_flips_where_all_agree_are_two_of_all(count):
    """Two of 2^n choices of signs, all and none, are as far from zero: the one observed is among them."""
    assert sign_flip_p(np.full(count, 0.1)) == 2 / 2**count
    assert sign_flip_p(np.arange(-count, 0.0)) == 2 / 2**count


@pytest.mark.parametrize("turned", SETS, ids=str)
@pytest.mark.parametrize("count", range(5, 13))
def test_sign_flips_by_hand(count, turned):
    d = np.array([-i if i in turned else i for i in range(1, count + 1)], float)
    assert sign_flip_p(d) == 2 * SETS[turned] / 2**count


@pytest.mark.parametrize(
    ("d", "p"),
    [
        ([0.0, 0.0, 0.0], 1.0),
        ([1.0, 2.0, -3.0], 1.0),  # the sum is 0, and no other is nearer
        ([-1.0, 2.0], 1.0),  # sums 1, 3 and their opposites
        ([0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 2 / 64),  # the sign of nothing changes nothing
        ([7.0], 1.0),
    ],
    ids=["all zero", "sum zero", "two", "two of eight zero", "one"],
)
def test_sign_flips_of_special_differences(d, p):
    assert sign_flip_p(np.array(d)) == p


@pytest.mark.parametrize("count", range(2, 13))
def test_sign_flips_against_a_count_in_whole_numbers(count):
    d = np.random.default_rng(count).integers(-9, 10, count)
    sums = [
        abs(sum(s * one for s, one in zip(signs, d, strict=True))) for signs in itertools.product((1, -1), repeat=count)
    ]
    assert sign_flip_p(d.astype(float)) == sum(one >= abs(sum(d)) for one in sums) / 2**count


@pytest.mark.parametrize("scale", [1e-200, 1e-20, 1e200], ids="{:.0e}".format)
def test_sign_flips_know_no_unit(scale):
    d = np.array([1.0, 2.0, -3.0, 4.0, 5.0, 6.0, 7.0])
    assert sign_flip_p(scale * d) == sign_flip_p(d) == 10 / 128


def test_sign_flips_reject_no_more_than_they_say():
    """Of 256 signs with 128 different distances from zero, 0.05 * 256 = 12.8: six pairs of opposites."""
    size = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19])
    told = [sign_flip_p(size * signs) for signs in itertools.product((1, -1), repeat=8)]
    assert sum(p <= 0.05 for p in told) == 12
    assert sum(p <= 0.5 for p in told) == 128


def test_beyond_twelve_seeds_signs_are_drawn():
    d = np.random.default_rng(2).normal(0.5, 1, 18)
    signs = 1 - 2.0 * ((np.arange(2**18)[:, None] >> np.arange(18)) & 1)
    exact = float(np.mean(np.abs(signs @ d) >= abs(d.sum()) * (1 - 1e-12)))
    error = math.sqrt(exact * (1 - exact) / 9999)
    assert 0.03 < exact < 0.05
    assert sign_flip_p(d) == pytest.approx(exact, abs=4 * error)
    assert sign_flip_p(d) == sign_flip_p(d)


@pytest.mark.parametrize("count", [30, 200])
def test_a_drawn_p_is_never_zero(count):
    """No draw but the one observed is as far from zero: 1 / 10,000."""
    assert sign_flip_p(np.ones(count)) == pytest.approx(1e-4)


# --- several comparisons, and shares of seeds


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        # Least first: 3 * 0.01, 2 * 0.03, then 1 * 0.04, which may not be below the one before.
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.75, 0.625], [1.0, 1.0]),
        ([0.03125], [0.03125]),
        ([], []),
    ],
    ids=["three", "at most one", "one", "none"],
)
def test_holm_by_hand(p, expected):
    assert holm(p) == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 8, 35])
def test_holm_against_statsmodels(count):
    p = np.round(np.random.default_rng(count).uniform(size=count) ** 3, 2)  # some are equal
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1].tolist(), abs=1e-15)


@pytest.mark.parametrize(
    ("d", "expected"),
    [
        # z^2 = 3.841459: (0.8 + 0.192073 -+ 1.959964 sqrt(0.016 + 0.00960365)) / 1.3841459
        ([1.0] * 8 + [-1.0] * 2, (0.8, 0.490162, 0.943318)),
        # 1 / (1 + z^2 / 6)
        ([0.5] * 6, (1.0, 0.609666, 1.0)),
        # Two and half a tie of four: (0.625 + 0.480182 -+ 1.959964 sqrt(0.0585938 + 0.0600228)) / 1.96036475
        ([1.0, 2.0, -1.0, 0.0], (0.625, 0.219426, 0.908101)),
    ],
    ids=["8 of 10", "6 of 6", "with a tie"],
)
def test_share_beaten_by_hand(d, expected):
    assert share_beaten(np.array(d)) == pytest.approx(expected, abs=2e-6)


# --- how many more seeds


def spread_one(mean: float) -> np.ndarray:
    """Four differences of this mean and median with a standard deviation of 1: 4 c^2 / 3 = 1."""
    return mean + math.sqrt(3) / 2 * np.array([1, -1, 1, -1])


@pytest.mark.parametrize(
    ("mean", "seeds"),
    [
        # (1.959964 + 0.841621)^2 = 7.848880, and 1.959964^2 / 2 = 1.920729.
        (0.5, 34),  # 31.3955 + 1.9207
        (0.8, 15),  # 12.2639 + 1.9207
        (1.0, 10),  # 7.8489 + 1.9207
        (1.5, 6),  # 3.4884 + 1.9207
        (5.0, 6),  # never fewer than six
        (-1.0, 10),  # whichever of the two is ahead
    ],
)
def test_seeds_that_show_a_difference_by_hand(mean, seeds):
    assert seeds_to_settle(spread_one(mean), 0.01) == seeds - 4


def test_more_seeds_are_needed_where_several_are_compared():
    """A level of 0.05 / 8: (2.734369 + 0.841621)^2 / 0.25 + 2.734369^2 / 2 = 51.1508 + 3.7384."""
    assert seeds_to_settle(spread_one(0.5), 0.01, claims=8) == 55 - 4
    # All six agree, but 2 / 2^6 and 2 / 2^8 = 0.0078 are above it; 2 / 2^9 = 0.0039 is not.
    assert seeds_to_settle(np.full(6, 0.5), 0.01, claims=8) == 3


def test_seeds_that_show_no_difference_by_hand():
    """Both ends within: ((1.959964 + 1.281552) sqrt(pi/2) / 0.5)^2 + 1.9207 = 66.0201 + 1.9207."""
    assert seeds_to_settle(spread_one(0.0), 0.5) == 68 - 4
    # 0.25 is left of the margin, half as much: four times as many.
    assert seeds_to_settle(spread_one(0.25), 0.5) == math.ceil(4 * 66.0201 + 1.9207) - 4


@pytest.mark.parametrize(
    ("d", "unit", "more"),
    [
        (spread_one(0.05), 0.01, None),  # 3,140 seeds
        (spread_one(0.0), 0.0, None),
        (np.array([0.5]), 0.01, 5),
        (np.zeros(2), 0.0, 4),
        (np.array([1e-300, 1e300, -1e300]), 0.0, None),
    ],
    ids=["too many", "nothing to find", "one seed", "no spread", "far out"],
)
def test_seeds_to_settle_at_the_ends(d, unit, more):
    assert seeds_to_settle(d, unit) == more


# --- all together


def beside(*d: float) -> np.ndarray:
    """Losses of one that is behind a leader at 1.0 by so much."""
    return 1.0 + np.array(d)


def test_a_comparison_by_hand():
    d = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
    (one,) = compare({"first": np.ones(6), "other": beside(*d)}, "first")
    assert (one.optimizer, one.differences, one.median, one.relation) == ("other", d, 0.875, "worse")
    # The interval is 0.5 / 1.4 of the way from the first to the second, and likewise from the other end.
    assert (one.low, one.high) == pytest.approx((0.25 + 0.25 * 0.5 / 1.4, 1.5 - 0.25 * 0.5 / 1.4))
    assert (one.p, one.adjusted, one.more_seeds) == (2 / 64, 2 / 64, None)
    assert (one.beaten, one.beaten_low, one.beaten_high) == pytest.approx((1.0, 0.609666, 1.0), abs=1e-6)


def test_two_that_each_would_be_worse_alone_are_undecided_together():
    """Twice 2/64 is 0.0625; with the level halved 2/2^7 = 0.0156 is the first p below it."""
    losses = {"first": np.ones(6), "a": beside(*[0.5] * 6), "b": beside(*[0.5] * 6)}
    assert [(one.p, one.adjusted, one.relation, one.more_seeds) for one in compare(losses, "first")] == [
        (0.03125, 0.0625, "undecided", 1)
    ] * 2


def test_seeds_are_asked_for_what_is_not_settled_yet_only():
    """Twelve agree on "b", which Holm rejects; "a" alone is then left, at the whole level."""
    d = 0.1 + math.sqrt(11 / 12) * np.array([1.0, -1.0] * 6)
    a, b = compare({"first": np.ones(12), "a": 1 + d, "b": np.full(12, 2.0)}, "first")
    assert (b.relation, a.relation) == ("worse", "undecided")
    assert a.more_seeds == math.ceil(784.8880 + 1.9207) - 12


def test_identical_runs_are_equal_and_never_a_winner():
    losses = np.random.default_rng(0).normal(1, 0.1, 10)
    (one,) = compare({"adam": losses, "again": losses.copy()}, "adam")
    assert (one.p, one.low, one.high, one.beaten, one.relation) == (1.0, 0.0, 0.0, 0.5, "equal")


@pytest.mark.parametrize("count", range(1, 6))
def test_fewer_than_six_seeds_decide_nothing(count):
    losses = {"first": np.ones(count), "same": np.ones(count), "far": np.full(count, 9.0)}
    told = compare(losses, "first")
    assert [one.relation for one in told] == ["undecided", "undecided"]
    assert [one.more_seeds for one in told] == [6 - count, 7 - count]


@pytest.mark.parametrize(
    ("d", "adjusted", "expected"),
    [
        ([0.02] * 6, 0.05, "worse"),
        ([0.02] * 6, 0.051, "undecided"),
        ([0.009] * 6, 0.03, "equal"),  # told apart, but by less than anybody needs
        ([0.0, 0.0, 0.0, 0.012, 0.012, 0.02], 0.25, "undecided"),
        ([-0.02] * 6, 0.03, "undecided"),  # the leader is behind, seed by seed
    ],
    ids=["worse", "not significant", "within the margin", "beyond the margin", "leader behind"],
)
def test_relations(d, adjusted, expected):
    d = np.array(d)
    assert relation(d, median_interval(d), adjusted, 0.01) == expected


def test_a_leader_that_diverges_often_is_not_shown_to_be_better():
    """Behind by a tenth on thirteen seeds of twenty; on the other seven, where the leader diverged, ahead by 2.2.

    The sum is 1.3 - 15.4. As far from zero are those where all seven agree, 2/128, and no others: 11 + 1.3 < 14.1.
    """
    leader = np.array([INF] * 7 + [1.0] * 13)
    (one,) = compare({"first": leader, "other": np.full(20, 1.1)}, "first")
    assert one.median == pytest.approx(0.1)
    assert one.adjusted == pytest.approx(2 / 128, abs=4 * math.sqrt(2 / 128 / 9999))
    assert one.relation == "undecided"


def test_one_that_diverges_is_worse_whatever_the_margin():
    """Level on two seeds, diverged on eight: 2/2^8, the two of no sign aside."""
    (one,) = compare({"first": np.full(10, 500.0), "other": np.array([500.0, 500.0] + [INF] * 8)}, "first")
    assert (one.p, one.relation) == (2 / 256, "worse")
    assert one.low > 5.0


def test_the_margin_is_a_share_of_the_leaders_median():
    """Behind by 0.03 at a median of -2: within a share of 0.02, which is 0.04, and beyond one of 0.01."""
    losses = {"first": np.full(6, -2.0), "other": np.full(6, -1.97)}
    told = [compare(losses, "first", margin=margin)[0].relation for margin in (0.02, 0.01)]
    assert told == ["equal", "worse"]
