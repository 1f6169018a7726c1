"""One table, a row a rule, runs everything a rule must hold; what only one rule has follows after."""

import dis
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

from steepest import arrays, rules
from steepest.errors import InputError

# --- independent oracles: the trajectory and the last state that another library computes in float64 -----------------


def torch_oracle(name: str, fields: dict[str, str], knobs: dict[str, str]) -> Callable:
    """torch.optim.<name>.  fields: ours to theirs.  knobs: ours to theirs, ``betas.0`` being the first of the pair."""

    def run(start, gradients, rates, given):
        options, betas = {}, [0.9, 0.999]
        for ours, value in given.items():
            theirs = knobs[ours]
            if theirs.startswith("betas"):
                betas[int(theirs[-1])] = value
            else:
                options[theirs] = value
        if any(theirs.startswith("betas") for theirs in knobs.values()):
            options["betas"] = tuple(betas)
        torch.set_default_dtype(torch.float64)  # NAdam keeps its product in the default dtype
        try:
            parameter = torch.tensor(start, requires_grad=True)
            optimizer = getattr(torch.optim, name)([parameter], **options)
            for g, rate in zip(gradients, rates, strict=True):
                optimizer.param_groups[0]["lr"] = float(rate)
                parameter.grad = torch.tensor(g)
                optimizer.step()
        finally:
            torch.set_default_dtype(torch.float32)
        state = optimizer.state[parameter]
        return parameter.detach().numpy(), {ours: state[theirs].numpy() for ours, theirs in fields.items()}

    return run


def optax_oracle(build: Callable, fields: dict[str, str]) -> Callable:
    """A chain of optax transforms.  build(schedule, knobs).  fields: ours to the attribute somewhere in its state."""

    def run(start, gradients, rates, given):
        with jax.enable_x64(True):
            table = jnp.asarray(rates)
            transform = build(lambda k: table[k], given)
            parameter, state = jnp.asarray(start), transform.init(jnp.asarray(start))
            step = jax.jit(transform.update)
            for g in gradients:
                update, state = step(jnp.asarray(g), state)
                parameter = parameter + update
            found = {ours: optax.tree.get(state, theirs) for ours, theirs in fields.items()}
            return np.asarray(parameter), {name: np.asarray(value) for name, value in found.items()}

    return run


def keras_oracle(name: str, fields: dict[str, str], knobs: dict[str, str]) -> Callable:
    """keras.optimizers.<name>.  fields: ours to the list of variables theirs stand in."""

    def run(start, gradients, rates, given):
        os.environ.setdefault("KERAS_BACKEND", "jax")
        import keras

        with jax.enable_x64(True):
            parameter = keras.Variable(jnp.asarray(start), dtype="float64")
            optimizer = getattr(keras.optimizers, name)(**{knobs[ours]: value for ours, value in given.items()})
            optimizer.build([parameter])
            for g, rate in zip(gradients, rates, strict=True):
                optimizer.learning_rate = float(rate)
                optimizer.apply([jnp.asarray(g)])
            state = {ours: np.asarray(getattr(optimizer, theirs)[0].value) for ours, theirs in fields.items()}
            return np.asarray(parameter.value), state

    return run


def scaled(*transforms: Callable) -> Callable:
    """Direction first, learning rate after."""
    return lambda schedule, knobs: optax.chain(
        *(transform(knobs) for transform in transforms), optax.scale_by_learning_rate(schedule)
    )


def velocity(*, nesterov: bool) -> Callable:
    """The learning rate first, so that it stands inside the velocity."""
    return lambda schedule, knobs: optax.chain(
        optax.scale_by_learning_rate(schedule), optax.trace(knobs["momentum"], nesterov=nesterov)
    )


BETAS = {"b1": "betas.0", "b2": "betas.1", "epsilon": "eps"}


@dataclass(frozen=True)
class Row:
    """What is claimed of one rule.

    first: the step after the gradient 2 from the first state, at the rate 0.1 and the default knobs, by hand.
    oracle, knobs: see above; knobs are far from the defaults, epsilon above all, so that none can hide.
    degree: a gradient c times as large moves c^degree times as far.  epsilon_unit: if epsilon is c^epsilon_unit larger.
    arrives: learning rate, decayed linearly to 0 over 3000 steps, which finds the minimum.
    """

    first: float
    oracle: Callable
    knobs: dict[str, float] = field(default_factory=dict)
    degree: int = 0
    epsilon_unit: int = 1
    arrives: float = 0.1


ROWS: dict[str, Row] = {
    "sgd": Row(first=-0.2, oracle=torch_oracle("SGD", {}, {}), degree=1),
    "momentum": Row(
        first=-0.2, oracle=optax_oracle(velocity(nesterov=False), {"v": "trace"}), knobs={"momentum": 0.7}, degree=1
    ),
    "nesterov": Row(
        # v = -0.2; 0.9 (-0.2) - 0.2
        first=-0.38, oracle=optax_oracle(velocity(nesterov=True), {"v": "trace"}), knobs={"momentum": 0.7}, degree=1
    ),
    "nesterov_lookahead": Row(
        first=-0.2, oracle=optax_oracle(velocity(nesterov=False), {"v": "trace"}), knobs={"momentum": 0.7}, degree=1
    ),
    "adagrad": Row(
        # 0.1 * 2 / sqrt(4 + 1e-7)
        first=-0.1 * (1 - 1e-7 / 8),
        oracle=optax_oracle(
            scaled(lambda knobs: optax.scale_by_rss(initial_accumulator_value=0.0, eps=knobs["epsilon"])),
            {"s": "sum_of_squares"},
        ),
        knobs={"epsilon": 0.3},
        epsilon_unit=2,
        arrives=1.0,
    ),
    "rmsprop": Row(
        # v = 0.4; 0.1 * 2 / sqrt(0.4 + 1e-7)
        first=-0.31622772649,
        oracle=optax_oracle(
            scaled(lambda knobs: optax.scale_by_rms(decay=knobs["decay"], eps=knobs["epsilon"])), {"v": "nu"}
        ),
        knobs={"decay": 0.8, "epsilon": 0.3},
        epsilon_unit=2,
    ),
    "adadelta": Row(
        # v = 0.2; d = 2 sqrt(1e-6 / (0.2 + 1e-6)) = 4.4721248e-3, times the learning rate
        first=-4.4721247744e-4,
        oracle=torch_oracle("Adadelta", {"v": "square_avg", "u": "acc_delta"}, {"decay": "rho", "epsilon": "eps"}),
        knobs={"decay": 0.8, "epsilon": 0.3},
        degree=1,
        epsilon_unit=2,
        arrives=10.0,
    ),
    "adam": Row(
        first=-0.1 * (1 - 0.5e-8),
        oracle=torch_oracle("Adam", {"m": "exp_avg", "v": "exp_avg_sq"}, BETAS),
        knobs={"b1": 0.8, "b2": 0.95, "epsilon": 0.3},
    ),
    "adamax": Row(
        first=-0.1 * (1 - 0.5e-8),
        oracle=keras_oracle("Adamax", {"m": "_m", "u": "_u"}, {"b1": "beta_1", "b2": "beta_2", "epsilon": "epsilon"}),
        knobs={"b1": 0.8, "b2": 0.95, "epsilon": 0.3},
    ),
    "nadam": Row(
        # mu_1 = 0.9 (1 - 0.96^0.004 / 2) = 0.45007347, mu_2 = 0.45014692, with m = 0.2 and sqrt(v_hat) = 2:
        # 0.1 (0.45014692 * 0.2 / (1 - 0.45007347 * 0.45014692) + 2) / 2
        first=-0.1056451773073,
        oracle=torch_oracle(
            "NAdam",
            {"m": "exp_avg", "v": "exp_avg_sq", "mu_product": "mu_product"},
            BETAS | {"momentum_decay": "momentum_decay"},
        ),
        knobs={"b1": 0.8, "b2": 0.95, "epsilon": 0.3, "momentum_decay": 0.5},
    ),
}  # fmt: skip

every_rule = pytest.mark.parametrize("name", ROWS)
LIBRARIES: dict[str, Callable[[np.ndarray], Any]] = {
    "numpy": np.array,  # a copy, so that nothing given to a rule is shared
    "jax": jnp.array,
    "torch": lambda values: torch.tensor(np.array(values)),
}


def test_every_rule_has_its_row_and_every_raced_rule_its_place():
    lecture = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamax", "nadam"]
    assert list(rules.RULES) == lecture
    assert set(ROWS) == {*lecture, "nesterov_lookahead"}


# --- the equation ---------------------------------------------------------------------------------------------------


def walk(rule, start, gradients, rates, knobs, array=np.array):
    """The rule's own trajectory on given gradients: the last parameter and state."""
    parameter = array(start)
    state = rules.initial_state(rule, parameter)
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        step, state = rule(array(g), state, t, learning_rate=float(rate), **knobs)
        parameter = parameter + step
    return parameter, state


def course(count=240, size=5, dtype=np.float64):
    """A start, gradients of very different sizes, some exactly 0, and rates that rise and fall (float32 values)."""
    random = np.random.default_rng(7)
    gradients = random.normal(size=(count, size)) * np.array([1e-3, 0.1, 1.0, 5.0, 1.0])
    gradients[:, 4] *= random.random(count) < 0.2  # the fifth is seldom anything but 0
    rates = np.float32(0.05 * (1.2 + np.sin(np.arange(count) / 9)))  # Keras keeps its rate in float32
    return random.normal(size=size).astype(dtype), gradients.astype(dtype), rates


@every_rule
def test_first_step_by_hand(name):
    rule = rules.find(name)
    state = rules.initial_state(rule, np.zeros(1))
    step, _ = rule(np.array([2.0]), state, 1, learning_rate=0.1)
    np.testing.assert_allclose(step, [ROWS[name].first], rtol=1e-9)


@every_rule
def test_240_steps_are_those_of_an_independent_library(name):
    row, (start, gradients, rates) = ROWS[name], course()
    assert set(row.knobs) == set(rules.hyperparameters(rules.find(name)))  # no knob is left at its default
    ours, state = walk(rules.find(name), start, gradients, rates, row.knobs)
    theirs, their_state = row.oracle(start, gradients, rates, row.knobs)
    assert np.abs(theirs - start).max() > 0.25  # they went somewhere
    # Each of 240 steps of size < 1 rounds a few times by 1.1e-16, which adds up to less than 1e-12 in the worst case.
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert set(their_state) == set(state._fields)
    for part in state._fields:
        np.testing.assert_allclose(getattr(state, part), their_state[part], rtol=1e-12, atol=1e-14, err_msg=part)


def slope(point):
    """Gradient of exp(a) - a + 4 (exp(-b) + b), a = x - 1 + 0.3 (y + 2), b = y + 2: least at (1, -2), nowhere else.

    Steep on one side of each axis, flat on the other, tilted, and at a point that no rule reaches by doing nothing.
    """
    a, b = point[0] - 1 + 0.3 * (point[1] + 2), point[1] + 2
    along_a, along_b = np.exp(a) - 1, 4 * (1 - np.exp(-b))
    return np.array([along_a, 0.3 * along_a + along_b])


@every_rule
def test_reaches_the_known_minimum_of_an_asymmetric_surface(name):
    rule, point, steps = rules.find(name), np.array([-1.0, -1.0]), 3000
    state = rules.initial_state(rule, point)
    for t in range(1, steps + 1):
        ahead = rule.look_ahead(state) if rule.look_ahead else 0.0
        step, state = rule(slope(point + ahead), state, t, learning_rate=ROWS[name].arrives * (1 - (t - 1) / steps))
        point = point + step
    # Curvatures are 1 and more, and the last rate about 3e-4 of the first, so that even sign-like steps end near.
    np.testing.assert_allclose(point, [1.0, -2.0], atol=1e-3)


# --- laws -----------------------------------------------------------------------------------------------------------

# Exponents within which neither squares nor their products leave float64; any of them, and exact zero.
entry = st.one_of(st.just(0.0), st.floats(1e-6, 1e6), st.floats(-1e6, -1e-6))
few_gradients = st.integers(1, 6).flatmap(lambda size: numpy_arrays(np.float64, (4, size), elements=entry))
laws = settings(max_examples=40, deadline=None, derandomize=True)


def steps_of(rule, gradients, **knobs):
    """Every step taken on the given gradients, stacked."""
    state, taken = rules.initial_state(rule, gradients[0]), []
    for t, g in enumerate(gradients, start=1):
        step, state = rule(g, state, t, learning_rate=0.1, **knobs)
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
    _, state = rule(gradients[1], rules.initial_state(rule, g), 1, learning_rate=0.1)
    before = g.copy(), [np.copy(part) for part in state]
    rule(g, state, 2, learning_rate=0.1)
    np.testing.assert_array_equal(g, before[0])
    for part, earlier in zip(state, before[1], strict=True):
        np.testing.assert_array_equal(part, earlier)


KINDS = [("numpy", d) for d in ("float16", "float32", "float64")]
KINDS += [("jax", d) for d in ("float16", "bfloat16", "float32", "float64")]
KINDS += [("torch", d) for d in ("float16", "bfloat16", "float32", "float64")]


def in_kind(library, dtype, values):
    if library == "torch":
        return torch.tensor(values, dtype=getattr(torch, dtype))
    return np.array(values, dtype) if library == "numpy" else jnp.array(values, dtype)


def plain(array):
    return np.asarray(array.to(torch.float64) if isinstance(array, torch.Tensor) else array, np.float64)


@every_rule
@pytest.mark.parametrize(("library", "dtype"), KINDS)
def test_zero_gradients_move_nothing_in_any_dtype(name, library, dtype):
    rule = rules.find(name)
    move = jax.jit(rule) if library == "jax" else rule
    knobs = [{}, {"epsilon": 0.0}] if "epsilon" in rules.hyperparameters(rule) else [{}]
    with jax.enable_x64(dtype == "float64"):
        zero = in_kind(library, dtype, [0.0, -0.0])
        for given_knobs in knobs:
            state = rules.initial_state(rule, zero)
            for t in (1, 2):
                step, state = move(zero, state, t, learning_rate=0.1, **given_knobs)
                np.testing.assert_array_equal(plain(step), [0.0, 0.0])


@every_rule
@pytest.mark.parametrize(("library", "dtype"), KINDS)
def test_dtype_and_library_are_kept(name, library, dtype):
    rule = rules.find(name)
    with jax.enable_x64(dtype == "float64"):
        g = in_kind(library, dtype, [0.5, -2.0])
        state = rules.initial_state(rule, g)
        for t in (1, 2):
            step, state = rule(g, state, t, learning_rate=0.1)
        for part in (step, *state):
            assert part.dtype == g.dtype
        assert type(step) is type(g)
        assert step.shape == g.shape
        assert np.isfinite(plain(step)).all()
        assert (plain(step) * plain(g) < 0).all()  # downhill


@every_rule
@pytest.mark.parametrize("library", LIBRARIES)
def test_nan_is_reported_as_nan_where_it_is_and_nowhere_else(name, library):
    rule, g = rules.find(name), LIBRARIES[library](np.float32([1.0, np.nan, 0.0]))
    step, _ = rule(g, rules.initial_state(rule, g), 1, learning_rate=0.1)
    np.testing.assert_array_equal(np.isnan(plain(step)), [False, True, False])


@every_rule
def test_tiny_float16_gradients_do_not_explode(name):
    # Squares underflow to 0 here; a step of infinite size would be the naive answer.
    rule, g = rules.find(name), np.float16([1e-4, -6e-8])
    step, _ = rule(g, rules.initial_state(rule, g), 1, learning_rate=0.1)
    assert np.abs(plain(step)).max() < 1


# --- one rule everywhere --------------------------------------------------------------------------------------------


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
        return rule(g, state, t, learning_rate=learning_rate, **knobs)

    compiled, lanes = jax.jit(counted), jax.jit(jax.vmap(counted, in_axes=(0, 0, None, 0, None)))
    states = [rules.initial_state(rule, gradients[0])] * 2
    pair = jax.tree.map(lambda part: jnp.stack([part, part]), states[0])
    for t, g in enumerate(gradients, start=1):
        knobs = {knob: value * 0.999 for knob, value in knobs.items()}  # every number moves
        rates = jnp.array([0.1, 0.02]) / t
        eager, states[0] = rule(g, states[0], t, learning_rate=float(rates[0]), **knobs)
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
    step, _ = rule(g, state, np.int64(1), learning_rate=np.float64(0.1), **numbers)
    np.testing.assert_array_equal(step, rule(g, state, 1, learning_rate=0.1)[0])


@every_rule
def test_plain_floats_serve_as_arrays(name):
    rule = rules.find(name)
    step, _ = rule(2.0, rule.state(), 1, learning_rate=0.1)
    assert step == pytest.approx(ROWS[name].first, rel=1e-9)


@every_rule
def test_a_rule_is_operators_and_array_functions_only(name):
    # What a kernel compiler can take: no branch, no loop, no attribute but the state's, no call but these.
    rule = rules.find(name)
    known = {*rule.state._fields, rule.state.__name__, "one_minus_power", "ratio", "sqrt", "absolute", "maximum"}
    assert set(rule.__code__.co_names) <= known
    assert not [i.opname for i in dis.get_instructions(rule) if "JUMP" in i.opname or i.opname == "FOR_ITER"]
    assert all(hasattr(arrays, function) for function in known - {*rule.state._fields, rule.state.__name__})


# --- single rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [lambda t: 0.05, lambda t: 0.05 / t**0.5], ids=["constant", "falling"])
def test_nesterov_told_and_nesterov_computed_are_one(rate):
    momentum, theta, phi = 0.9, np.array([-1.0, -1.0]), np.array([-1.0, -1.0])
    told = computed = rules.MomentumState(np.zeros(2))
    for t in range(1, 301):
        ahead = theta + rules.nesterov_lookahead.look_ahead(told, momentum=momentum)
        np.testing.assert_allclose(phi, ahead, rtol=0, atol=1e-12)
        step, told = rules.nesterov_lookahead(slope(ahead), told, t, learning_rate=rate(t), momentum=momentum)
        theta = theta + step
        step, computed = rules.nesterov(slope(phi), computed, t, learning_rate=rate(t), momentum=momentum)
        phi = phi + step
    np.testing.assert_allclose(computed.v, told.v, rtol=0, atol=1e-12)
    assert np.abs(theta - [-1.0, -1.0]).min() > 0.5  # they went somewhere


@pytest.mark.parametrize("name", ["adam", "adamax"])
def test_first_step_in_float32_is_the_learning_rate(name):
    # 1 - b**t formed naively in float32 is wrong by 1.3e-5 here.
    rule, g = rules.find(name), jnp.float32([1.0, -3.0, 100.0])

    def first(t, learning_rate, b1, b2):
        return rule(g, rules.initial_state(rule, g), t, learning_rate=learning_rate, b1=b1, b2=b2, epsilon=0.0)[0]

    expected = np.float32(0.01) * np.array([-1.0, 1.0, -1.0])
    np.testing.assert_allclose(jax.jit(first)(jnp.int32(1), 0.01, 0.9, 0.999), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda t: first(t, 0.01, 0.9, 0.999))(jnp.int32(1)), expected, rtol=1e-6)


def test_nadam_corrections_are_exact_in_float32():
    # With one gradient for ever, m = (1 - b1^t) g: the first steps show the correction factors alone.
    g, steps = jnp.float32([1.0]), {}
    for kind in (np.float32, np.float64):
        with jax.enable_x64(kind is np.float64):
            run = jax.jit(lambda g, s, t: rules.nadam(g, s, t, learning_rate=0.01, b1=0.9999, epsilon=0.0))
            state, taken = rules.initial_state(rules.nadam, jnp.asarray(g, kind)), []
            for t in range(1, 30):
                step, state = run(jnp.asarray(g, kind), state, t)
                taken.append(float(step[0]))
            steps[kind] = taken
    np.testing.assert_allclose(steps[np.float32], steps[np.float64], rtol=3e-6)


def test_adamax_leaves_a_parameter_without_gradients_where_it_is():
    step, state = rules.adamax(
        np.zeros(2), rules.AdamaxState(np.zeros(2), np.zeros(2)), 1, learning_rate=0.1, epsilon=0.0
    )
    np.testing.assert_array_equal(step, [0, 0])
    np.testing.assert_array_equal(state.u, [0, 0])


# --- names and numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [("adam", "adam"), ("Adam", "adam"), ("RMSProp", "rmsprop"), ("rms_prop", "rmsprop"), ("SGD", "sgd"),
     ("nesterov-lookahead", "nesterov_lookahead"), ("Ada Delta", "adadelta")],
)  # fmt: skip
def test_find_forgives_case_and_separators(spelt, meant):
    assert rules.find(spelt) is getattr(rules, meant)


def test_find_names_the_nearest():
    with pytest.raises(
        InputError, match=r"^Unknown optimizer 'nestrov'\. Did you mean 'nesterov'\? Allowed: sgd, .*nadam"
    ):
        rules.find("nestrov")
    with pytest.raises(InputError, match="Unknown optimizer ''"):
        rules.find("")


def test_the_table_of_rules_cannot_be_changed():
    with pytest.raises(TypeError):
        rules.RULES["mine"] = rules.sgd


def test_usual_learning_rates():
    usual = {name: rule.usual_learning_rate for name, rule in rules.RULES.items()}
    assert usual == {
        "sgd": 1e-2, "momentum": 1e-2, "nesterov": 1e-2, "adagrad": 1e-2, "rmsprop": 1e-3,
        "adadelta": 1.0, "adam": 1e-3, "adamax": 2e-3, "nadam": 2e-3,
    }  # fmt: skip


def test_default_hyperparameters():
    defaults = {name: rules.hyperparameters(rules.find(name)) for name in ROWS}
    adam = {"b1": 0.9, "b2": 0.999, "epsilon": 1e-8}
    assert defaults == {
        "sgd": {}, "momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9},
        "nesterov_lookahead": {"momentum": 0.9}, "adagrad": {"epsilon": 1e-7},
        "rmsprop": {"decay": 0.9, "epsilon": 1e-7}, "adadelta": {"decay": 0.95, "epsilon": 1e-6},
        "adam": adam, "adamax": adam, "nadam": adam | {"momentum_decay": 0.004},
    }  # fmt: skip
