"""Per-row gradient statistics beside explicit loops in float64, and by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import steepest as st
from steepest import functions
from steepest.diagnosis import gradient_noise

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "logistic", "gelu", "silu", "linear")


def looped(loss, parameters, batch):
    """The gradient of each row, float64 (rows, parameters), one at a time."""
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64), parameters)
        rows = jax.tree.leaves(batch)[0].shape[0]
        each = []
        for i in range(rows):
            row = jax.tree.map(
                lambda leaf, i=i: (
                    np.asarray(leaf[i : i + 1], np.float64) if leaf.dtype.kind == "f" else leaf[i : i + 1]
                ),
                batch,
            )
            each.append(np.asarray(ravel_pytree(jax.grad(loss)(wide, row))[0]))
    return np.array(each)


def network(activation, rows):
    problem = st.network(st.read("wine"), hidden=(5,), activation=activation)
    (instance,) = problem.instances([0])
    return instance.loss, instance.init(jax.random.key(1)), jax.tree.map(lambda a: np.asarray(a)[:rows], instance.train)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_statistics_are_those_of_a_loop_over_rows(activation):
    rows = 70  # a chunk of 64, and a rest
    loss, parameters, batch = network(activation, rows)
    found, each = gradient_noise(loss, parameters, batch), looped(loss, parameters, batch)
    mean, spread = each.mean(axis=0), each.var(axis=0, ddof=1)
    norm, trace = mean @ mean, spread.sum()
    assert (found.rows, found.parameters) == (rows, each.shape[1])
    assert found.squared_norm == pytest.approx(norm, rel=1e-4)
    assert found.variance == pytest.approx(trace, rel=1e-4)
    products = each @ mean
    across = each - np.outer(products / norm, mean)
    assert found.norm_test == pytest.approx(math.sqrt(trace / (rows * norm)), rel=1e-4)
    assert found.inner_product_test == pytest.approx(math.sqrt(products.var(ddof=1) / (rows * norm**2)), rel=1e-4)
    assert found.orthogonality_test == pytest.approx(
        math.sqrt((across**2).sum() / (rows - 1) / (rows * norm)), rel=1e-3
    )
    assert found.noise_scale == pytest.approx(trace / (norm - trace / rows), rel=1e-3)
    told = spread > 1e-14 * spread.max()
    assert found.signal == pytest.approx(np.mean(mean[told] ** 2 / spread[told]), rel=1e-2)
    assert found.evidence == pytest.approx(1 - rows * found.signal)
    assert found.batch_size(0.1, 2.0) == pytest.approx(0.1 * trace / 2, rel=1e-4)


def test_the_noise_of_a_function_is_the_noise_it_was_given():
    """Additive noise of 0.5 in each of two coordinates: tr S = 0.5; Rosenbrock's gradient at (-1.2, 1) is known."""
    problem = functions.noisy(functions.rosenbrock(), "additive", 0.5, rows=4096)
    (instance,) = problem.instances([0])
    found = gradient_noise(instance.loss, jnp.array([-1.2, 1.0]), instance.train)
    assert found.variance == pytest.approx(0.5, rel=0.05)
    assert found.squared_norm == pytest.approx(215.6**2 + 88**2, rel=1e-4)
    assert found.evidence < -100


def test_at_a_minimum_noise_is_all_there_is():
    problem = functions.noisy(functions.booth(), "additive", 0.5, rows=512)
    (instance,) = problem.instances([0])
    found = gradient_noise(instance.loss, jnp.array([1.0, 3.0]), instance.train)
    assert found.noise_scale == math.inf
    assert found.evidence > 0.9
    assert found.norm_test > 10


def test_rows_that_agree_have_no_noise():
    found = gradient_noise(lambda w, batch: w * jnp.mean(batch), jnp.array(2.0), jnp.full((5, 1), 3.0))
    assert (found.squared_norm, found.variance, found.informative) == (9.0, 0.0, 0)
    assert (found.norm_test, found.noise_scale, found.signal) == (0.0, 0.0, math.inf)


def test_multiplying_the_loss_changes_no_ratio():
    loss, parameters, batch = network("tanh", 64)
    one, thousand = (gradient_noise(lambda p, b, k=k: k * loss(p, b), parameters, batch) for k in (1.0, 1000.0))
    for told in ("norm_test", "inner_product_test", "orthogonality_test", "noise_scale", "signal"):
        assert getattr(thousand, told) == pytest.approx(getattr(one, told), rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "batch", "message"),
    [
        (lambda w, b: jnp.mean(w * b), jnp.ones((1, 1)), "Noise is measured between rows; received 1"),
        (lambda w, b: jnp.mean(jnp.log(w * b)), jnp.array([[1.0], [-1.0]]), "The gradient of some row is not finite"),
    ],
)
def test_what_has_no_noise_to_measure_is_answered_by_a_sentence(loss, batch, message):
    parameters = jnp.array(0.0) if "finite" in message else jnp.array(1.0)
    with pytest.raises(st.InputError, match=message):
        gradient_noise(loss, parameters, batch)
