"""A kernel computes what its method computes on NumPy, in one pass and in place."""

import numpy as np
import pytest

from steepest import kernels
from steepest.dialects import find

from .dialect_cases import ELEMENTWISE, KNOBS, numbers_of
from .kernel_tools import DTYPES, course, fused_step, layout

SIZES = (0, 1, 7, 1003)
STEPS = 30


def rate_at(t):
    """A learning rate that moves."""
    return 0.05 * (1.2 + np.sin(t / 9))


def on_numpy(method, numbers, parameters, steps):
    """Parameters and states after the method's own steps, array by array."""
    ends = []
    for place, start in enumerate(parameters):
        parameter, state = start, method.initial_state(start)
        for t, gradients in enumerate(steps, start=1):
            now = numbers | {"learning_rate": rate_at(t)}
            step, state = method(parameter, gradients[place], state, t, now)
            parameter = parameter + step
        ends.append((parameter, state))
    return ends


def by_kernel(method, numbers, parameters, steps, of):
    """The same by kernels: (parameters, [arrays of the state by name], scalars)."""
    compiled = kernels.compiled(method, tuple(numbers), of)
    parameters = [parameter.copy() for parameter in parameters]
    firsts = [method.initial_state(parameter.astype(DTYPES[of.state])) for parameter in parameters]
    states = {name: [first[name].copy() for first in firsts] for name in compiled.arrays}
    scalars = tuple(float(firsts[0][name]) for name in compiled.scalars)
    for t, gradients in enumerate(steps, start=1):
        now = numbers | {"learning_rate": rate_at(t)}
        scalars = fused_step(method, now, t, [parameters, gradients, *states.values()], scalars, of=of)
    return parameters, states, scalars


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_float64(name):
    """A few ulps a step: the kernel multiplies by a reciprocal where the method divides by a number of the step."""
    method = ELEMENTWISE[name]
    numbers = numbers_of(method)
    parameters, steps = course(SIZES, STEPS)
    moved, states, scalars = by_kernel(method, numbers, parameters, steps, layout())
    for place, (parameter, state) in enumerate(on_numpy(method, numbers, parameters, steps)):
        # 30 steps of a few 1e-16, relative to numbers of size 1 that may pass through zero.
        np.testing.assert_allclose(moved[place], parameter, rtol=1e-13, atol=1e-13)
        for part, column in states.items():
            np.testing.assert_allclose(column[place], state[part], rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(scalars, [state[part] for part in sorted(method.scalars)], rtol=1e-14)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_float32(name):
    """Each operation of a step rounds by 2^-24 of its result, and no rule here has more than 32 of them in a row.

    Nothing is larger than 8, and what the steps before left is passed on with weights of a sum of 1 to the state and
    through denominators of 0.3 or more to the step: 32 x 2^-24 x 8 x 30 steps x 0.1 / 0.3 = 1.5e-4.
    """
    method = ELEMENTWISE[name]
    numbers = numbers_of(method)
    parameters, steps = course(SIZES, STEPS, dtype=np.float32)
    wide = [p.astype(np.float64) for p in parameters], [[g.astype(np.float64) for g in gs] for gs in steps]
    moved, _, _ = by_kernel(method, numbers, parameters, steps, layout("float32"))
    for place, (parameter, _) in enumerate(on_numpy(method, numbers, *wide)):
        assert moved[place].dtype == np.float32
        if method.rule.__name__ == "lion":  # a sign may turn where its argument is rounding alone
            wrong = np.abs(moved[place] - parameter) > 1.5e-4
            assert wrong.mean() <= 1e-2 if wrong.size > 100 else not wrong.any()
        else:
            np.testing.assert_allclose(moved[place], parameter, rtol=0, atol=1.5e-4)


@pytest.mark.parametrize("extra", [{"maximize": True}, {"dampening": 0.4}, {"rate_decay": 0.1}])
@pytest.mark.parametrize("name", ["torch SGD 1", "torch Adagrad 0", "torch NAdam 0", "optax adam 1"])
def test_what_a_framework_puts_around_a_rule(name, extra):
    method = ELEMENTWISE[name]
    numbers = numbers_of(method) | extra
    parameters, steps = course((7, 30), 5)
    moved, _, _ = by_kernel(method, numbers, parameters, steps, layout())
    for place, (parameter, _) in enumerate(on_numpy(method, numbers, parameters, steps)):
        np.testing.assert_allclose(moved[place], parameter, rtol=1e-13, atol=1e-13)


def test_a_single_large_array_and_many_small_ones():
    method = ELEMENTWISE["torch Adam 3"]
    numbers = {name: value for name, value in numbers_of(method).items() if name != "weight_decay"}
    for sizes in ((2**18 * 2 + 100_003,), (100_003, 1, 0), (13,) * 5000):
        parameters, steps = course(sizes, 2)
        moved, _, _ = by_kernel(method, numbers, parameters, steps, layout())
        ends = on_numpy(method, numbers, parameters[:50], [gradients[:50] for gradients in steps])
        for one, (parameter, _) in zip(moved, ends, strict=False):
            np.testing.assert_allclose(one, parameter, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("gradient", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("parameter", ["float64", "float32", "bfloat16", "float16"])
def test_parameter_and_gradient_may_differ_in_dtype(parameter, gradient):
    method = ELEMENTWISE["torch Adam 3"]
    numbers = {"learning_rate": 0.05, "b1": 0.8, "b2": 0.95, "epsilon": 0.3}
    (p,), steps = course((1003,), 1)
    p, g = p.astype(DTYPES[parameter]), steps[0][0].astype(DTYPES[gradient])
    of = layout(parameter, gradient)
    wide = DTYPES[of.state]
    moved, _, _ = by_kernel(method, numbers, [p], [[g]], of)
    step, _ = method(p.astype(wide), g.astype(wide), method.initial_state(p.astype(wide)), 1,
                     numbers | {"learning_rate": rate_at(1)})  # fmt: skip
    expected = (p.astype(wide) + step).astype(p.dtype)
    # The float32 results differ by an ulp or two, which rounding to 16 bits may widen to one of those.
    ulp = {"float64": 2.0**-52, "float32": 2.0**-22, "bfloat16": 2.0**-7, "float16": 2.0**-10}[parameter]
    np.testing.assert_allclose(moved[0].astype(np.float64), expected.astype(np.float64), rtol=ulp, atol=ulp / 16)
    if p.itemsize == 2:
        assert (moved[0] == expected).mean() > 0.99


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_with_its_entry(special):
    for name in ("torch Adam 3", "torch Adamax 0", "keras SGD 1", "torch RMSprop 2", "torch Adam 2"):
        method = ELEMENTWISE[name]
        numbers = numbers_of(method)
        parameters, steps = course((40,), 3)
        steps[1][0][3] = special
        moved, states, _ = by_kernel(method, numbers, parameters, steps, layout())
        with np.errstate(all="ignore"):
            ((parameter, state),) = on_numpy(method, numbers, parameters, steps)
        np.testing.assert_allclose(moved[0], parameter, rtol=1e-13, atol=1e-13)
        assert not np.isfinite(moved[0][3])
        assert np.isfinite(np.delete(moved[0], 3)).all()
        for part, column in states.items():
            np.testing.assert_allclose(column[0], state[part], rtol=1e-13, atol=1e-13)


def test_a_rule_that_branches_on_a_value_says_so():
    from steepest.dialects import Method
    from steepest.rules._rule import rule
    from steepest.rules._sgd import sgd

    @rule(sgd.state)
    def branching(g, state, t, *, learning_rate):
        return (-learning_rate * g if g > 0 else g), state

    with pytest.raises(TypeError, match=r"must not branch on the value .* Use where\(condition, x, y\)"):
        kernels.compiled(Method(branching), ("learning_rate",), layout())


def test_knobs_reach_the_kernel_as_numbers_and_compile_it_once():
    adam = find("torch", "Adam")
    method = adam.method(adam.defaults)
    names = tuple(adam.numbers(adam.defaults))
    assert kernels.compiled(method, names, layout()) is kernels.compiled(method, names, layout())
    assert set(names) < set(KNOBS)
