"""Each rule is its equation: by hand, as other libraries compute it in every choice, and to a known minimum."""

import numpy as np
import pytest

from steepest import rules
from steepest.testing import course, first_step, moved, walk

from .rule_cases import CASES
from .rule_rows import ROWS, every_rule, slope


def test_every_rule_has_its_row_and_every_raced_rule_its_place():
    lecture = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamax", "nadam"]
    assert list(rules.RULES) == lecture
    assert set(ROWS) == {name for name, rule in rules.ALL.items() if rule.elementwise}
    assert {case.rule for case in CASES.values()} == set(ROWS)


@every_rule
def test_every_choice_and_every_knob_has_its_oracle(name):
    rule, cases = rules.find(name), [case for case in CASES.values() if case.rule == name]
    for choice, words in rules.choices(rule).items():
        assert {case.choices.get(choice, words[0]) for case in cases} == set(words), choice
    for knob, default in rules.hyperparameters(rule).items():
        assert any(case.knobs.get(knob, default) != default for case in cases), knob


@every_rule
def test_first_step_by_hand(name):
    first_step(rules.find(name), ROWS[name].first, {})


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_240_steps_are_those_of_an_independent_library(case):
    rule, (start, gradients, rates) = rules.find(case.rule), course()
    ours, state = walk(rule, start, gradients, rates, case.knobs, case.choices)
    theirs, their_state = case.oracle(start, gradients, rates, case.knobs)
    assert np.abs(theirs - start).max() > 0.25  # they went somewhere
    # Each of 240 steps of size < 1 rounds a few times by 1.1e-16, which adds up to less than 1e-12 in the worst case.
    np.testing.assert_allclose(ours, theirs, rtol=case.tolerance, atol=case.tolerance)
    kept = {field for field in state._fields if getattr(state, field) is not None}
    assert set(their_state) <= kept
    assert kept - set(their_state) <= {"mu_product"}  # which optax does without, the momentum being constant
    for part, value in their_state.items():
        np.testing.assert_allclose(getattr(state, part), value, rtol=1e-12, atol=1e-14, err_msg=part)


@every_rule
def test_reaches_the_known_minimum_of_an_asymmetric_surface(name):
    rule, point, steps = rules.find(name), np.array([-1.0, -1.0]), 3000
    state = rules.initial_state(rule, point)
    for t in range(1, steps + 1):
        ahead = rule.look_ahead(state) if rule.look_ahead else 0.0
        rate = ROWS[name].arrives * (1 - (t - 1) / steps)
        step, state = moved(rule, slope(point + ahead), state, t, learning_rate=rate)  # parameter 0: no decay
        point = point + step
    # Curvatures are 1 and more, and the last rate about 3e-4 of the first, so that even sign-like steps end near.
    np.testing.assert_allclose(point, [1.0, -2.0], atol=1e-3)


def test_weight_decay_draws_the_minimum_to_zero():
    # The loss alone is least at 1. Below 1 Lion steps by 1 - 2 x, below 1/2 up and above it down, whatever the slope.
    point, state = np.array([3.0]), rules.initial_state(rules.lion, np.zeros(1))
    for t in range(1, 4001):
        rate = 0.01 * (1 - (t - 1) / 4000)
        step, state = rules.lion(point - 1, state, t, parameter=point, learning_rate=rate, weight_decay=2.0)
        point = point + step
    np.testing.assert_allclose(point, [0.5], atol=1e-3)
