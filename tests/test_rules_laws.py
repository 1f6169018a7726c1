"""Laws that hold for every elementwise rule: scale, permutation, zero and NaN gradients, dtypes, inputs untouched."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

from steepest import rules

from .rule_rows import LIBRARIES, ROWS, every_rule, moved, plain

# Exponents within which neither squares nor their products leave float64; any of them, and exact zero.
entry = st.one_of(st.just(0.0), st.floats(1e-6, 1e6), st.floats(-1e6, -1e-6))
few_gradients = st.integers(1, 6).flatmap(lambda size: numpy_arrays(np.float64, (4, size), elements=entry))
laws = settings(max_examples=40, deadline=None, derandomize=True)


def steps_of(rule, gradients, **knobs):
    """Every step taken on the given gradients, stacked."""
    state, taken = rules.initial_state(rule, gradients[0]), []
    for t, g in enumerate(gradients, start=1):
        step, state = moved(rule, g, state, t, learning_rate=0.1, **knobs)
        taken.append(step)
    return np.stack(taken)


@every_rule
@laws
@given(gradients=few_gradients, power=st.integers(-5, 5))
def test_scale_law(name, gradients, power):
    row, rule, c = ROWS[name], rules.find(name), 4.0**power  # an even power of two scales without rounding
    knobs = rules.hyperparameters(rule)
    larger = {k: value * c**row.epsilon_unit if k == "epsilon" else value for k, value in knobs.items()}
    expected = c**row.degree * steps_of(rule, gradients, **knobs)
    np.testing.assert_array_equal(steps_of(rule, c * gradients, **larger), expected)


@every_rule
@laws
@given(gradients=few_gradients, random=st.randoms(use_true_random=False))
def test_permutation_law(name, gradients, random):
    order = random.sample(range(gradients.shape[1]), gradients.shape[1])
    rule = rules.find(name)
    np.testing.assert_array_equal(steps_of(rule, gradients[:, order]), steps_of(rule, gradients)[:, order])


@every_rule
@laws
@given(gradients=few_gradients)
def test_inputs_are_untouched(name, gradients):
    rule, g = rules.find(name), gradients[0]
    _, state = moved(rule, gradients[1], rules.initial_state(rule, g), 1, learning_rate=0.1)
    before = g.copy(), [np.copy(part) for part in jax.tree.leaves(state)]
    moved(rule, g, state, 2, learning_rate=0.1)
    np.testing.assert_array_equal(g, before[0])
    for part, earlier in zip(jax.tree.leaves(state), before[1], strict=True):
        np.testing.assert_array_equal(part, earlier)


KINDS = [("numpy", d) for d in ("float16", "float32", "float64")]
KINDS += [("jax", d) for d in ("float16", "bfloat16", "float32", "float64")]
KINDS += [("torch", d) for d in ("float16", "bfloat16", "float32", "float64")]


def in_kind(library, dtype, values):
    if library == "torch":
        return torch.tensor(values, dtype=getattr(torch, dtype))
    return np.array(values, dtype) if library == "numpy" else jnp.array(values, dtype)


@every_rule
@pytest.mark.parametrize(("library", "dtype"), KINDS)
def test_zero_gradients_move_nothing_in_any_dtype(name, library, dtype):
    rule = rules.find(name)
    move = jax.jit(moved, static_argnums=0) if library == "jax" else moved
    knobs = [{}, {"epsilon": 0.0}] if "epsilon" in rules.hyperparameters(rule) else [{}]
    with jax.enable_x64(dtype == "float64"):
        zero = in_kind(library, dtype, [0.0, -0.0])
        for given_knobs in knobs:
            state = rules.initial_state(rule, zero)
            for t in (1, 2):
                step, state = move(rule, zero, state, t, learning_rate=0.1, **given_knobs)
                np.testing.assert_array_equal(plain(step), [0.0, 0.0])


@every_rule
@pytest.mark.parametrize(("library", "dtype"), KINDS)
def test_dtype_and_library_are_kept(name, library, dtype):
    rule = rules.find(name)
    with jax.enable_x64(dtype == "float64"):
        g = in_kind(library, dtype, [0.5, -2.0])
        state = rules.initial_state(rule, g)
        for t in (1, 2):
            step, state = moved(rule, g, state, t, learning_rate=0.1)
        for part in (step, *jax.tree.leaves(state)):
            assert part.dtype == g.dtype
        assert type(step) is type(g)
        assert step.shape == g.shape
        assert np.isfinite(plain(step)).all()
        assert (plain(step) * plain(g) < 0).all()  # downhill


@every_rule
@pytest.mark.parametrize("library", LIBRARIES)
def test_nan_is_reported_as_nan_where_it_is_and_nowhere_else(name, library):
    rule, g = rules.find(name), LIBRARIES[library](np.float32([1.0, np.nan, 0.0]))
    step, _ = moved(rule, g, rules.initial_state(rule, g), 1, learning_rate=0.1)
    np.testing.assert_array_equal(np.isnan(plain(step)), [False, True, False])


@every_rule
def test_tiny_float16_gradients_do_not_explode(name):
    # Squares underflow to 0 here; a step of infinite size would be the naive answer.
    rule, g = rules.find(name), np.float16([1e-4, -6e-8])
    step, _ = moved(rule, g, rules.initial_state(rule, g), 1, learning_rate=0.1)
    assert np.abs(plain(step)).max() < 1
