"""Muon: its iteration is a polynomial of singular values, and its steps are those of torch, Keras and optax."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from steepest import rules
from steepest.errors import InputError
from steepest.rules._muon import orthogonalized
from steepest.testing import LIBRARIES, plain, walk

from .rule_oracles import keras_oracle, optax_oracle, torch_oracle

SHAPES = [(3, 5), (6, 4), (4, 4), (1, 3)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def by_singular_values(x, epsilon, *, least=False):
    """Newton-Schulz by the singular value decomposition: the quintic, five times, on each singular value."""
    left, values, right = np.linalg.svd(x, full_matrices=False)
    norm = np.sqrt((values**2).sum())
    s = values / (max(norm, epsilon) if least else norm + epsilon)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return left * s @ right


def matrices(shape, count=40):
    """A start, gradients, and rates that move."""
    random = np.random.default_rng(3)
    rates = np.float32(0.05 * (1.2 + np.sin(np.arange(count) / 9)))
    return random.normal(size=shape), random.normal(size=(count, *shape)), rates


@every_shape
@pytest.mark.parametrize("epsilon_at", ["beside", "least"])
def test_the_iteration_is_a_polynomial_of_the_singular_values(shape, epsilon_at):
    for seed, epsilon in itertools.product(range(5), (1e-7, 3.0, 30.0)):
        x = np.random.default_rng(seed).normal(size=shape)
        expected = by_singular_values(x, epsilon, least=epsilon_at == "least")
        # Fifteen products of small matrices, whose roundings a step may grow 3.4 times: 500 times 1e-16.
        np.testing.assert_allclose(orthogonalized(x, epsilon, epsilon_at), expected, rtol=0, atol=1e-12)


def muon_by_hand(start, gradients, rates, *, momentum, epsilon, weight_decay, nesterov, factor):
    """torch's Muon in float64: its lerp, its clamp, its decay before the move."""
    parameter, buffer = start.copy(), np.zeros_like(start)
    for g, rate in zip(gradients, np.float64(rates), strict=True):
        buffer = buffer + (1 - momentum) * (g - buffer)
        x = g + momentum * (buffer - g) if nesterov else buffer
        parameter = parameter * (1 - rate * weight_decay)
        parameter = parameter - rate * factor * by_singular_values(x, epsilon, least=True)
    return parameter, {"m": buffer}


@every_shape
@pytest.mark.parametrize("ahead", ["yes", "no"])
@pytest.mark.parametrize("scale", ["rows", "rms"])
def test_torch(shape, ahead, scale):
    knobs = {"momentum": 0.8, "epsilon": 2.0, "weight_decay": 0.4}
    course, choices = matrices(shape), {"epsilon_at": "least", "ahead": ahead, "scale": scale}
    ours, state = walk(rules.muon, *course, knobs, choices)
    factor = {"rows": max(1, shape[0] / shape[1]) ** 0.5, "rms": 0.2 * max(shape) ** 0.5}[scale]
    theirs, buffer = muon_by_hand(*course, **knobs, nesterov=ahead == "yes", factor=factor)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)  # 40 steps of 1e-13
    np.testing.assert_allclose(state.m, buffer["m"], rtol=1e-12, atol=1e-14)
    names = {"momentum": "momentum", "epsilon": "eps", "weight_decay": "weight_decay"}
    adjust = {"rows": "original", "rms": "match_rms_adamw"}[scale]
    native = torch_oracle("Muon", {"m": "momentum_buffer"}, names, adjust_lr_fn=adjust, nesterov=ahead == "yes")
    rounded, buffer = native(*course, knobs)
    np.testing.assert_allclose(state.m, buffer["m"], rtol=1e-12, atol=1e-14)
    # torch iterates in bfloat16, 2^-9 a rounding: each of 40 steps of at most 0.11 factor is good to a tenth or so.
    np.testing.assert_allclose(ours, rounded, rtol=0, atol=0.1 * 0.11 * factor * 40**0.5)
    assert np.abs(ours - course[0]).max() > 0.25


@every_shape
@pytest.mark.parametrize("ahead", ["yes", "no"])
@pytest.mark.parametrize("scale", ["rms", "none"])
def test_keras(shape, ahead, scale):
    knobs = {"momentum": 0.8, "weight_decay": 0.4, "rms": 0.3}
    names = {"momentum": "momentum", "weight_decay": "weight_decay"} | ({"rms": "rms_rate"} if scale == "rms" else {})
    options = {"nesterov": ahead == "yes"} | ({"rms_rate": None} if scale == "none" else {})
    oracle = keras_oracle("Muon", {"m": "momentums"}, names, **options)
    # Keras takes norms and roots in float32 whatever the dtype: 40 steps of 0.11 that are good to a few 6e-8.
    same(matrices(shape), knobs, {"gather": "sum", "ahead": ahead, "scale": scale}, oracle, atol=1e-6)


@every_shape
@pytest.mark.parametrize("ahead", ["yes", "no"])
@pytest.mark.parametrize("scale", ["rms", "columns"])
def test_optax(shape, ahead, scale):
    knobs = {"momentum": 0.8, "epsilon": 2.0, "weight_decay": 0.4, "rms": 0.3}

    def build(schedule, k):
        own = {"consistent_rms": k["rms"]} if scale == "rms" else {}
        return optax.contrib.muon(
            schedule, beta=k["momentum"], eps=k["epsilon"], weight_decay=k["weight_decay"],
            nesterov=ahead == "yes", **own,
        )  # fmt: skip

    oracle = optax_oracle(build, {"m": "mu"})
    same(matrices(shape), knobs, {"gather": "corrected", "ahead": ahead, "scale": scale}, oracle)


def same(course, knobs, choices, oracle, atol=1e-11):
    """The rule's steps are the oracle's, 40 times 1e-13 apart, and so is the state."""
    ours, state = walk(rules.muon, *course, knobs, choices)
    theirs, their_state = oracle(*course, knobs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
    np.testing.assert_allclose(state.m, their_state["m"], rtol=1e-12, atol=1e-14)
    assert np.abs(ours - course[0]).max() > 0.25


def test_sum_and_mean_step_alike_where_epsilon_has_no_weight():
    course, knobs = matrices((4, 3)), {"epsilon": 0.0}
    ours, theirs = (walk(rules.muon, *course, knobs, {"gather": gather}) for gather in ("mean", "sum"))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(ours[1].m, 0.05 * theirs[1].m, rtol=1e-12)


@every_shape
def test_a_transposed_matrix_moves_transposed_and_a_turned_one_turned(shape):
    start, gradients, rates = matrices(shape)
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(shape[0], shape[0])))[0]
    straight, _ = walk(rules.muon, start, gradients, rates, {})
    across, _ = walk(rules.muon, start.T, gradients.swapaxes(1, 2), rates, {})
    turned, _ = walk(rules.muon, turn @ start, turn @ gradients, rates, {})
    np.testing.assert_allclose(across.T, straight, rtol=0, atol=1e-11)
    np.testing.assert_allclose(turned, turn @ straight, rtol=0, atol=1e-11)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_compiled_or_not(library, dtype):
    course = matrices((4, 3), count=10)
    exact, _ = walk(rules.muon, *course, {})
    with jax.enable_x64(dtype == "float64"):
        start, gradients = (values.astype(dtype) for values in course[:2])
        near, state = walk(rules.muon, start, gradients, course[2], {}, array=LIBRARIES[library])
        assert near.dtype == state.m.dtype == LIBRARIES[library](start).dtype
        # Ten steps of at most 0.11 * 0.2 * 2, rounded by 6e-8 in fifteen products, whose errors grow 500 times.
        np.testing.assert_allclose(plain(near), exact, rtol=0, atol=1e-5 if dtype == "float32" else 1e-11)


def test_jit_and_vmap_compile_once():
    traces = []

    def counted(g, state, t, parameter, rate):
        traces.append(t)
        return rules.muon(g, state, t, parameter=parameter, learning_rate=rate)

    start, gradients, _ = (jnp.float32(values) for values in matrices((4, 3), count=4))
    compiled, lanes = jax.jit(counted), jax.jit(jax.vmap(counted, in_axes=(0, 0, None, 0, None)))
    state = rules.initial_state(rules.muon, start)
    pair = jax.tree.map(lambda part: jnp.stack([part, part]), state)
    for t, g in enumerate(gradients, start=1):
        one, state = compiled(g, state, jnp.int32(t), start, 0.1 / t)
        both, pair = lanes(jnp.stack([g, 2 * g]), pair, jnp.int32(t), jnp.stack([start, start]), 0.1 / t)
        np.testing.assert_allclose(both[0], one, rtol=0, atol=1e-5)
        np.testing.assert_allclose(both[1], one, rtol=0, atol=1e-5)  # only a gradient's direction counts
    assert len(traces) == 2


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_zero_gradients_move_nothing_and_nan_is_reported(dtype):
    zero = np.zeros((2, 3), dtype)
    for epsilon in (1e-7, 0.0):
        step, state = rules.muon(zero, rules.MuonState(zero), 1, parameter=zero, learning_rate=0.1, epsilon=epsilon)
        np.testing.assert_array_equal(step, zero)
        assert step.dtype == state.m.dtype == dtype
    step, _ = rules.muon(zero + np.nan, rules.MuonState(zero), 1, parameter=zero, learning_rate=0.1)
    assert np.isnan(step).all()


def test_reaches_the_matrix_it_is_asked_for():
    target = np.random.default_rng(1).normal(size=(3, 4))
    point, state = np.zeros((3, 4)), rules.MuonState(np.zeros((3, 4)))
    for t in range(1, 2001):
        rate = 0.1 * (1 - (t - 1) / 2000)
        step, state = rules.muon(point - target, state, t, parameter=point, learning_rate=rate)
        point = point + step
    np.testing.assert_allclose(point, target, rtol=0, atol=1e-3)  # the last steps are 0.1 / 2000 * 0.4


@pytest.mark.parametrize("array", [np.ones(3), np.ones((2, 2, 2)), jnp.ones(()), torch.ones(4)])
def test_what_is_no_matrix_is_refused_and_the_fallback_named(array):
    assert rules.muon.fallback is rules.adamw
    with pytest.raises(
        InputError, match=rf"^Muon moves matrices; received .* {re.escape(str(tuple(array.shape)))}\. Try Ad"
    ):
        rules.muon(array, rules.MuonState(array), 1, parameter=array, learning_rate=0.1)
