"""The optax drop-ins inside optax's wrappers, and what a compiled step needs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest.optax

from .test_optax import gradients, native_of, trained


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "lion", "muon"])
def test_injected_hyperparameters_change_under_jit_without_compiling_again(name):
    """The rate, a knob and the weight decay are set between steps, as optax's own are."""
    knob = {"sgd": "momentum", "muon": "beta"}.get(name, "b1")
    decay = {} if name in ("sgd", "adam") else {"weight_decay": 0.125}
    ends = []
    with jax.enable_x64(True):
        for library in (steepest.optax, optax):
            make = getattr(library, name) if library is steepest.optax else native_of(name)
            static = "ns_steps" if name == "muon" else ()
            transformation = optax.inject_hyperparams(make, static_args=static)(
                learning_rate=0.01, **{knob: 0.75}, **decay
            )
            parameters, traces = {"w": jnp.ones((3, 4)), "b": jnp.ones(5)}, []
            state = transformation.init(parameters)

            @jax.jit
            def step(parameters, state, g, of=transformation, traces=traces):
                traces.append(1)
                updates, state = of.update(g, state, parameters)
                return optax.apply_updates(parameters, updates), state

            rows = gradients(40)
            for place in range(40):
                g = {name: jnp.asarray(row[place]) for name, row in rows.items()}
                given = state.hyperparams
                given["learning_rate"] = jnp.asarray(0.01 / (1 + place), given["learning_rate"].dtype)
                given[knob] = jnp.asarray(0.75 if place % 2 else 0.5, given[knob].dtype)
                parameters, state = step(parameters, state, g)
            assert len(traces) == 1
            ends.append(parameters)
    for leaf, parameter in ends[1].items():
        np.testing.assert_allclose(ends[0][leaf], parameter, rtol=1e-10)
    assert np.abs(np.asarray(ends[0]["w"]) - 1).max() > 1e-3


def test_what_picks_the_method_is_not_injected():
    transformation = optax.inject_hyperparams(steepest.optax.muon)(learning_rate=0.01)
    state = transformation.init(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"ns_steps of muon .* traced array. Try .*muon, static_args=\('ns_steps',\)"):
        jax.jit(transformation.update)(jnp.ones((2, 3)), state, jnp.ones((2, 3)))


def test_masks_may_be_functions_and_leave_other_leaves_alone():
    def matrices(tree):
        return jax.tree.map(lambda leaf: leaf.ndim == 2, tree)

    decay = optax.masked(optax.add_decayed_weights(0.1), matrices)
    with jax.enable_x64(True):
        for wrap in (
            lambda library: library.adamw(1e-2, weight_decay=0.125, mask=matrices),
            lambda library: optax.masked(library.adamw(1e-2), matrices),
            lambda library: optax.chain(optax.clip(0.5), library.rmsprop(1e-2, momentum=0.9), decay),
            lambda library: optax.apply_if_finite(library.nadam(1e-2), 3),
            lambda library: optax.flatten(library.adam(1e-2)),
        ):
            ours, _ = trained(wrap(steepest.optax), steps=40)
            theirs, _ = trained(wrap(optax), steps=40)
            for leaf, parameter in theirs.items():
                np.testing.assert_allclose(ours[leaf], parameter, rtol=1e-10)


def test_a_gradient_that_is_not_finite_leaves_the_state_to_optax_s_guard():
    """optax's guard keeps the state where a gradient is infinite, and the drop-in's count with it."""
    transformation = optax.apply_if_finite(steepest.optax.adam(1e-2), 5)
    state = transformation.init(jnp.ones(2))
    _, state = transformation.update(jnp.array([1.0, jnp.inf]), state)
    assert int(optax.tree.get(state, "count")) == 0
    updates, state = transformation.update(jnp.ones(2), state)
    assert int(optax.tree.get(state, "count")) == 1
    np.testing.assert_allclose(updates, -1e-2, rtol=1e-5)


def test_a_jitted_step_needs_no_memory_besides():
    """Parameters and state are given back; momentum's velocity is not copied, though the rule has it with a minus."""
    size = 4096
    for name, options in (("sgd", {"momentum": 0.9}), ("sgd", {"momentum": 0.9, "nesterov": True}), ("adam", {})):
        transformation = getattr(steepest.optax, name)(1e-2, **options)
        parameters = jnp.ones(size)

        def step(parameters, state, g, of=transformation):
            updates, state = of.update(g, state, parameters)
            return optax.apply_updates(parameters, updates), state

        arguments = parameters, transformation.init(parameters), parameters
        told = jax.jit(step, donate_argnums=(0, 1)).lower(*arguments).compile().memory_analysis()
        besides = told.temp_size_in_bytes + told.output_size_in_bytes - told.alias_size_in_bytes
        assert besides < 1024, (name, options)
