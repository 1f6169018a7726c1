"""What is not as a rule has it: said by the decorator, or where a kernel is to be made of it."""

from typing import Literal, NamedTuple

import numpy as np
import pytest

import steepest.numpy
from steepest import dialects, rules
from steepest.arrays import Array, Scalar
from steepest.errors import InputError


class Mean(NamedTuple):
    """A state as a rule has it."""

    m: Array = 0.0


def as_rule(function):
    """The function as a rule."""
    return rules.rule(Mean)(function)


def plain(g, state, t, *, learning_rate):
    return -learning_rate * g, state


class Unannotated(NamedTuple):
    """A field that is not said to be an array or a number."""

    m: float = 0.0


class Unbegun(NamedTuple):
    """A field without a first value."""

    m: Array


def positional(g, state, t, learning_rate):
    return -learning_rate * g, state


def unlisted(g, state, t, *, learning_rate, how="fast"):
    return -learning_rate * g, state


def listed(g, state, t, *, learning_rate, how: Literal["fast", "slow"] = "fast"):
    return -learning_rate * (g if how == "fast" else 0.5 * g), state


def abbreviates(g, state, t, *, learning_rate, lr=0.1):
    return -learning_rate * g, state


@pytest.mark.parametrize(
    ("state", "function", "words"),
    [
        (dict, plain, r"state is a NamedTuple class; received <class 'dict'>"),
        (Unannotated, plain, r"field m of Unannotated must be annotated Array or Scalar"),
        (Unbegun, plain, r"field m of Unbegun must .* have its first value. Try m: Array = 0.0"),
        (Mean, lambda g: g, r"must take a gradient, a state, a step count"),
        (Mean, abbreviates, r"The knob lr of abbreviates has a name that drop-ins use themselves. Rename it; the"),
        (Mean, unlisted, r"The choice how of unlisted must list its words. Try how: Literal\['fast', ...\]"),
    ],
)
def test_what_is_not_as_a_rule_has_it_is_said_by_the_decorator(state, function, words):
    with pytest.raises(InputError, match=words):
        rules.rule(state)(function)


def test_a_choice_and_a_positional_learning_rate_are_fine():
    assert rules.choices(as_rule(listed)) == {"how": ("fast", "slow")}
    assert dialects.of(as_rule(positional)).defaults == {"learning_rate": 1e-3}


class Summed(NamedTuple):
    """A number for a whole array."""

    total: Scalar = 0.0


def sums(g, state, t, *, learning_rate):
    return -learning_rate * g, Summed(state.total + g)


def test_a_number_of_the_state_that_depends_on_entries_is_refused_by_name():
    moved = steepest.numpy.from_rule(rules.rule(Summed)(sums))(np.ones(3))
    with pytest.raises(TypeError, match="total in the state of sums is a Scalar, one number for all entries, but"):
        moved.step(np.ones(3))


@pytest.mark.parametrize("rate", [-1, "0.1"], ids=str)
def test_what_is_tried_is_a_learning_rate(rate):
    with pytest.raises(InputError, match=r"learning_rate must be .*; received .*\. Try 1e-3"):
        rules.checked("learning_rate", rate)


def test_a_word_is_chosen_by_a_rule_that_calls_the_first():
    def slow(g, state, t, *, learning_rate):
        return listed(g, state, t, learning_rate=learning_rate, how="slow")

    weights = np.ones(2)
    steepest.numpy.from_rule(as_rule(slow))(weights, 0.5).step(np.ones(2))
    np.testing.assert_array_equal(weights, 0.75)
