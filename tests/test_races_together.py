"""The rules of a race as one: each moves as it does alone, and one program serves them all."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import rules
from steepest.arrays import Array, Scalar, sqrt
from steepest.optimizer import Optimizer, optimizer
from steepest.races import plan_race, race
from steepest.races._execute import Crew
from steepest.races._together import together
from steepest.schedules import Constant
from steepest.training import Settings


class CountedState(NamedTuple):
    """Fields of both kinds, and first values that no other rule has."""

    steps: Scalar = 0.0
    s: Array = 0.1
    largest: Array = 0.0


@rules.rule(CountedState)
def counted(g, state, t, *, learning_rate, strength=0.5):
    s = state.s + g * g
    largest = jnp.maximum(state.largest, abs(g))
    step = -learning_rate * strength * g / (sqrt(s) + largest) / (1 + state.steps)
    return step, CountedState(state.steps + 1, s, largest)


ALL = [optimizer(name) for name in [*rules.RULES, "amsgrad", "adamw", "lion"]]
ALL += [Optimizer(counted, {"strength": 0.7}, Constant(0.1))]


def states_by_field(one: Optimizer, parameters, gradients):
    state = one.init(parameters)
    for g in gradients:
        steps, state = jax.jit(Optimizer.update)(one, g, state, parameters)
        parameters = jax.tree.map(jnp.add, parameters, steps)
    return parameters


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_each_moves_as_it_does_alone(one):
    drawn = np.random.default_rng(0).standard_normal((20, 4, 3)).astype(np.float32)
    gradients = [{"w": jnp.asarray(g), "b": jnp.asarray(g[0])} for g in drawn]
    start = {"w": jnp.ones((4, 3)), "b": jnp.zeros(3)}
    alone = states_by_field(one, start, gradients)
    shared = states_by_field(together(ALL)(one), start, gradients)
    for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(shared), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-7)  # some ten roundings a step, twenty steps


def test_one_program_serves_all_of_them(monkeypatch):
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **about: compiled.append(about.get("fun_name")) if "backend_compile" in event else None
    )
    # A loss of its own, so that nothing is compiled yet.
    problem = st.Problem(jnp.array([1.0, 2.0]), lambda w: jnp.sum(w**4))
    try:
        raced = race(problem, list(ALL), learning_rates=2, seeds=2, confirm_seeds=0, epochs=2)
    finally:
        jax.monitoring.clear_event_listeners()
    assert len(raced.runs) == len(ALL) * 4
    assert sum("train_epochs" in str(name) for name in compiled) == 1


def test_a_race_of_one_optimizer_runs_it_as_it_is():
    assert together([st.Adam()])(st.Adam(1e-2)) == st.Adam(1e-2)


def test_a_rule_that_looks_ahead_runs_as_it_is():
    ahead = optimizer("nesterov_lookahead")
    as_one = together([st.SGD(), st.Adam(), ahead])
    assert as_one(ahead) is ahead
    assert as_one(st.Adam()).rule is as_one(st.SGD()).rule


def test_a_rule_that_wants_whole_arrays_runs_as_it_is():
    muon = optimizer("muon")
    as_one = together([st.SGD(), st.Adam(), muon])
    assert as_one(muon) is muon


def test_rules_of_every_kind_race_on_layers():
    start = {"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)}
    problem = st.Problem(start, lambda p: jnp.sum((p["w"] - 0.3) ** 2) + jnp.sum((p["b"] + 0.2) ** 2))
    names = ["adam", "adamw", "lion", "muon", "nesterov_lookahead"]
    raced = race(problem, names, learning_rates=[0.01], seeds=1, confirm_seeds=0, epochs=30)
    assert raced.runs["optimizer"].to_list() == names
    for name, reached in zip(names, raced.runs["best_validation_loss"], strict=True):
        alone = st.fit(problem, optimizer(name, 0.01), epochs=30)
        assert reached == pytest.approx(alone.best_loss, rel=1e-4, abs=1e-6)  # 30 steps in float32
        assert reached < 0.6  # of 0.62 at the start


def test_the_parameters_are_joined_only_where_a_rule_wants_them():
    plain, decaying = (together([st.SGD(), other])(st.SGD()).rule for other in (st.Adam(), st.AdamW()))
    assert (rules.wants_parameter(plain), rules.wants_parameter(decaying)) == (False, True)


def test_runs_name_the_optimizer_they_were_given():
    problem = st.Problem(jnp.array([1.0, 2.0]), lambda w: jnp.sum(w**2))
    plan = plan_race(["adam", "sgd"], learning_rates=[0.1], seeds=1, confirm_seeds=0, settings=Settings(epochs=1))
    crew = Crew(problem, plan, known={})
    crew.train(plan.entries(), 1)
    told = [(one.number, one.row["run"], one.row["optimizer"]) for one in crew.of(plan.entries())]
    assert told == [(0, 0, "adam"), (1, 1, "sgd")]
