"""The same optimizer in two races: golden cases by hand."""

import math

import numpy as np
import pytest

from steepest.races import across

LOW = 1 + np.arange(8) / 100  # 1, 1.01, ... 1.07


def test_a_race_that_is_better_on_every_seed_is_better():
    """Eight differences of one sign: 2 of the 2^8 signs are as extreme, so p = 2/256; two such, after Holm: 4/256."""
    told = across({"adam": {"a": LOW, "b": LOW + 0.5}, "sgd": {"a": LOW + 0.5, "b": LOW}})
    (adam,), (sgd,) = told["adam"], told["sgd"]
    assert (adam.optimizer, sgd.optimizer) == ("b", "b")
    assert (adam.median, sgd.median) == (pytest.approx(0.5), pytest.approx(-0.5))
    assert (adam.p, adam.adjusted, adam.relation) == (pytest.approx(2 / 256), pytest.approx(4 / 256), "worse")
    assert (sgd.p, sgd.adjusted, sgd.relation) == (pytest.approx(2 / 256), pytest.approx(4 / 256), "better")
    assert (sgd.beaten, sgd.more_seeds) == (0, None)


def test_what_one_thing_alone_would_show_seven_may_not():
    """2/256 = 0.0078; the least of seven p after Holm is 7 x 0.0078 = 0.0547, above 5 %."""
    (alone,) = across({"adam": {"a": LOW, "b": LOW + 0.5}})["adam"]
    assert alone.relation == "worse"
    several = [one for (one,) in across({str(i): {"a": LOW, "b": LOW + 0.5} for i in range(7)}).values()]
    assert [one.adjusted for one in several] == pytest.approx([7 * 2 / 256] * 7)
    assert {one.relation for one in several} == {"undecided"}


@pytest.mark.parametrize(("shift", "relation"), [(0.5e-2, "equal"), (-0.5e-2, "equal"), (0.0, "equal")])
def test_within_a_hundredth_of_the_first_s_loss_they_are_equal(shift, relation):
    """A hundredth of 1.035 is 0.0104; a difference of 0.005 on all eight seeds, p = 0.008, is less and matters not."""
    (one,) = across({"adam": {"a": LOW, "b": LOW + shift}})["adam"]
    assert one.relation == relation


def test_five_seeds_decide_nothing():
    (one,) = across({"adam": {"a": LOW[:5], "b": LOW[:5] - 0.5}})["adam"]
    assert (one.p, one.relation) == (2 / 32, "undecided")


def test_every_further_race_stands_beside_the_first():
    told = across({"adam": {"a": LOW, "b": LOW - 0.5, "c": np.full(8, math.inf)}})["adam"]
    assert [(one.optimizer, one.relation) for one in told] == [("b", "better"), ("c", "worse")]


def test_a_first_race_that_diverged_is_worse():
    (one,) = across({"adam": {"a": np.full(8, math.inf), "b": LOW}})["adam"]
    assert (one.p, one.relation) == (2 / 256, "better")
    (both,) = across({"adam": {"a": np.full(8, math.inf), "b": np.full(8, math.inf)}})["adam"]
    assert (both.median, both.relation) == (0, "equal")


def test_what_one_race_alone_ran_is_left_out():
    assert list(across({"adam": {"a": LOW}, "sgd": {"a": LOW, "b": LOW}, "nadam": {}})) == ["sgd"]
    assert across({}) == {}
