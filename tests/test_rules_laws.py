"""Laws that hold for every elementwise rule: scale, permutation, zero and NaN gradients, dtypes, inputs untouched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

from steepest import rules
from steepest.testing import (
    KINDS,
    LIBRARIES,
    keeps_dtype_and_library,
    leaves_inputs_untouched,
    moved,
    permutes,
    plain,
    reports_nan_where_it_is,
    scales,
    zero_moves_nothing,
)

from .rule_rows import ROWS, every_rule

# Exponents within which neither squares nor their products leave float64; any of them, and exact zero.
entry = st.one_of(st.just(0.0), st.floats(1e-6, 1e6), st.floats(-1e6, -1e-6))
few_gradients = st.integers(1, 6).flatmap(lambda size: numpy_arrays(np.float64, (4, size), elements=entry))
laws = settings(max_examples=40, deadline=None, derandomize=True)


@every_rule
@laws
@given(gradients=few_gradients, power=st.integers(-5, 5))
def test_scale_law(name, gradients, power):
    row, rule, c = ROWS[name], rules.find(name), 4.0**power  # an even power of two scales without rounding
    scales(rule, gradients, c, row.degree, row.epsilon_unit, rules.hyperparameters(rule))


@every_rule
@laws
@given(gradients=few_gradients, random=st.randoms(use_true_random=False))
def test_permutation_law(name, gradients, random):
    permutes(rules.find(name), gradients, random.sample(range(gradients.shape[1]), gradients.shape[1]), {})


@every_rule
@laws
@given(gradients=few_gradients)
def test_inputs_are_untouched(name, gradients):
    leaves_inputs_untouched(rules.find(name), gradients[0], gradients[1], {})


@every_rule
@pytest.mark.parametrize(("library", "dtype"), KINDS)
def test_zero_gradients_move_nothing_in_any_dtype(name, library, dtype):
    rule = rules.find(name)
    for knobs in [{}, {"epsilon": 0.0}] if "epsilon" in rules.hyperparameters(rule) else [{}]:
        zero_moves_nothing(rule, library, dtype, knobs)


@every_rule
@pytest.mark.parametrize(("library", "dtype"), KINDS)
def test_dtype_and_library_are_kept(name, library, dtype):
    keeps_dtype_and_library(rules.find(name), library, dtype, {})


@every_rule
@pytest.mark.parametrize("library", LIBRARIES)
def test_nan_is_reported_as_nan_where_it_is_and_nowhere_else(name, library):
    reports_nan_where_it_is(rules.find(name), library, {})


@every_rule
def test_tiny_float16_gradients_do_not_explode(name):
    # Squares underflow to 0 here; a step of infinite size would be the naive answer.
    rule, g = rules.find(name), np.float16([1e-4, -6e-8])
    step, _ = moved(rule, g, rules.initial_state(rule, g), 1, learning_rate=0.1)
    assert np.abs(plain(step)).max() < 1
