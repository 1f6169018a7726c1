"""Climbs that can be followed by hand."""

import math

import pytest

from steepest.data import read
from steepest.errors import InputError
from steepest.problems import Problem, network
from steepest.search import hill_climb
from steepest.training import climb_network, fit

# Heights of x = 0..6; 2 is a local peak, 5 the global one.
HEIGHTS = [1.0, 3.0, 4.0, 2.0, 5.0, 6.0, 0.0]
LINE = {"x": range(7)}


def height(point):
    return HEIGHTS[point["x"]]


@pytest.mark.parametrize(
    ("start", "trail", "tried"),
    [
        (0, [0, 1, 2], [0, 1, 2, 3]),  # and stays at the local peak
        (3, [3, 4, 5], [3, 2, 4, 5, 6]),  # 4 is higher than 2
        (5, [5], [5, 4, 6]),
        (6, [6, 5], [6, 5, 4]),
    ],
)
def test_climbs_to_the_best_neighbour_until_none_is_better(start, trail, tried):
    climb = hill_climb(LINE, height, start={"x": start})
    assert [point["x"] for point, _ in climb.trail] == trail
    assert [score for _, score in climb.trail] == [HEIGHTS[x] for x in trail]
    assert [point["x"] for point, _ in climb.tried] == tried
    assert (climb.best, climb.score, climb.at_peak) == ({"x": trail[-1]}, HEIGHTS[trail[-1]], True)


def test_the_start_is_the_middle_and_a_neighbour_is_one_place_along_one_parameter():
    seen = []
    climb = hill_climb(
        {"a": ["low", "mid", "high"], "b": [1, 10, 100]},
        lambda p: ("low", "mid", "high").index(p["a"]) * 10 + p["b"] / 100,
        on_try=lambda point, score: seen.append((tuple(point.values()), score)),
    )
    assert seen[0] == (("mid", 10), 10.1)
    assert [point for point, _ in seen[1:5]] == [("low", 10), ("high", 10), ("mid", 1), ("mid", 100)]
    assert climb.best == {"a": "high", "b": 100}
    assert [tuple(point.values()) for point, _ in climb.trail] == [("mid", 10), ("high", 10), ("high", 100)]
    assert [(tuple(point.values()), score) for point, score in climb.tried] == seen
    assert len({point for point, _ in seen}) == len(seen) == 7  # no point twice, nor any corner not beside the way


def test_a_tie_is_no_reason_to_move():
    climb = hill_climb(LINE, lambda p: 1.0, start={"x": 3})
    assert (climb.best, climb.at_peak, len(climb.tried)) == ({"x": 3}, True, 3)


def test_of_equal_neighbours_the_first_is_taken():
    climb = hill_climb({"x": [0, 1, 2]}, lambda p: abs(p["x"] - 1), start={"x": 1})
    assert climb.best == {"x": 0}


def test_nan_is_the_worst_of_all():
    heights = [5.0, math.nan, 1.0, 2.0]
    climb = hill_climb({"x": range(4)}, lambda p: heights[p["x"]], start={"x": 2})
    assert climb.best == {"x": 3}
    climb = hill_climb({"x": range(4)}, lambda p: heights[p["x"]], start={"x": 1})
    assert (climb.trail[0][1], climb.best) == (-math.inf, {"x": 0})
    climb = hill_climb({"x": range(4)}, lambda p: math.nan)
    assert (climb.score, climb.at_peak) == (-math.inf, True)


@pytest.mark.parametrize(
    ("most", "best", "tried", "at_peak"), [(1, 0, 1, False), (2, 1, 2, False), (3, 2, 3, False), (4, 2, 4, True)]
)
def test_evaluations_are_never_more_than_allowed(most, best, tried, at_peak):
    # From 0 there is one point to score at a time: 1, then 2, then 3.
    climb = hill_climb(LINE, height, start={"x": 0}, most_evaluations=most)
    assert (climb.best["x"], len(climb.tried), climb.at_peak) == (best, tried, at_peak)


def test_neighbours_are_scored_all_or_not_at_all():
    # A move to the best of some would depend on their order.
    assert len(hill_climb(LINE, height, start={"x": 3}, most_evaluations=2).tried) == 1


@pytest.mark.parametrize(
    ("space", "start", "message"),
    [
        ({"x": [1, 2], "y": []}, None, "^Every parameter needs at least one choice; received none for y"),
        ({}, None, "^Every parameter needs at least one choice; received none for any"),
        ({"x": [1, 2]}, {"x": 3}, r"^The start's x is 3, which is not among \[1, 2\]\. Start inside the space"),
        ({"x": [1, 2], "y": [0]}, {"x": 1}, r"^The start's y is None, which is not among \[0\]"),
        (
            {"width": [1, 2]},
            {"width": 1, "widht": 2},
            r"^Unknown parameter of the start 'widht'\. Did you mean 'width'",
        ),
    ],
)
def test_a_start_outside_the_space_is_refused(space, start, message):
    with pytest.raises(InputError, match=message):
        hill_climb(space, lambda point: 0.0, start=start)


@pytest.mark.parametrize("most", [0, -1, 2.5])
def test_no_evaluation_finds_nothing_and_is_refused(most):
    with pytest.raises(InputError, match=rf"^most_evaluations must be a whole number, 1 or more; received {most}"):
        hill_climb(LINE, height, most_evaluations=most)


def test_repeated_choices_are_refused():
    with pytest.raises(InputError, match=r"^The choices of y must differ, .*; received \[1, 1, 2\]\. Drop the repeats"):
        hill_climb({"x": [1, 2], "y": [1, 1, 2]}, lambda point: 0.0)


def test_networks_around_a_fitted_one_are_scored_by_their_validation_loss():
    run = fit(network(read("iris"), hidden=()), epochs=2, batch_size="all")
    seen = []
    climb = climb_network(run, most_runs=5, on_try=lambda point, score: seen.append((tuple(point.values()), score)))
    rows = run.problem.instances([0])[0].rows
    assert [point for point, _ in seen] == [
        (16, 0, rows),
        (8, 0, rows),
        (32, 0, rows),
        (16, 1, rows),
        (16, 0, rows // 2),
    ]
    scores = dict(seen)
    # Without hidden layers the width is none: three times the same run, bit for bit.
    assert scores[16, 0, rows] == scores[8, 0, rows] == scores[32, 0, rows] == -run.best_loss
    deeper = fit(network(read("iris"), hidden=(16,)), epochs=2, batch_size="all")
    assert scores[16, 1, rows] == -deeper.best_loss
    assert climb.score == max(scores.values())
    assert not climb.at_peak


def test_only_networks_are_climbed_over():
    bowl = Problem(init=[1.0], loss=lambda x: x[0] ** 2)
    with pytest.raises(InputError, match=r"^Only a network has widths and depths to climb over; received Problem"):
        climb_network(fit(bowl, epochs=1))
