"""A rule that steepest does not know: in every framework, and what is said where it is no rule or breaks a law."""

import copy
import importlib.util
import inspect
import pickle
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

import steepest as st
import steepest.keras
import steepest.numpy
import steepest.optax
import steepest.torch
from steepest import dialects, rules
from steepest.arrays import Array, Scalar, frobenius_norm, one_minus_power, ratio, sign, sqrt, where
from steepest.errors import InputError
from steepest.optimizer import optimizer
from steepest.testing import check_rule, course, walk


class YogiState(NamedTuple):
    """m: mean gradient.  v: mean squared gradient."""

    m: Array = 0.0
    v: Array = 0.0


@st.rule(YogiState, usual_learning_rate=1e-2)
def yogi(g, state, t, *, learning_rate, b1=0.9, b2=0.999, epsilon=1e-3):
    m = b1 * state.m + (1 - b1) * g
    v = state.v - (1 - b2) * sign(state.v - g * g) * g * g
    m_hat, v_hat = m / one_minus_power(b1, t), v / one_minus_power(b2, t)
    return -learning_rate * ratio(m_hat, sqrt(v_hat) + epsilon), YogiState(m, v)


class NormState(NamedTuple):
    """s: sum of squared norms, a number for each array."""

    s: Scalar = 0.0


@st.rule(NormState, elementwise=False)
def norm_gradient(g, state, t, *, learning_rate, epsilon=1e-8):
    s = state.s + frobenius_norm(g) ** 2
    return -learning_rate * g / (sqrt(s) + epsilon), NormState(s)


# Where pickle and Keras find them.
Yogi = steepest.torch.from_rule(yogi)
NumpyYogi = steepest.numpy.from_rule(yogi)
KerasYogi = steepest.keras.from_rule(yogi)


def test_yogi_is_optaxs():
    """Another library's Yogi, in float64, with an epsilon that counts and a moving rate."""
    start, gradients, rates = course()
    knobs = {"b1": 0.8, "b2": 0.95, "epsilon": 0.3}
    ours, state = walk(yogi, start, gradients, rates, knobs)
    with jax.enable_x64(True):
        table = jnp.asarray(rates, jnp.float64)
        transform = optax.chain(
            optax.scale_by_yogi(b1=0.8, b2=0.95, eps=0.3, initial_accumulator_value=0.0),
            optax.scale_by_learning_rate(lambda count: table[count]),
        )
        parameter, their_state = jnp.asarray(start), transform.init(jnp.asarray(start))
        for g in gradients:
            step, their_state = transform.update(jnp.asarray(g), their_state)
            parameter = parameter + step
    np.testing.assert_allclose(ours, parameter, rtol=1e-12, atol=1e-12)  # 240 steps of a few 1e-16
    np.testing.assert_allclose(state.v, their_state[0].nu, rtol=1e-12)


@pytest.mark.parametrize(
    ("rule", "claims"),
    [(yogi, {"first": -0.2 / 2.001, "degree": 0}), (norm_gradient, {"degree": 0}), (rules.muon, {}), (rules.lion, {})],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_good_rules_pass_the_checks(rule, claims):
    check_rule(rule, **claims)


def test_knobs_may_be_checked_off_their_defaults():
    check_rule(yogi, b2=0.9, epsilon=0.0, degree=0)
    with pytest.raises(InputError, match=r"Unknown hyperparameter of yogi 'beta'"):
        check_rule(yogi, beta=0.9)


def as_rule(function):
    """The function as a rule."""
    return rules.rule(YogiState)(function)


def widens(g, state, t, *, learning_rate):
    return -learning_rate * np.float64(1.0) * np.asarray(g, np.float64), YogiState(state.m, state.v)


def moves_at_zero(g, state, t, *, learning_rate):
    return -learning_rate * where(g >= 0, 1.0 + 0 * g, -1.0 + 0 * g), state


def hides_nan(g, state, t, *, learning_rate):
    return -learning_rate * where(g > 0, g, where(g < 0, g, 0 * sign(0 * state.m))), state


def climbs(g, state, t, *, learning_rate):
    return learning_rate * g, state


def looks_at_neighbours(g, state, t, *, learning_rate):
    first = g[..., :1] if hasattr(g, "shape") else g
    return -learning_rate * g * (1.0 + first * first), state


def writes_in_place(g, state, t, *, learning_rate):
    if isinstance(state.m, np.ndarray):
        state.m[...] = 1.0
    return -learning_rate * g, state


def branches(g, state, t, *, learning_rate):
    return (-learning_rate * g if (g > -100).any() else -g), state


def counts_in_float32(g, state, t, *, learning_rate):
    if isinstance(t, int):
        return -learning_rate * g * (1 + 1e-3 * (t == 1)), state
    return -learning_rate * g, state


def turns(g, state, t, *, learning_rate):
    return -learning_rate * (0.5 * g if t == 1 else g), state


def calls_numpy(g, state, t, *, learning_rate):
    return -learning_rate * np.tanh(g), state


def forgets_its_state(g, state, t, *, learning_rate):
    return -learning_rate * g


def returns_a_tuple(g, state, t, *, learning_rate):
    return -learning_rate * g, (state.m, state.v)


ARRAYS = "it is arithmetic and functions of steepest.arrays alone"
BROKEN = [
    (widens, ARRAYS),
    (turns, f"{ARRAYS}.\nA rule must not branch"),
    (calls_numpy, ARRAYS),
    (forgets_its_state, r"It must end like `return step, YogiState\(...\)`"),
    (returns_a_tuple, r"It must end like `return step, YogiState\(...\)`"),
    (moves_at_zero, "zero gradients move nothing in numpy's float16"),
    (hides_nan, "NaN is reported where it is"),
    (climbs, "steps go downhill"),
    (looks_at_neighbours, "NaN is reported where it is|another order"),
    (writes_in_place, "inputs are left untouched"),
    (branches, ARRAYS),
    (counts_in_float32, "a step is the same eager, jitted and vmapped"),
]


@pytest.mark.parametrize(("function", "words"), BROKEN, ids=[row[0].__name__ for row in BROKEN])
def test_a_broken_law_is_named(function, words):
    with pytest.raises(AssertionError, match=rf"(?s)^{function.__name__}: not so that .*({words})"):
        check_rule(as_rule(function))


def test_wrong_claims_are_named():
    with pytest.raises(AssertionError, match="yogi: not so that the first step is the one computed by hand"):
        check_rule(yogi, first=-0.1)
    with pytest.raises(AssertionError, match=r"yogi: not so that gradients 16 times as large move 16\^1 times as far"):
        check_rule(yogi, degree=1)


@pytest.mark.parametrize("rule", [yogi, norm_gradient], ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("framework", ["numpy", "torch", "keras", "optax"])
def test_each_array_has_its_own_state_in_every_framework(rule, framework):
    starts = [np.float32([[1.0, 2.0], [3.0, 4.0]]), np.float32([[-1.0, 0.5]])]
    steps = [[np.cos(k + start) for start in starts] for k in range(8)]
    ends = RUN[framework](rule, starts, steps)
    for place, start in enumerate(starts):
        wide = start.astype(np.float64)
        exact, _ = walk(rule, wide, [np.float64(step[place]) for step in steps], [0.05] * 8, {})
        np.testing.assert_allclose(ends[place], exact, rtol=0, atol=1e-5)  # 8 steps of a dozen roundings of 6e-8
        assert np.abs(exact - start).max() > 0.01


def by_numpy(rule, starts, steps):
    moving = steepest.numpy.from_rule(rule)(ends := [start.copy() for start in starts], learning_rate=0.05)
    for gradients in steps:
        moving.step(gradients)
    return ends


def by_torch(rule, starts, steps):
    parameters = [torch.nn.Parameter(torch.tensor(start)) for start in starts]
    moving = steepest.torch.from_rule(rule)(parameters, lr=0.05)
    for gradients in steps:
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = torch.tensor(g)
        moving.step()
    return [p.detach().numpy() for p in parameters]


def by_keras(rule, starts, steps):
    variables = [keras.Variable(start) for start in starts]
    moving = steepest.keras.from_rule(rule)(learning_rate=0.05)
    moving.build(variables)
    for gradients in steps:
        moving.apply([keras.ops.convert_to_tensor(g) for g in gradients])
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


def by_optax(rule, starts, steps):
    transform = steepest.optax.from_rule(rule)(0.05)
    parameters = [jnp.asarray(start) for start in starts]
    state, update = transform.init(parameters), jax.jit(transform.update)
    for gradients in steps:
        moved, state = update([jnp.asarray(g) for g in gradients], state, parameters)
        parameters = optax.apply_updates(parameters, moved)
    return parameters


RUN = {"numpy": by_numpy, "torch": by_torch, "keras": by_keras, "optax": by_optax}


@pytest.mark.parametrize("made", [steepest.numpy, steepest.torch, steepest.keras, steepest.optax])
def test_a_rule_has_one_class_however_often_it_is_asked_for(made):
    assert made.from_rule(yogi) is made.from_rule(yogi)
    assert len(made.from_rule.__doc__) > 100


def test_the_learning_rate_is_what_each_framework_calls_it():
    assert list(inspect.signature(Yogi).parameters)[:3] == ["params", "lr", "b1"]
    assert list(inspect.signature(KerasYogi).parameters)[:3] == ["learning_rate", "b1", "b2"]
    parameter = torch.nn.Parameter(torch.ones(2))
    moving = Yogi([parameter], lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(moving, 0.5)
    parameter.grad = torch.ones(2)
    moving.step()
    schedule.step()
    assert moving.param_groups[0]["lr"] == 0.05


def test_state_is_loaded_and_classes_are_pickled_by_their_name():
    one, two = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    first, second = Yogi([one]), Yogi([two])
    one.grad = two.grad = torch.tensor([1.0, -2.0, 0.0])
    first.step()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    two.data.copy_(one.data)
    first.step()
    second.step()
    assert torch.equal(one, two)
    again = pickle.loads(pickle.dumps(first))
    assert type(again) is Yogi
    assert (Yogi.__name__, Yogi.__module__) == ("Yogi", __name__)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras reading its own variables
def test_a_keras_file_loads_where_the_rules_module_is_imported(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(KerasYogi(learning_rate=0.05, b1=0.8), loss="mse")
    rows = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    model.fit(rows, rows[:, :2], epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is KerasYogi
    assert (loaded.optimizer.b1, float(loaded.optimizer.learning_rate)) == (0.8, pytest.approx(0.05))
    for each in (model, loaded):
        each.fit(rows, rows[:, :2], epochs=1, verbose=0, shuffle=False)
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_fit_and_race_take_a_rule_and_reports_its_name(tmp_path):
    assert optimizer(yogi, b1=0.5).hyperparameters == {"b1": 0.5, "b2": 0.999, "epsilon": 1e-3}
    bowl = st.Problem(jnp.array([1.0, 2.0]), lambda w: jnp.sum(w**2))
    assert st.fit(bowl, yogi, epochs=5).optimizer.name == "yogi"
    raced = st.race(bowl, [yogi, optimizer(norm_gradient), "sgd"], learning_rates=2, seeds=1, epochs=5)
    assert set(raced.runs["optimizer"]) == {"yogi", "norm_gradient", "sgd"}
    st.save(raced, tmp_path / "race")
    page = st.report(tmp_path / "race")
    assert "yogi" in page.read_text()


def test_a_rule_by_a_known_name_is_still_its_own():
    @rules.rule(YogiState)
    def sgd(g, state, t, *, learning_rate):
        return -learning_rate * g / t, state  # torch's SGD keeps no count; this one needs it

    parameter = torch.nn.Parameter(torch.zeros(1))
    moving = steepest.torch.from_rule(sgd)([parameter], lr=1.0)
    for _ in range(3):
        parameter.grad = torch.ones(1)
        moving.step()
    assert parameter.item() == pytest.approx(-(1 + 1 / 2 + 1 / 3))
    with pytest.raises(ValueError, match="keras has nothing like torch's SGD"):
        steepest.torch.from_rule(sgd)([parameter], dialect="keras")
    assert dialects.of(rules.sgd).family == "sgd"


class Takes(NamedTuple):
    """A name that frameworks use for their own count."""

    step: Array = 0.0


@rules.rule(Takes)
def taking(g, state, t, *, learning_rate):
    return -learning_rate * g, state


def test_what_no_framework_can_serve_is_refused():
    for made in (steepest.numpy, steepest.torch, steepest.keras, steepest.optax):
        with pytest.raises(ValueError, match="nesterov_lookahead wants its gradient elsewhere than at the parameter"):
            made.from_rule(rules.nesterov_lookahead)
        with pytest.raises(ValueError, match=r"is not a rule. Mark the function with @steepest.rules.rule"):
            made.from_rule(walk)
        with pytest.raises(ValueError, match="The state of taking has a field 'step'"):
            made.from_rule(taking)


def test_knobs_out_of_range_are_refused_everywhere():
    weights, parameter = np.zeros(2), torch.nn.Parameter(torch.zeros(2))
    for build in (
        lambda: NumpyYogi(weights, b1=1.0),
        lambda: Yogi([parameter], b1=1.0),
        lambda: KerasYogi(b1=1.0),
        lambda: steepest.optax.from_rule(yogi)(b1=1.0),
        lambda: optimizer(yogi, b1=1.0),
    ):
        with pytest.raises(ValueError, match=r"b1 .*in \[0, 1\); received 1.0"):
            build()
    for build in (lambda: KerasYogi(epsilon=-1.0), lambda: Yogi([parameter], epsilon=-1.0)):
        with pytest.raises(ValueError, match="epsilon"):
            build()


def test_the_checks_need_no_framework_but_jax(monkeypatch):
    found, absent = importlib.util.find_spec, ("torch", "optax", "keras")
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else found(name))
    assert list(steepest.testing._engines.drop_ins()) == ["numpy"]


@pytest.mark.parametrize(("backend", "checked"), [("jax", True), ("torch", True), ("tensorflow", False), (None, False)])
def test_keras_is_checked_where_its_backend_is_one_of_the_drop_ins(monkeypatch, backend, checked):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND")
    if backend:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    assert ("keras" in steepest.testing._engines.drop_ins()) is checked
