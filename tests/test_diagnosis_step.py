"""The parabola along a step: by hand on parabolas, weighted as by an independent solution, and on networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.diagnosis import step_curvature
from steepest.diagnosis._step import parabola


@pytest.mark.parametrize(
    ("reached", "alpha"), [(1.0, -1.0), (0.5, -0.5), (0.0, 0.0), (-0.5, 0.5), (-1.0, 1.0), (-2.0, 2.0)]
)
def test_alpha_tells_where_on_a_parabola_a_step_from_one_lands(reached, alpha):
    """On x^2 from 1: short of the floor, on it, and up the other side as far as it came and farther."""
    if reached == 1.0:
        with pytest.raises(st.InputError, match="The step has the length 0"):
            step_curvature(lambda x, _: x**2, jnp.array(1.0), jnp.array(0.0))
        return
    found = step_curvature(lambda x, _: x**2, jnp.array(1.0), jnp.array(reached - 1.0))
    assert found.alpha == pytest.approx(alpha, abs=1e-5)
    assert found.curvature == pytest.approx(2.0, rel=1e-5)
    assert (found.length, found.losses) == (pytest.approx(1 - reached), pytest.approx((1, reached**2)))
    assert found.slopes == pytest.approx((-2, -2 * reached))


def test_a_step_over_a_hill_is_concave_and_told_so():
    found = step_curvature(lambda x, _: -(x**2), jnp.array(0.5), jnp.array(0.5))
    assert (found.alpha, found.concave, found.curvature) == (-1.0, True, pytest.approx(-2.0))


def test_rows_that_agree_count_more():
    """Losses that scatter hardly count beside slopes that do not: the parabola is that of the slopes, floor at 1.5."""
    means, variances = np.array([1.0, 1.0, -3.0, 1.0]), np.array([1e6, 1e6, 1e-6, 1e-6])
    alpha, concave, curvature = parabola(means, variances, 2.0)
    assert (concave, curvature) == (False, pytest.approx(2.0, rel=1e-6))
    assert alpha == pytest.approx(2.0 / 1.5 - 1, rel=1e-6)


def test_the_fit_is_that_of_the_normal_equations():
    random = np.random.default_rng(3)
    means, variances, t = random.normal([3, 0, -4, 2]), random.uniform(0.1, 2, 4), 0.7
    design = np.array([[1, 0, 0], [1, t, t * t], [0, 1, 0], [0, 1, 2 * t]])
    weights = np.diag(1 / variances)
    _, w1, w2 = np.linalg.solve(design.T @ weights @ design, design.T @ weights @ means)
    alpha, concave, curvature = parabola(means, variances, t)
    assert (concave, curvature) == (bool(w2 < 0), pytest.approx(2 * w2))
    assert alpha == pytest.approx(-2 * t * w2 / w1 - 1)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_of_networks_losses_and_slopes_are_the_batch_s(activation):
    problem = st.network(st.read("iris"), hidden=(5,), activation=activation)
    (instance,) = problem.instances([0])
    batch, parameters = instance.train, instance.init(jax.random.key(0))
    gradient = jax.grad(instance.loss)(parameters, batch)
    step = jax.tree.map(lambda g: -0.05 * g, gradient)
    found = step_curvature(instance.loss, parameters, step, batch)
    after = jax.tree.map(jnp.add, parameters, step)
    assert found.losses == pytest.approx([float(instance.loss(at, batch)) for at in (parameters, after)], rel=1e-5)
    length = float(jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient))))
    assert found.slopes[0] == pytest.approx(-length, rel=1e-4)
    assert -1 < found.alpha < 0


def test_the_scale_of_the_loss_changes_neither_alpha_nor_its_sign():
    rows, at, step = jnp.arange(8.0), jnp.array(4.0), jnp.array(-7.0)
    one, thousand = (
        step_curvature(lambda x, rows, k=k: k * jnp.mean((x - rows) ** 2), at, step, rows) for k in (1.0, 1000.0)
    )
    assert one.alpha == pytest.approx(thousand.alpha, rel=1e-4)


def test_a_loss_that_overflows_has_no_parabola():
    with pytest.raises(st.InputError, match="not finite at an end of the step"):
        step_curvature(lambda x, _: jnp.exp(x), jnp.array(0.0), jnp.array(1e3))
