"""A step on JAX's arrays is its method's, with what no entry decides computed once, and no sign around what is kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest import dialects, kernels
from steepest.kernels._trace import trace

from .dialect_cases import ELEMENTWISE, METHODS, numbers_of
from .kernel_tools import course
from .test_kernels_equal import STEPS, on_numpy, rate_at


@pytest.mark.parametrize("name", METHODS)
def test_many_arrays_move_as_the_method_moves_each(name):
    """30 steps of a few 1e-16; the whole-matrix rule's iteration makes 500 times as much of it."""
    method = METHODS[name]
    numbers, tolerance = numbers_of(method), 1e-13 if method.rule.elementwise else 1e-11
    parameters, steps = course((6, 12), STEPS)
    if not method.rule.elementwise:
        parameters, steps = [p.reshape(2, -1) for p in parameters], [[g.reshape(2, -1) for g in gs] for gs in steps]
    with jax.enable_x64(True):
        moved = [jnp.asarray(parameter) for parameter in parameters]
        states = [method.initial_state(parameter) for parameter in moved]
        for t, gradients in enumerate(steps, start=1):
            shared = {name: states[0][name] for name in method.shared}
            step = kernels.Step(method, jnp.int32(t), numbers | {"learning_rate": rate_at(t)}, shared)
            for place, g in enumerate(gradients):
                by, new = step(moved[place], jnp.asarray(g), states[place])
                moved[place], states[place] = moved[place] + by, {**new, **step.shared}
    for place, (parameter, state) in enumerate(on_numpy(method, numbers, parameters, steps)):
        np.testing.assert_allclose(moved[place], parameter, rtol=tolerance, atol=tolerance)
        for part, value in state.items():
            np.testing.assert_allclose(states[place][part], value, rtol=tolerance, atol=tolerance)


def test_a_thousand_arrays_have_one_bias_correction():
    """Adam's, for each array: two logarithms are Python's, two exponentials stand once."""
    method = dialects.find("optax", "adam").method(dialects.find("optax", "adam").defaults | {"learning_rate": 1e-3})

    def step(t, arrays):
        taken = kernels.Step(method, t, {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "epsilon": 1e-8}, {})
        return [taken(one, one, {"mu": one, "nu": one}) for one in arrays]

    told = str(jax.make_jaxpr(step)(jnp.int32(1), [jnp.ones(3)] * 10))
    assert told.count("expm1") == 2
    assert told.count("sqrt") == 10


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_what_is_kept_is_what_the_step_is_made_of(name):
    """Where a framework keeps a velocity's negative, no sign stands between it and the step."""
    method = ELEMENTWISE[name]
    program = trace(method, tuple(numbers_of(method)))
    kept = [value.operation for value in program.state.values() if hasattr(value, "operation")]
    assert "negative" not in kept
