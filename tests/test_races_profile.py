"""Performance profiles and their scores: golden cases by hand."""

import math

import numpy as np
import pytest

from steepest.races._profile import Task, performance_profile, ratios, scores

INF = math.inf


def task(table: str, share: float = 1.0, **times: list[float]) -> Task:
    return Task(table, share, {name: np.array(own, float) for name, own in times.items()})


def test_a_profile_by_hand():
    """Medians on the first table: Adam 10, SGD 25; on the second Adam 30, SGD 15; on the third Adam 8, SGD never.
    Ratios: Adam 1, 2, 1; SGD 2.5, 1, infinite. Adam is within 1 times the least on 2/3 of them and within 2 on all,
    so its score is (1 x 2/3 + 2 x 1) / 3 = 8/9; SGD's is (1.5 x 1/3 + 1.5 x 2/3) / 3 = 1/2."""
    tasks = [
        task("a", adam=[9, 10, 11], sgd=[20, 25, 100]),
        task("b", adam=[30, 30, 30], sgd=[15, 15, INF]),
        task("c", adam=[8, 8, 8], sgd=[8, INF, INF]),
    ]
    profile = performance_profile(tasks, ["adam", "sgd"])
    assert profile.field == ("adam", "sgd")
    assert profile.tasks == (("a", 1.0), ("b", 1.0), ("c", 1.0))
    assert profile.ratios == {"adam": (1, 2, 1), "sgd": (2.5, 1, INF)}
    assert profile.scores == pytest.approx({"adam": 8 / 9, "sgd": 1 / 2})
    assert [profile.share_within("adam", tau) for tau in (1, 1.99, 2, 4)] == pytest.approx([2 / 3, 2 / 3, 1, 1])
    assert [profile.share_within("sgd", tau) for tau in (1, 2.49, 2.5, 1e9)] == pytest.approx(
        [1 / 3, 1 / 3, 2 / 3, 2 / 3]
    )


def test_the_score_is_the_integral_of_the_profile():
    """By the midpoint rule, which errs by no more than a step at each corner of the profile."""
    random = np.random.default_rng(0)
    tasks = [task(str(i), adam=random.uniform(1, 9, 3), sgd=random.uniform(1, 9, 3)) for i in range(7)]
    profile = performance_profile(tasks, ["adam", "sgd"])
    middles = np.arange(1 + 5e-5, 4, 1e-4)
    for name in profile.field:
        integral = np.mean([profile.share_within(name, tau) for tau in middles])
        assert profile.scores[name] == pytest.approx(integral, abs=7 * 1e-4 / 3)


def test_a_task_that_nobody_does_counts_for_nobody():
    assert ratios(np.array([[INF, INF], [3.0, 6.0]])).tolist() == [[INF, INF], [1.0, 2.0]]
    assert scores(np.array([[INF, INF], [1.0, 2.0]])).tolist() == pytest.approx([1 / 2, 1 / 3])


def test_beyond_four_times_the_least_is_a_miss():
    assert scores(np.array([[1.0, 4.0, 4.1, 3.999]])).tolist() == pytest.approx([1, 0, 0, 1 / 3000])


def test_half_of_an_even_number_of_seeds_is_a_miss():
    profile = performance_profile([task("a", adam=[1, INF], sgd=[1, 1])], ["adam", "sgd"])
    assert profile.ratios == {"adam": (INF,), "sgd": (1.0,)}


def test_the_field_sets_the_score():
    """Alone each is the quickest; who joins changes what the others' scores are."""
    times = {"adam": [10.0], "sgd": [25.0], "nadam": [5.0]}
    alone = performance_profile([task("a", sgd=times["sgd"])], ["sgd"]).scores
    two = performance_profile([task("a", **times)], ["adam", "sgd"]).scores
    three = performance_profile([task("a", **times)], ["adam", "sgd", "nadam"]).scores
    assert alone == {"sgd": 1.0}
    assert two == pytest.approx({"adam": 1.0, "sgd": 0.5})
    assert three == pytest.approx({"adam": 2 / 3, "sgd": 0.0, "nadam": 1.0})


def test_one_that_a_table_has_no_times_of_has_missed_it():
    profile = performance_profile([task("a", adam=[1.0]), task("b", adam=[1.0], sgd=[1.0])], ["adam", "sgd"])
    assert profile.ratios["sgd"] == (INF, 1.0)
    assert profile.scores["sgd"] == 0.5


def test_the_interval_is_of_the_seeds_drawn_together():
    """Adam is always twice as quick as SGD, seed by seed, so whatever seeds are drawn the scores are 1 and 2/3, though
    the times themselves vary by a factor of eight. Drawn apart, they would not be."""
    adam = np.array([1.0, 2.0, 3.0, 4.0, 8.0])
    profile = performance_profile([task("a", adam=adam, sgd=2 * adam)], ["adam", "sgd"])
    assert profile.intervals == {"adam": (1.0, 1.0), "sgd": (pytest.approx(2 / 3), pytest.approx(2 / 3))}


def test_the_interval_by_hand():
    """One seed of three missed. A draw of three misses too where two or three of it are that seed: in 3 (1/3)^2 (2/3) +
    (1/3)^3 = 7/27 of draws, 26 %. So the 2.5 % end is 0 and the other 1."""
    profile = performance_profile([task("a", adam=[1, 1, INF])], ["adam"])
    assert profile.scores == {"adam": 1.0}
    assert profile.intervals == {"adam": (0.0, 1.0)}
