"""Instruments inside the compiled step: each beside a plain loop in float64, and the run as it is without them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import steepest as st
from steepest import functions
from steepest.diagnosis import Economy, PerSample, glance, gradient_noise, observe, record
from steepest.training import Settings, Training

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "logistic", "gelu", "silu", "linear")


def observed(problem, optimizer, observer, *, epochs=2, batch_size=16, start=None):
    (instance,) = problem.instances([0])
    settings = Settings(epochs, batch_size, None)
    training = Training(problem, instance, optimizer, settings, seed=0, warm=start, observer=observer)
    training.go(epochs)
    return instance, training


def looped(problem, instance, optimizer, steps):
    """Steps taken one by one: (parameters, batch, gradients, steps) of each."""
    from steepest.problems import start
    from steepest.training import minibatches

    parameters, key = start(instance.init, 0)
    state, taken = optimizer.init(parameters, key), []
    gradient, update = jax.jit(jax.grad(instance.loss)), jax.jit(optimizer.update)
    rows = minibatches(instance.rows, 16, seed=0, first_epoch=0, epochs=2).reshape(-1, 16)
    for one in rows[:steps]:
        batch = jax.tree.map(lambda array, one=one: array[one], instance.train)
        gradients = gradient(parameters, batch)
        moved, state = update(gradients, state, parameters)
        taken.append((parameters, batch, gradients, moved))
        parameters = jax.tree.map(jnp.add, parameters, moved)
    return taken


def flat(tree):
    return np.asarray(ravel_pytree(tree)[0], np.float64)


@pytest.mark.parametrize("make", [lambda: st.SGD(0.1), lambda: st.Adam(0.01)], ids=["sgd", "adam"])
def test_the_economy_tier_tells_norms_and_angles_of_every_step(make):
    problem, optimizer = st.network(st.read("wine"), hidden=(5,), activation="tanh"), make()
    instance, training = observed(problem, optimizer, Economy())
    seen, taken = training.observed, looped(problem, instance, optimizer, 9)
    before = None
    for t, (parameters, batch, gradients, moved) in enumerate(taken):
        g, s, p, p0 = flat(gradients), flat(moved), flat(parameters), flat(taken[0][0])
        sizes = [np.sum(np.asarray(leaf, np.float64) ** 2) for leaf in jax.tree.leaves(gradients)]
        np.testing.assert_allclose(seen.gradients[t], sizes, rtol=2e-4, atol=1e-12)
        assert seen.steps[t].sum() == pytest.approx(s @ s, rel=1e-3)
        assert seen.parameters[t].sum() == pytest.approx(p @ p, rel=1e-4)
        assert seen.distance[t] == pytest.approx((p - p0) @ (p - p0), rel=1e-3, abs=1e-12)
        assert seen.loss[t] == pytest.approx(float(instance.loss(parameters, batch)), rel=1e-5)
        turn = 0.0 if before is None else g @ before / np.sqrt((g @ g) * (before @ before))
        assert seen.turn[t] == pytest.approx(turn, abs=1e-3)
        before = g


def test_of_large_arrays_some_rows_tell_lengths_to_a_tenth_and_sums_are_whole():
    problem, optimizer = st.network(st.read("digits"), hidden=(256,)), st.SGD(0.1)
    instance, training = observed(problem, optimizer, Economy())
    seen, taken = training.observed, looped(problem, instance, optimizer, 12)
    for t, (parameters, _, gradients, _) in enumerate(taken):
        g, p, p0 = flat(gradients), flat(parameters), flat(taken[0][0])
        assert seen.gradients[t].sum() == pytest.approx(g @ g, rel=1e-3)
        assert np.sqrt(seen.parameters[t].sum()) == pytest.approx(np.linalg.norm(p), rel=0.1)
        assert np.sqrt(seen.distance[t]) == pytest.approx(np.linalg.norm(p - p0), rel=0.1, abs=1e-6)


def test_a_run_that_is_looked_on_goes_as_one_that_is_not():
    problem = st.network(st.read("wine"), hidden=(5,))
    for observer in (Economy(), PerSample()):
        _, training = observed(problem, st.Adam(0.01), observer, epochs=3)
        plain = st.fit(problem, st.Adam(0.01), epochs=3, batch_size=16, patience=None)
        for mine, theirs in zip(jax.tree.leaves(training.run().last), jax.tree.leaves(plain.last), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_scatter_of_a_minibatch_is_that_of_a_loop_over_its_rows(activation):
    problem, optimizer = st.network(st.read("wine"), hidden=(6, 4), activation=activation), st.SGD(0.05)
    instance, training = observed(problem, optimizer, PerSample())
    told = training.observed.aside
    for t, (parameters, batch, *_) in enumerate(looped(problem, instance, optimizer, 4)):
        expected = gradient_noise(instance.loss, parameters, batch)
        assert told.squared_norm[t] == pytest.approx(expected.squared_norm, rel=1e-3)
        assert told.variance[t] == pytest.approx(expected.variance, rel=1e-3)
        assert told.along[t] == pytest.approx(expected.along, rel=2e-3)
        assert told.informative[t] == pytest.approx(expected.informative, abs=2)
        assert told.signal[t] == pytest.approx(expected.signal, rel=5e-2)
        noise = type(told)(*(one[t] for one in told)).noise(16, expected.parameters)
        assert noise.norm_test == pytest.approx(expected.norm_test, rel=1e-3)
        assert noise.inner_product_test == pytest.approx(expected.inner_product_test, rel=2e-3)


def test_the_scatter_of_weighted_rows_and_of_a_loss_of_ones_own():
    table = st.read("breast-cancer")
    weighted = st.network(table, hidden=(4,), class_weight="balanced")
    data = (np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32), np.ones(40, np.float32))
    own = st.Problem({"w": np.ones(3, np.float32)}, lambda p, b: jnp.mean((b[0] @ p["w"] - b[1]) ** 2), data)
    for problem in (weighted, own):
        instance, training = observed(problem, st.SGD(0.01), PerSample())
        told = training.observed.aside
        parameters, batch, *_ = looped(problem, instance, st.SGD(0.01), 1)[0]
        expected = gradient_noise(instance.loss, parameters, batch)
        assert told.variance[0] == pytest.approx(expected.variance, rel=1e-3)
        assert told.along[0] == pytest.approx(expected.along, rel=1e-3)


def test_without_rows_nothing_scatters():
    _, training = observed(functions.booth(), st.SGD(0.01), PerSample(), batch_size=None)
    assert training.observed.aside == ()


def test_a_record_is_the_run_once_more():
    run = st.fit(st.network(st.read("iris"), hidden=(6,)), st.Adam(0.01), epochs=7)
    again = record(run, places=4)
    np.testing.assert_allclose(again.run.curves["train_loss"], run.curves["train_loss"], rtol=1e-4)
    assert [one.epoch for one in again.snapshots] == [0, 2, 4, 7]
    assert len(again.seen.loss) == run.steps
    np.testing.assert_allclose(flat(again.snapshots[-1].parameters), flat(run.last), rtol=1e-3, atol=1e-5)


def test_the_full_tier_looks_as_the_clock_allows():
    found = observe(st.network(st.read("iris"), hidden=(4,)), st.Adam(0.01), tier="full", epochs=4, share=1e6)
    assert [one.epoch for one in found.looks] == [0, 2, 3, 4]  # the first epoch compiles and is not counted
    last = found.looks[-1]
    assert last.spectrum.exact
    assert last.sharpness.limit == pytest.approx(3800)
    assert len(last.units) == 1
    assert last.noise.rows == 90
    assert last.step is not None
    assert last.missing == ()
    last = found.looks[-1]
    assert last.epoch == 4
    rare = observe(st.network(st.read("iris"), hidden=(4,)), st.Adam(0.01), tier="full", epochs=4, share=1e-9)
    assert [one.epoch for one in rare.looks] == [0, 4]  # the start, and the end


def test_an_optimizer_may_be_a_name():
    plain = observe(functions.booth(), "sgd", epochs=3).run
    assert plain.optimizer.name == "sgd"
    assert observe(functions.booth(), epochs=1).run.optimizer.name == "adam"


def test_tiers_and_shares_that_are_none_are_refused():
    with pytest.raises(st.InputError, match=r"tier 'ful'\. Did you mean 'full'"):
        observe(functions.booth(), st.SGD(0.01), tier="ful")
    with pytest.raises(st.InputError, match="share must be positive; received 0"):
        observe(functions.booth(), st.SGD(0.01), tier="full", share=0)


def test_what_has_no_second_derivative_still_tells_the_rest():
    @jax.custom_vjp
    def kinked(x):
        return jnp.sum(x**2)

    kinked.defvjp(lambda x: (kinked(x), x), lambda x, g: (2 * g * x,))
    problem = st.Problem(np.ones(3, np.float32), kinked)
    found = observe(problem, st.SGD(0.1), tier="full", epochs=3, share=1e6)
    assert found.looks[0].spectrum is None
    assert "second derivative" in found.looks[0].missing[0]
    assert found.looks[0].gradients[0] == pytest.approx(np.sqrt(12))


def test_a_glance_tells_of_jumps():
    seen = record(st.fit(functions.booth(), st.SGD(0.01), epochs=20, patience=None)).seen
    assert "jumped" not in glance(seen)
    jumped = seen._replace(gradients=np.where(np.arange(20)[:, None] == 15, 1e4, 1.0) * np.ones_like(seen.gradients))
    assert "jumped 100-fold" in glance(jumped)
    lost = seen._replace(gradients=np.full_like(seen.gradients, np.nan))
    assert "not finite" in glance(lost)
