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
from steepest.testing import (
    LIBRARIES,
    agrees_as_a_lane_of_a_race,
    agrees_compiled,
    agrees_in_every_library,
    agrees_in_numpy,
    agrees_in_optax,
    agrees_in_torch,
    course,
    moved,
    walk,
)

from .rule_cases import CASES
from .rule_rows import ROWS, every_rule


@every_rule
@pytest.mark.parametrize("library", LIBRARIES)
def test_float32_in_every_library_stays_near_float64(name, library):
    # 50 steps of at most 0.1 * 3.2 and a few roundings of 6e-8 each, the gradients' own rounding included.
    atol = 50 * 0.32 * 5 * 6e-8 * np.abs(course(count=50)[1]).max()
    agrees_in_every_library(rules.find(name), library, {}, atol=atol)


@every_rule
def test_eager_jit_and_vmap_agree_and_nothing_compiles_twice(name):
    agrees_compiled(rules.find(name), rules.hyperparameters(rules.find(name)))


@every_rule
def test_a_lane_of_a_race_moves_as_the_rule_does(name):
    agrees_as_a_lane_of_a_race(rules.find(name), {})


@pytest.mark.parametrize("drop_in", [agrees_in_numpy, agrees_in_torch, agrees_in_optax])
@pytest.mark.parametrize("name", [name for name, rule in rules.ALL.items() if rule.look_ahead is None])
def test_drop_ins_made_of_a_rule_move_as_it_does(name, drop_in):
    drop_in(rules.find(name), {})


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
