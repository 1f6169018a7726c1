"""The expected best of k trials: golden cases by hand, and a simulation of many who try."""

import math

import numpy as np
import polars as pl
import pytest

from steepest.races._budget import budget_curve, budget_curves


def test_the_best_of_k_of_three_by_hand():
    """v = 1, 2, 4.  One draw: (1 + 2 + 4) / 3 = 7/3.  Two, of nine equally likely pairs: the least is 1 in five of
    them, 2 in three, 4 in one: (5 + 6 + 4) / 9 = 15/9.  Three, of 27: 19, 7 and 1: (19 + 14 + 4) / 27 = 37/27."""
    curve = budget_curve("adam", [4.0, 1.0, 2.0])
    assert curve.losses == (1.0, 2.0, 4.0)
    assert curve.expected == pytest.approx((7 / 3, 15 / 9, 37 / 27), rel=1e-12)


def test_the_interval_of_k_draws_by_hand():
    """The best of one of v = 1, 2, 4 is any of them. Of three it is 4 in one of 27, 3.7 % of draws, so more than 2.5 %
    still get 4: the end. Of ten equal steps 1 to 10 the best of ten exceeds i in ((10 - i) / 10)^10 of draws: 0.107 for
    2, 0.028 for 3, 0.006 for 4: 97.5 % have 4 or less."""
    three = budget_curve("adam", [1.0, 2.0, 4.0])
    assert (three.low, three.high) == ((1.0, 1.0, 1.0), (4.0, 4.0, 4.0))
    ten = budget_curve("adam", [float(i) for i in range(1, 11)])
    assert (ten.low[9], ten.high[9]) == (1.0, 4.0)


def test_a_lone_configuration_is_what_it_is():
    curve = budget_curve("sgd", [0.5])
    assert (curve.expected, curve.low, curve.high) == ((0.5,), (0.5,), (0.5,))


def test_many_who_try_get_what_is_expected():
    random = np.random.default_rng(0)
    losses = random.lognormal(size=13)
    curve, tries = budget_curve("adam", losses), 40_000
    for k in (1, 3, 10):
        best = random.choice(losses, (tries, k)).min(axis=1)
        error = best.std() / math.sqrt(tries)
        assert abs(curve.expected[k - 1] - best.mean()) < 4 * error
        assert curve.low[k - 1] == np.quantile(best, 0.025, method="inverted_cdf")
        assert curve.high[k - 1] == np.quantile(best, 0.975, method="inverted_cdf")


def runs(*rows: tuple) -> pl.DataFrame:
    names = ("optimizer", "learning_rate", "seed", "steady_validation_loss", "status", "stage")
    return pl.DataFrame(rows, schema=list(names), orient="row")


def test_medians_of_the_tuning_seeds_capped_at_the_loss_before_training():
    """Adam: medians 0.2 at 0.01 and, where two of three runs diverged, infinite at 1: capped at 0.7. One try expects
    (0.2 + 0.7) / 2, two (3 x 0.2 + 0.7) / 4. SGD's dropped rate counts with 0.9 as 0.7; confirming runs do not."""
    table = runs(
        *(("adam", 0.01, seed, loss, "ok", "tune") for seed, loss in enumerate((0.1, 0.2, 0.6))),
        *(("adam", 1.0, seed, 0.05, how, "tune") for seed, how in enumerate(("ok", "diverged", "diverged"))),
        *(("sgd", 0.1, seed, 0.4, "stopped", "tune") for seed in range(3)),
        *(("sgd", 0.001, seed, 0.9, "dropped", "tune") for seed in range(3)),
        ("adam", 0.01, 7, 0.0, "ok", "confirm"),
        ("adam", 0.01, 3, 0.0, "interrupted", "tune"),
    )
    curves = budget_curves(table, untrained=0.7)
    assert list(curves) == ["adam", "sgd"]
    assert curves["adam"].losses == (0.2, 0.7)
    assert curves["adam"].expected == pytest.approx((0.45, 0.325))
    assert curves["sgd"].expected == pytest.approx((0.55, 0.475))


def test_without_a_cap_a_diverged_configuration_makes_every_expectation_infinite():
    table = runs(("adam", 0.01, 0, 0.1, "ok", "tune"), ("adam", 1.0, 0, 0.1, "diverged", "tune"))
    assert budget_curves(table)["adam"].expected == (math.inf, math.inf)


def test_an_unlikely_infinite_loss_still_counts():
    assert budget_curve("adam", [0.1] * 99 + [math.inf]).expected[-1] == math.inf  # in one of 10^200 draws


def test_no_runs_make_no_curves():
    assert budget_curves(runs(("adam", 0.01, 0, 0.1, "interrupted", "tune"))) == {}
