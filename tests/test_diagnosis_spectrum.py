"""The spectrum of a Hessian beside a dense one in float64, of functions whose spectrum is known, and of networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import steepest as st
from steepest import functions
from steepest.diagnosis import spectrum

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "logistic", "gelu", "silu", "linear")


def dense(loss, parameters, batch):
    """All eigenvalues in float64, ascending, of a Hessian formed by JAX's own forward-over-reverse."""
    with jax.enable_x64(True):
        flat, unravel = ravel_pytree(jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64), parameters))
        wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64) if leaf.dtype.kind == "f" else leaf, batch)
        return np.linalg.eigvalsh(np.asarray(jax.jit(jax.hessian(lambda one: loss(unravel(one), wide)))(flat)))


def network(activation, hidden=(6, 5)):
    problem = st.network(st.read("iris"), hidden=hidden, activation=activation)
    (instance,) = problem.instances([0])
    batch = jax.tree.map(np.asarray, instance.train)
    return instance.loss, instance.init(jax.random.key(1)), batch


@functools.cache
def beside_dense(activation):
    return (*network(activation), dense(*network(activation)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_of_networks_the_whole_hessian_is_that_of_float64(activation):
    loss, parameters, batch, truth = beside_dense(activation)
    found = spectrum(loss, parameters, batch)
    size = np.abs(truth).max()
    assert found.exact
    assert found.parameters == len(truth)
    assert np.abs(found.nodes - truth).max() <= 2e-5 * size
    assert (found.lowest, found.highest) == pytest.approx((truth[0], truth[-1]), abs=2e-5 * size)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lanczos_finds_both_ends_within_its_residuals(activation):
    loss, parameters, batch, truth = beside_dense(activation)
    found = spectrum(loss, parameters, batch, exact=0, steps=60)
    size = np.abs(truth).max()
    assert not found.exact
    assert abs(found.lowest - truth[0]) <= found.lowest_residual + 2e-5 * size
    assert abs(found.highest - truth[-1]) <= found.highest_residual + 2e-5 * size
    assert max(found.lowest_residual, found.highest_residual) <= 1e-3 * size
    assert found.weights.sum() == pytest.approx(1.0)


def test_the_vectors_are_eigenvectors():
    loss, parameters, batch = network("tanh")
    for exact in (0, 3000):
        found = spectrum(loss, parameters, batch, exact=exact, steps=60)
        for value, vector in ((found.lowest, found.lowest_vector), (found.highest, found.highest_vector)):
            turned = jax.jvp(lambda at: jax.grad(loss)(at, batch), (parameters,), (vector,))[1]
            flat, length = ravel_pytree(vector)[0], np.linalg.norm(ravel_pytree(vector)[0])
            assert length == pytest.approx(1.0, rel=1e-5)
            assert np.abs(ravel_pytree(turned)[0] - value * flat).max() <= 1e-3 * found.highest


@pytest.mark.parametrize("exact", [0, 3000])
@pytest.mark.parametrize("rotated", [False, True])
def test_a_quadratic_has_the_condition_and_the_density_it_was_made_with(exact, rotated):
    """Of 1, 10, 100, 1000 and 10000 the middle is 100: the condition is 100. Five steps span all five dimensions."""
    surface = functions.quadratic(1e4, dimensions=5, rotated=rotated)
    found = spectrum(lambda p, _: surface.value(p), jnp.ones(5), exact=exact, probes=1)
    assert (found.lowest, found.highest) == pytest.approx((1.0, 1e4), rel=2e-2 if exact == 0 else 1e-3, abs=0.1)
    assert found.negative == 0
    if exact:
        assert found.condition == pytest.approx(100, rel=1e-3)
        assert found.nodes == pytest.approx(np.geomspace(1, 1e4, 5), rel=1e-2)


def test_the_density_of_lanczos_gives_the_trace():
    """Of random starts v, the mean of v'Hv / v'v is the trace over the dimension; a quadrature of H keeps it."""
    surface = functions.quadratic(100.0, dimensions=40, rotated=True)
    found = spectrum(lambda p, _: surface.value(p), jnp.ones(40), exact=0, probes=60, steps=20)
    trace = np.geomspace(1, 100, 40).mean()
    assert found.nodes @ found.weights == pytest.approx(trace, rel=0.1)


def test_a_saddle_has_its_share_of_negative_eigenvalues_and_the_gradient_along_the_highest():
    """5 x^2 - y^2 at (1, 1): the gradient (10, -2) has 100 / 104 of its square along x, the highest."""
    found = spectrum(lambda p, _: functions.strict_saddle().value(p), jnp.array([1.0, 1.0]))
    assert (found.lowest, found.highest, found.negative) == pytest.approx((-2, 10, 0.5))
    assert found.gradient == pytest.approx(100 / 104)
    assert np.abs(found.lowest_vector) == pytest.approx([0, 1])


@pytest.mark.parametrize("exact", [0, 3000])
def test_a_preconditioner_scales_the_spectrum(exact):
    """Of diag(1, 100) scaled by S = diag(2, 1/10), S H S = diag(4, 1)."""
    surface = functions.quadratic(100.0)
    found = spectrum(lambda p, _: surface.value(p), jnp.ones(2), scale=jnp.array([2.0, 0.1]), exact=exact)
    assert (found.lowest, found.highest) == pytest.approx((1.0, 4.0), rel=1e-4)


def test_a_space_that_is_spent_has_no_copies():
    """The identity times 3 has one eigenvalue: the first step spends the space, however many were asked for."""
    found = spectrum(lambda p, _: 1.5 * jnp.sum(p**2), jnp.ones(50), exact=0, steps=30)
    assert found.nodes == pytest.approx([3.0])
    assert found.highest_residual < 1e-4


def test_multiplying_the_loss_multiplies_the_spectrum():
    loss, parameters, batch = network("tanh")
    one, thousand = (spectrum(lambda p, b, k=k: k * loss(p, b), parameters, batch) for k in (1.0, 1000.0))
    assert thousand.nodes == pytest.approx(1000 * one.nodes, rel=1e-3, abs=1e-3 * one.highest)
    assert thousand.gradient == pytest.approx(one.gradient, rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "parameters", "message"),
    [
        (lambda p, _: jnp.sum(jnp.log(p)), jnp.array([-1.0]), "The loss is nan at these parameters"),
        (lambda p, _: jnp.sum(jnp.sqrt(p)), jnp.array([0.0]), "no second derivative at these parameters"),
        (lambda p, _: jnp.float32(0), {}, "The parameters are empty"),
    ],
)
def test_what_has_no_curvature_is_answered_by_a_sentence(loss, parameters, message):
    with pytest.raises(st.InputError, match=message):
        spectrum(loss, parameters)
