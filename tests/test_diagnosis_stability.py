"""Limits of stability beside the rules themselves on parabolas, and what a Hessian looks like to an optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import rules
from steepest.diagnosis import preconditioner, sharpness, stability_limit
from steepest.training import Settings, Training

RATE, LATE = 0.1, 10**15
# Squares of gradients as if they had always been 1 and stayed so; of Adamax the largest.
FROZEN = {"b2": 1 - 1e-12}
CASES = {
    "sgd": (st.SGD(RATE), rules.SGDState(), {}),
    "momentum": (st.Momentum(RATE, momentum=0.8), rules.MomentumState(), {"momentum": 0.8}),
    "nesterov": (st.Nesterov(RATE, momentum=0.8), rules.MomentumState(), {"momentum": 0.8}),
    "adam": (st.Adam(RATE, b1=0.7), rules.AdamState(v=1.0), {"b1": 0.7, **FROZEN}),
    "adamw": (st.AdamW(RATE, b1=0.7), rules.AdamState(v=1.0), {"b1": 0.7, "weight_decay": 0.0, **FROZEN}),
    "nadam": (st.Nadam(RATE, b1=0.7), rules.NadamState(v=1.0, mu_product=0.0), {"b1": 0.7, **FROZEN}),
    "adamax": (st.Adamax(RATE, b1=0.7), rules.AdamaxState(u=1.0), {"b1": 0.7, **FROZEN}),
    "rmsprop": (st.RMSProp(RATE), rules.RMSPropState(v=1.0), {"decay": 1 - 1e-12}),
}


@pytest.mark.parametrize("name", CASES)
def test_just_below_the_limit_steps_shrink_and_just_above_they_grow(name):
    optimizer, state, knobs = CASES[name]
    rule = rules.find(name)
    takes_parameter = rules.wants_parameter(rule)
    limit = stability_limit(optimizer)

    def after(curvature, steps=3000):
        x, held = 1e-6, state
        for _ in range(steps):
            more = {"parameter": x} if takes_parameter else {}
            step, held = rule(curvature * x, held, LATE, learning_rate=RATE, **knobs, **more)
            x += step
            if abs(x) > 1e-4:  # further on the squares of these gradients would count
                break
        return abs(x)

    assert after(0.98 * limit) < 1e-7
    assert after(1.02 * limit) > 1e-5


def test_a_rule_whose_limit_is_not_known_has_none():
    assert stability_limit(st.Lion(1e-4)) is None
    assert stability_limit(st.SGD(st.schedules.Cosine(0.1, 0.0, 10)), step=10) == np.inf


@pytest.mark.parametrize("make", [lambda: st.Adam(0.01), lambda: st.RMSProp(0.01), lambda: st.Adagrad(0.1)])
def test_the_hessian_as_an_optimizer_sees_it_is_that_of_dense_float64(make):
    problem, optimizer = st.network(st.read("iris"), hidden=(4,), activation="tanh"), make()
    (instance,) = problem.instances([0])
    training = Training(problem, instance, optimizer, Settings(5, 16, None), seed=0)
    training.go(5)
    found = sharpness(instance.loss, (training.parameters, training.state), instance.train, optimizer)
    p = jnp.concatenate([jnp.ravel(x) for x in jax.tree.leaves(
        preconditioner(optimizer, training.state, training.parameters))])  # fmt: skip
    with jax.enable_x64(True):
        flat, back = jax.flatten_util.ravel_pytree(
            jax.tree.map(lambda x: jnp.asarray(np.asarray(x), jnp.float64), training.parameters)
        )
        batch = tuple(
            jnp.asarray(np.asarray(x), jnp.float64 if x.dtype.kind == "f" else x.dtype) for x in instance.train
        )
        dense = np.asarray(jax.hessian(lambda v: instance.loss(back(v), batch))(flat))
    seen = dense / np.sqrt(np.outer(p, p))
    assert found.highest == pytest.approx(np.linalg.eigvalsh(seen)[-1], rel=1e-3)
    assert found.limit == stability_limit(optimizer)
