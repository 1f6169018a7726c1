"""What the optax drop-ins are given: kinds of leaves as optax takes them, and what is wrong refused in a sentence."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest.optax

COMPLEX = jnp.array([1 + 2j, 3 - 1j])


def two_steps(transformation, params, g):
    state = transformation.init(params)
    _, state = transformation.update(g, state, params)
    return transformation.update(g, state, params)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad", "nadam", "amsgrad", "adadelta", "radam"])
def test_complex_arrays_that_would_be_squared_are_refused(name):
    transformation = getattr(steepest.optax, name)(0.1)
    with pytest.raises(ValueError, match=rf"{name} moves real arrays; received complex64\. Try"):
        transformation.init(COMPLEX)
    with pytest.raises(ValueError, match=rf"{name} moves real arrays; received complex64"):
        transformation.update(COMPLEX, transformation.init(jnp.ones(2)), jnp.ones(2))
    split = optax.contrib.split_real_and_imaginary(transformation)  # as the sentence has it
    updates, _ = split.update(COMPLEX, split.init(COMPLEX), COMPLEX)
    assert jnp.iscomplexobj(updates)


@pytest.mark.parametrize(
    ("name", "options"), [("sgd", {}), ("sgd", {"momentum": 0.9, "nesterov": True}), ("adamax", {}), ("lion", {})]
)
def test_complex_arrays_move_as_optax_s_where_nothing_is_squared(name, options):
    ours, theirs = (
        two_steps(getattr(library, name)(0.1, **options), COMPLEX, COMPLEX)[0] for library in (steepest.optax, optax)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam", "muon"])
def test_no_leaves_are_moved_without_a_word(name):
    make = getattr(steepest.optax, name)
    updates, state = two_steps(make(0.1), {}, {})
    assert (updates, int(state.count)) == ({}, 2)
    for wrapped in (
        optax.masked(make(0.1), {"w": False}),
        optax.multi_transform({"a": optax.sgd(0.1), "unused": make(0.1)}, {"w": "a"}),
    ):
        updates, _ = two_steps(wrapped, {"w": jnp.ones(2)}, {"w": jnp.ones(2)})
        assert jnp.isfinite(updates["w"]).all()


@pytest.mark.parametrize(("name", "kind"), [("adam", "float32"), ("rmsprop", "float32"), ("sgd", "bfloat16")])
def test_updates_are_as_wide_as_the_parameters_beside_narrow_gradients(name, kind):
    params, g = jnp.ones(3), jnp.array([0.3, 0.7, 0.123], jnp.bfloat16)
    ours, theirs = (two_steps(getattr(library, name)(1e-3), params, g)[0] for library in (steepest.optax, optax))
    assert (ours.dtype, theirs.dtype) == (kind, kind)
    np.testing.assert_allclose(np.float32(ours), np.float32(theirs), rtol=1e-2)
    exact, _ = two_steps(getattr(steepest.optax, name)(1e-3), params, g.astype(jnp.float32))
    if kind == "float32":
        np.testing.assert_array_equal(ours, exact)
    narrow, _ = two_steps(getattr(steepest.optax, name)(1e-3), params.astype(jnp.bfloat16), g)
    assert narrow.dtype == jnp.bfloat16


@pytest.mark.parametrize("name", ["rmsprop", "adagrad"])
def test_where_the_state_begins_may_be_injected_under_jit(name):
    ends = []
    for library in (steepest.optax, optax):
        transformation = optax.inject_hyperparams(getattr(library, name))(0.1)
        params = jnp.ones(3)
        state = transformation.init(params)
        update = jax.jit(transformation.update)
        for _ in range(3):
            updates, state = update(jnp.array([0.5, 1.0, 2.0]), state, params)
        ends.append(updates)
    np.testing.assert_allclose(*ends, rtol=1e-5)


def test_shapes_alone_and_plain_numbers_are_leaves_as_in_optax():
    shapes = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float16)}
    state = steepest.optax.adam(0.1).init(shapes)
    assert (state.mu["w"].shape, state.mu["w"].dtype) == ((2, 3), jnp.float32)
    ours, theirs = (two_steps(library.adamw(0.1), {"w": 1.0}, {"w": 0.5})[0] for library in (steepest.optax, optax))
    np.testing.assert_allclose(ours["w"], theirs["w"], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: steepest.optax.adam(-1), "learning_rate of adam .*; received -1. Try 1e-3"),
        (lambda: steepest.optax.adam(np.float32(-1)), "learning_rate of adam .*received .*-1.* Try 1e-3"),
        (lambda: steepest.optax.adam(jnp.float32(-1)), "learning_rate of adam must be zero or positive"),
        (lambda: steepest.optax.adam("x"), "learning_rate of adam must be zero or positive.* received 'x'. Try 1e-3"),
        (lambda: steepest.optax.adam([1e-3]), "learning_rate of adam must be"),
        (lambda: steepest.optax.adam(1j), "learning_rate of adam must be"),
        (lambda: steepest.optax.adam(1e-3, b1=None), r"b1 of adam must be in \[0, 1\); received None. Try 0.9"),
        (lambda: steepest.optax.adam(1e-3, b2=1), r"b2 of adam must be in \[0, 1\); received 1. Try 0.999"),
        (lambda: steepest.optax.sgd(0.1, momentum=-1), "momentum of sgd .* received -1. Try 0.9"),
        (lambda: steepest.optax.adamw(0.1, weight_decay=-1), "weight_decay of adamw .* received -1. Try 1e-4"),
        (lambda: steepest.optax.muon(0.1, beta=2), r"beta of muon must be in \[0, 1\); received 2. Try 0.95"),
        (lambda: steepest.optax.muon(0.1, adam_b1=2), r"adam_b1 of muon must be in \[0, 1\); received 2. Try 0.9"),
        (lambda: steepest.optax.radam(0.1, threshold=3), "threshold must be 4 or more.*received 3"),
        (lambda: steepest.optax.radam(0.1, threshold="x"), "threshold of radam must be a number; received 'x'. Try 5"),
        (lambda: steepest.optax.muon(0.1, adam_learning_rate=0.1), "muon with adam_learning_rate=0.1 has no equal"),
    ],
)
def test_arguments_that_are_no_such_numbers(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_numbers_may_be_arrays_and_schedules():
    for rate in (np.float32(0.1), jnp.float32(0.1), jnp.bfloat16(0.125), lambda count: 0.1 / (1 + count)):
        updates, _ = two_steps(steepest.optax.adam(rate), jnp.ones(2), jnp.ones(2))
        assert (np.asarray(updates) < 0).all()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: steepest.optax.adam(0.1, foo=1), r"^adam: got an unexpected keyword argument 'foo'. Allowed: learn"),
        (lambda: steepest.optax.adam(0.1, b_1=1), r"argument 'b_1'. Did you mean 'b1'\? Allowed: learning_rate, b1"),
        (steepest.optax.adam, r"^adam: missing a required argument: 'learning_rate'. Allowed: learning_rate"),
        (lambda: steepest.optax.adam(0.1, learning_rate=1), "^adam: multiple values .*Allowed: "),
    ],
)
def test_arguments_that_are_not_there_are_named_with_what_is(call, sentence):
    with pytest.raises(TypeError, match=sentence):
        call()


PARAMS = {"w": jnp.ones((2, 3)), "b": jnp.ones(3)}


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (
            lambda: steepest.optax.sgd(0.1).init(PARAMS),
            "has count, mu, nu here; received CountState. Make it with init",
        ),
        (lambda: optax.adam(0.1).init(PARAMS), "received ScaleByAdamState, EmptyState"),
        (lambda: {}, "received dict"),
        (lambda: (), "received an empty tuple"),
        (lambda: steepest.optax.adam(0.1).init({"w": jnp.ones((2, 3))}), "mu of adam has 1 leaves where the gradients"),
        (
            lambda: steepest.optax.adam(0.1).init({"w": jnp.ones((3, 2)), "b": jnp.ones(3)}),
            r"mu of adam has the shape \(3, 2\) where the gradient\['w'\] has \(2, 3\)",
        ),
    ],
)
def test_the_state_of_another_rule_or_of_other_parameters_is_refused_by_name(state, sentence):
    with pytest.raises(ValueError, match=sentence):
        steepest.optax.adam(0.1).update(PARAMS, state(), PARAMS)


def test_parameters_of_another_shape_are_refused_by_name():
    transformation = steepest.optax.adam(0.1)
    with pytest.raises(ValueError, match=r"params of adam has the shape \(3,\) where the gradient\['b'\] has \(2,\)"):
        transformation.update({"b": jnp.ones(2)}, transformation.init({"b": jnp.ones(2)}), {"b": jnp.ones(3)})
