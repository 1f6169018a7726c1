"""The same optimizer in two races: golden cases by hand."""

import math

import numpy as np
import pytest

from steepest.races._across import across

SEEDS = np.arange(8)
LOW = 1 + SEEDS / 100  # 1, 1.01, ... 1.07


def test_a_race_that_is_better_on_every_seed_is_better():
    """Eight differences of one sign: 2 of the 2^8 signs are as extreme, so p = 2/256; two such, after Holm: 4/256."""
    told = across({"adam": {"a": LOW, "b": LOW + 0.5}, "sgd": {"a": LOW + 0.5, "b": LOW}})
    assert (told["adam"].best, told["sgd"].best) == ("a", "b")
    (adam,), (sgd,) = told["adam"].others, told["sgd"].others
    assert (adam.optimizer, sgd.optimizer) == ("b", "a")
    assert adam.median == pytest.approx(0.5)
    assert (adam.p, adam.adjusted, adam.relation) == (pytest.approx(2 / 256), pytest.approx(4 / 256), "worse")


def test_what_one_thing_alone_would_show_seven_may_not():
    """2/256 = 0.0078; the least of seven p after Holm is 7 x 0.0078 = 0.0547, above 5 %."""
    alone = across({"adam": {"a": LOW, "b": LOW + 0.5}})["adam"].others[0]
    assert alone.relation == "worse"
    several = across({str(i): {"a": LOW, "b": LOW + 0.5} for i in range(7)})
    assert [one.others[0].adjusted for one in several.values()] == pytest.approx([7 * 2 / 256] * 7)
    assert {one.others[0].relation for one in several.values()} == {"undecided"}


def test_the_same_losses_are_equal():
    (one,) = across({"adam": {"a": LOW, "b": LOW.copy()}})["adam"].others
    assert (one.median, one.p, one.relation) == (0, 1, "equal")


def test_every_other_race_stands_beside_the_best():
    told = across({"adam": {"a": LOW + 0.5, "b": LOW, "c": np.full(8, math.inf)}})["adam"]
    assert told.best == "b"
    assert [(one.optimizer, one.relation) for one in told.others] == [("a", "worse"), ("c", "worse")]


def test_what_one_race_alone_ran_is_left_out():
    assert list(across({"adam": {"a": LOW}, "sgd": {"a": LOW, "b": LOW}, "nadam": {}})) == ["sgd"]
    assert across({}) == {}
