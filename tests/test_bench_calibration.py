"""The calibration of verdicts: races between equals are drawn and counted as told; claims are what was found."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats


@pytest.fixture(scope="module")
def known(bench):
    return bench("known_races")


def confirmed(**losses: list[float]) -> dict:
    """A race at one rate, of these losses on fresh seeds."""
    tuned = {(name, 0.1, "tune"): np.ones(1) for name in losses}
    return {**tuned, **{(name, 0.1, "confirm"): np.array(own) for name, own in losses.items()}}


# --- how outcomes are counted

NEAR = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9]
FAR = [own + 1 for own in NEAR]
ALIKE = [own + luck for own, luck in zip(NEAR, [0.3, -0.3] * 5, strict=True)]


@pytest.mark.parametrize(
    ("losses", "best", "expected"),
    [
        # races, winner, left_out, worse, covered, asked: a is ahead of b by 1 on each of ten seeds.
        ({"a": NEAR, "b": FAR}, "ab", (1, 1, 0, 1, 0, 1)),
        ({"a": FAR, "b": NEAR}, "ab", (1, 1, 1, 1, 0, 1)),
        ({"a": NEAR, "b": ALIKE}, "ab", (1, 0, 0, 0, 1, 1)),
        # c is worse, and no equal of theirs.
        ({"a": NEAR, "b": ALIKE, "c": FAR}, "ab", (1, 0, 0, 0, 0, 1)),
        ({"a": NEAR, "b": FAR, "c": ALIKE}, "ab", (1, 0, 0, 1, 0, 1)),
        ({"a": [math.inf] * 10, "b": [math.inf] * 10}, "ab", (1, 0, 0, 0, 0, 0)),
    ],
    ids=["first", "second", "neither", "a worse third", "an equal called worse", "all diverged"],
)
def test_outcomes_are_counted(known, losses, best, expected):
    assert known.counted(known.judged(confirmed(**losses)), best, asked=True) == expected


def test_counts_add_up(known):
    assert known.total([known.Count(1, 1, 0, 1, 0, 1), known.Count(2, 0, 1, 1, 1, 1)]) == (3, 1, 1, 2, 1, 2)


def test_identical_runs_are_equal_and_nobody_wins(known):
    verdict = known.judged(confirmed(a=NEAR, b=NEAR))
    assert set(verdict.winners) == {"a", "b"}
    assert [one.comparison.relation for one in verdict.leaderboard[1:]] == ["equal"]


# --- how races are drawn


def test_no_run_is_drawn_for_two_names(known):
    """Runs are told apart by their loss: a number of its own for each rate, split and start."""
    runs = np.arange(4 * 13 * 5, dtype=float).reshape(4, 13, 5)
    pools = dict(zip(known.GRID, runs, strict=True))
    losses = known.drawn(pools, [["good", "lower"], ["good", "lower"]], np.random.default_rng(0))
    drawn = np.concatenate(list(losses.values()))
    assert len(set(drawn)) == len(drawn) == 2 * 2 * 13
    for number, of in enumerate(("lower", "good"), start=1):
        for name in "01":
            own = np.concatenate([losses[name, known.GRID[of], stage] for stage in ("tune", "confirm")])
            assert (own // 5 - 13 * number).tolist() == list(range(13))  # split by split


def test_every_run_of_a_pool_has_luck_of_its_own(known):
    pools = known.pool("noisy bowl", 2)
    assert {own.shape for own in pools.values()} == {(13, 2)}
    everything = np.concatenate([own.ravel() for own in pools.values()])
    assert len(set(everything)) == len(everything)
    assert np.median(pools["small"]) > 1.1 * np.median(pools["good"])  # what is planted is there to be found


@pytest.mark.parametrize("name", ["moons", "clusters", "Friedman's first"])
def test_generated_tables_are_what_they_are_called(known, name):
    assert known.rows_of(name).task == ("regression" if name == "Friedman's first" else "binary")


@pytest.mark.parametrize("equal", [9, 5, 2])
def test_of_nine_so_many_are_equal(known, monkeypatch, equal):
    """Without noise those that are no worse share one loss; the next is behind by two tenths, and so on."""
    seen = []
    monkeypatch.setattr(known, "simulated", lambda rng, noise: seen.append(noise))
    monkeypatch.setattr(known, "judged", lambda losses: None)
    silent = SimpleNamespace(normal=lambda *, size: np.zeros(size))
    assert known.nine(str(equal), 1, silent) == {f"nine, the best {equal} equal": known.Count(1)}
    assert seen[0][:, 0].tolist() == [0.0] * equal + [2.0 + i for i in range(9 - equal)]


# --- what it is held against


def test_power_in_theory(known):
    """Of Student's t on ten pairs: 0.803 at one standard deviation, 0.987 at one and a half (Cohen 1988)."""
    rng = np.random.default_rng(0)
    theory = [known.shifted(size, 1, rng)[size][1] for size in ("1.0", "1.5")]
    assert theory == pytest.approx([0.803, 0.987], abs=5e-4)


def ideal_bca(d: np.ndarray) -> tuple[float, float]:
    """BCa of the median of an odd number of differences, of all n^n resamples: their median is at most the k-th least
    with probability P(Binomial(n, k/n) >= (n + 1) / 2), and in half of them less than the sample's (so no bias)."""
    x, n = np.sort(d), len(d)
    at_most = stats.binom.sf((n - 1) // 2, n, np.arange(1, n + 1) / n)
    without = np.array([np.median(np.delete(x, i)) for i in range(n)])
    spread = without.mean() - without
    a = np.sum(spread**3) / (6 * np.sum(spread**2) ** 1.5)
    ends = [stats.norm.cdf(z / (1 - a * z)) for z in stats.norm.ppf([0.025, 0.975])]
    return tuple(x[np.searchsorted(at_most, ends)])


@pytest.mark.parametrize("count", [7, 11])
def test_bca_against_all_resamples_there_are(known, count):
    """So many resamples may miss an end by one order statistic where a step of the probability is near it."""
    d = np.random.default_rng(1).standard_t(3, (30, count))
    told = np.array(known.bca(d, np.random.default_rng(0), 9999))
    assert np.mean(told == np.array([ideal_bca(one) for one in d]).T) > 0.9


def test_an_interval_holds_zero(known):
    assert known.holds_zero(np.array([-1.0, 0.5, -2.0, 0.0]), np.array([1.0, 2.0, -1.0, 1.0])) == 0.5


def test_a_rate_is_allowed_the_luck_of_its_races(bench):
    """0.05 + 1.645 sqrt(0.05 * 0.95 / 900) = 0.05 + 1.645 * 0.0072648"""
    assert bench("calibration").allowed(900) == 0.062


def test_claims_are_what_was_found(bench, known):
    calibration = bench("calibration")
    count = known.Count
    real = {
        "one rate": count(100, 6, 0, 6, 95, 100), "tuned apart": count(50, 10), "same seeds": count(1), "found": 0.75,
    }  # fmt: skip
    found = {
        "two_equals": {"two, normal": count(300, 10, 5, 10, 285, 300)},
        "nine": {"a": count(40, 1, 2), "b": count(60, 1, 2)},
        "real": {"iris": real, "wine": {**real, "found": 1.0}},
        "coverage": {("normal", 6): (0.94, 0.9), ("normal", 7): (0.975, 0.88)},
        "shifted": {"1.0": (0.74, 0.803)},
    }
    assert [claim.line() for claim in calibration.claims(found)] == [
        "claim false-winners: 0.0440 (goal <= 0.05) holds",  # 22 of 500
        "claim false-winners-real: 0.0600 (goal <= 0.075) holds",  # 12 of 200: 0.05 + 1.645 * 0.015411
        "claim false-winners-tuned-apart: 0.200 (goal <= 0.086) falls short",  # 20 of 100: 0.05 + 1.645 * 0.021794
        "claim false-winners-same-seeds: 0 (goal <= 0) holds",
        "claim false-winners-of-nine: 0.0200 (goal <= 0.05) holds",  # 2 of 100
        "claim best-left-out-of-nine: 0.0400 (goal <= 0.05) holds",  # 4 of 100
        "claim coverage-lowest: 0.940 (goal >= 0.93) holds",
        "claim coverage-highest: 0.975 (goal <= 0.97) falls short",
        "claim coverage-real-at-least: 0.950 (goal >= 0.93) holds",
        "claim coverage-real-at-most: 0.950 (goal <= 0.97) holds",
        "claim power-at-1.0-deviations: 0.740 (goal >= 0.75) falls short",
        "claim power-real: 0.875 (goal >= 0.8) holds",
    ]


def test_the_short_form_races_every_kind(bench, monkeypatch, capsys):
    calibration = bench("calibration")
    monkeypatch.setattr(sys, "argv", ["calibration.py", "--short"])
    calibration.main()
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told if line.startswith("claim ")][-1] == "claim power-real"
    assert {job.kind for job in calibration.jobs(short=True)} == set(calibration.KINDS)
    assert {job.of for job in calibration.jobs(short=False) if job.kind == "real"} == set(calibration.PROBLEMS)


def test_a_job_draws_the_same_whenever_it_is_done(bench):
    calibration = bench("calibration")
    job = calibration.Job("two_equals", "two basins", 3)
    assert calibration.done(job) == calibration.done(job)
