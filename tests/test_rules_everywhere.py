"""One function everywhere: in every array library, compiled or not, on plain floats."""

import ast
import inspect
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest import arrays, rules
from steepest.rules import _adam, _muon, _radam

from .rule_cases import CASES
from .rule_rows import LIBRARIES, ROWS, course, every_rule, moved, plain, walk


@every_rule
@pytest.mark.parametrize("library", LIBRARIES)
def test_float32_in_every_library_stays_near_float64(name, library):
    start, gradients, rates = course(count=50)
    exact, _ = walk(rules.find(name), start, gradients, rates, {})
    single = [values.astype(np.float32) for values in (start, gradients)]
    near, _ = walk(rules.find(name), *single, rates, {}, array=LIBRARIES[library])
    # 50 steps of at most 0.1 * 3.2 and a few roundings of 6e-8 each, the gradients' own rounding included.
    np.testing.assert_allclose(plain(near), exact, rtol=0, atol=50 * 0.32 * 5 * 6e-8 * np.abs(gradients).max())


@every_rule
def test_eager_jit_and_vmap_agree_and_nothing_compiles_twice(name):
    rule, knobs, traces = rules.find(name), rules.hyperparameters(rules.find(name)), []
    _, gradients, _ = course(count=6, dtype=np.float32)
    gradients = jnp.asarray(gradients)

    def counted(g, state, t, learning_rate, knobs):
        traces.append(t)
        return moved(rule, g, state, t, learning_rate=learning_rate, **knobs)

    compiled, lanes = jax.jit(counted), jax.jit(jax.vmap(counted, in_axes=(0, 0, None, 0, None)))
    states = [rules.initial_state(rule, gradients[0])] * 2
    pair = jax.tree.map(lambda part: jnp.stack([part, part]), states[0])
    for t, g in enumerate(gradients, start=1):
        knobs = {knob: value * 0.999 for knob, value in knobs.items()}  # every number moves
        rates = jnp.array([0.1, 0.02]) / t
        eager, states[0] = moved(rule, g, states[0], t, learning_rate=float(rates[0]), **knobs)
        jitted, states[1] = compiled(g, states[1], jnp.int32(t), float(rates[0]), knobs)
        both, pair = lanes(jnp.stack([g, g]), pair, jnp.int32(t), rates, knobs)
        # float32 products fused or not, some over many roundings: a few of 6e-8, relative to the step's size.
        size = float(jnp.abs(eager).max())
        np.testing.assert_allclose(jitted, eager, rtol=2e-5, atol=1e-6 * size)
        np.testing.assert_allclose(both[0], eager, rtol=2e-5, atol=1e-6 * size)
    assert len(traces) == 2  # one for jit, one for vmap
    assert jitted.dtype == jnp.float32


@every_rule
def test_numpy_numbers_serve_as_hyperparameters(name):
    rule, g = rules.find(name), np.array([2.0, -1.0])
    numbers = {knob: np.float64(value) for knob, value in rules.hyperparameters(rule).items()}
    state = rules.initial_state(rule, g)
    step, _ = moved(rule, g, state, np.int64(1), learning_rate=np.float64(0.1), **numbers)
    np.testing.assert_array_equal(step, moved(rule, g, state, 1, learning_rate=0.1)[0])


@every_rule
def test_plain_floats_serve_as_arrays(name):
    rule = rules.find(name)
    step, _ = moved(rule, 2.0, rule.state(), 1, 5.0, learning_rate=0.1)
    assert step == pytest.approx(ROWS[name].first, rel=1e-9)


HELPERS = (_adam.epsilon_of, _radam.gradients_seen, _radam._langevin, _muon.orthogonalized, _muon._size)
# What a test may look at: words that choose, and shapes, neither of which is ever a number of an array.
STATIC = {"epsilon_at", "scale", "x", "shape", "ndim"}


@pytest.mark.parametrize("function", [*rules.ALL.values(), *HELPERS], ids=lambda one: one.__name__)
def test_a_rule_is_operators_and_array_functions_only(function):
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    static = STATIC if function in HELPERS else set(rules.choices(function))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.While | ast.Try | ast.Lambda | ast.ListComp | ast.AugAssign)
        if isinstance(node, ast.If | ast.IfExp):
            looked_at = {one.id for one in ast.walk(node.test) if isinstance(one, ast.Name)}
            looked_at |= {one.attr for one in ast.walk(node.test) if isinstance(one, ast.Attribute)}
            assert looked_at <= static, ast.unparse(node.test)
    body = [one for one in tree.body[0].body if not isinstance(one, ast.Raise)]
    called = {ast.unparse(one.func) for part in body for one in ast.walk(part) if isinstance(one, ast.Call)}
    assert called <= known_to(function)


def known_to(function):
    """Functions of arrays.py, the rules, their states and helpers, and what reads a shape."""
    ours = {name for name, one in vars(rules).items() if callable(one)} | {one.__name__ for one in HELPERS}
    functions = {
        name for name, one in vars(arrays).items() if inspect.isfunction(one) and one.__module__ == arrays.__name__
    }
    shapes = {"InputError", "tuple", "max", "math.sqrt", "range"} if function in HELPERS else set()
    return ours | functions | shapes | {"gather"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_choice_is_the_same_compiled_in_float32(case):
    rule, (start, gradients, rates) = rules.find(case.rule), course(count=20)
    exact, _ = walk(rule, start, gradients, rates, case.knobs, case.choices)
    knobs = dict(case.knobs)
    move = jax.jit(
        lambda g, state, t, at, rate: moved(rule, g, state, t, at, learning_rate=rate, **knobs, **case.choices)
    )
    parameter, state = jnp.float32(start), rules.initial_state(rule, jnp.float32(start), **case.choices)
    for t, (g, rate) in enumerate(zip(jnp.float32(gradients), rates, strict=True), start=1):
        step, state = move(g, state, jnp.int32(t), parameter, rate)
        parameter = parameter + step
    # 20 steps of size 1 at most, each a few dozen roundings of 6e-8.
    np.testing.assert_allclose(parameter, exact, rtol=0, atol=2e-5)
