"""Losses against float64 formulas of other libraries, at outputs of any size, and their gradients by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, huber, softmax
from sklearn import metrics

from steepest.errors import InputError
from steepest.losses import LOSSES, binary_cross_entropy, cross_entropy, loss_for, squared_error
from steepest.losses import huber as huber_loss

RANDOM = np.random.default_rng(5)
ROWS, CLASSES = 50, 4
LOGITS = RANDOM.normal(scale=3, size=(ROWS, CLASSES))
CODES = RANDOM.integers(CLASSES, size=ROWS).astype(np.int32)
NUMBERS = RANDOM.normal(scale=2, size=ROWS)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def near(ours, theirs):
    """float64, sums of a few terms: some roundings of 1.1e-16 each."""
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_every_loss_gives_one_number_a_row():
    targets = {"cross_entropy": CODES, "binary_cross_entropy": CODES % 2}
    assert set(LOSSES) == {"squared_error", "huber", "cross_entropy", "binary_cross_entropy"}
    for name, loss in LOSSES.items():
        outputs = LOGITS if name == "cross_entropy" else LOGITS[:, :1]
        assert jax.eval_shape(loss, outputs, targets.get(name, NUMBERS)).shape == (ROWS,)


def test_squared_error_is_the_mean_squared_error():
    outputs = LOGITS[:, :1]
    ours = squared_error(jnp.asarray(outputs), jnp.asarray(NUMBERS))
    near(ours, (outputs[:, 0] - NUMBERS) ** 2)
    near(ours.mean(), metrics.mean_squared_error(NUMBERS, outputs[:, 0]))


def test_squared_error_of_several_outputs_is_the_squared_distance():
    ours = squared_error(jnp.asarray(LOGITS), jnp.asarray(LOGITS[::-1].copy()))
    near(ours, np.linalg.norm(LOGITS - LOGITS[::-1], axis=1) ** 2)


def test_huber_is_scipys_with_a_limit_of_one():
    residuals = np.r_[LOGITS[:, 0] - NUMBERS, -1.0, 1.0, 0.0, 1e6, -1e6]  # both sides of both limits
    ours = huber_loss(jnp.asarray(residuals[:, None]), jnp.zeros(len(residuals)))
    near(ours, huber(1.0, residuals))
    assert (np.abs(residuals) < 1).sum() > 5
    assert (np.abs(residuals) > 1).sum() > 5
    near(huber_loss(jnp.asarray(LOGITS), jnp.zeros_like(LOGITS)), huber(1.0, LOGITS).sum(axis=1))


def test_the_slope_of_huber_is_the_error_cut_off_at_one():
    residuals = jnp.array([-9.0, -0.5, 0.0, 0.5, 9.0])
    slope = jax.jit(jax.grad(lambda z: huber_loss(z[:, None], jnp.zeros(5)).sum()))(residuals)
    np.testing.assert_array_equal(slope, [-1.0, -0.5, 0.0, 0.5, 1.0])


def test_cross_entropy_is_sklearns_log_loss_of_the_softmax():
    ours = cross_entropy(jnp.asarray(LOGITS), jnp.asarray(CODES))
    near(ours.mean(), metrics.log_loss(CODES, softmax(LOGITS, axis=1), labels=range(CLASSES)))
    near(ours, -np.log(softmax(LOGITS, axis=1)[np.arange(ROWS), CODES]))


def test_binary_cross_entropy_is_sklearns_log_loss_of_the_logistic_function():
    z, y = LOGITS[:, :1], CODES % 2
    ours = binary_cross_entropy(jnp.asarray(z), jnp.asarray(y))
    near(ours.mean(), metrics.log_loss(y, expit(z[:, 0])))
    h = expit(z[:, 0])
    near(ours, -(y * np.log(h) + (1 - y) * np.log(1 - h)))


def test_binary_is_categorical_with_a_first_logit_of_zero():
    z, y = LOGITS[:, :1], jnp.asarray(CODES % 2)
    near(binary_cross_entropy(jnp.asarray(z), y), cross_entropy(jnp.asarray(np.c_[np.zeros(ROWS), z]), y))


def test_cross_entropy_is_minus_the_likelihood_that_logistic_regression_maximises():
    y = CODES % 2
    h = expit(LOGITS[:, 0])
    likelihood = np.prod(np.where(y == 1, h, 1 - h))
    near(np.exp(-binary_cross_entropy(jnp.asarray(LOGITS[:, :1]), jnp.asarray(y)).sum()) / likelihood, 1)


def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot():
    _, gradient = categorical(LOGITS, CODES)
    near(gradient, softmax(LOGITS, axis=1) - np.eye(CLASSES)[CODES])


def test_the_gradient_of_binary_cross_entropy_is_probability_minus_target():
    y = CODES % 2
    _, gradient = binary(LOGITS[:, :1], y)
    near(gradient[:, 0], expit(LOGITS[:, 0]) - y)


@pytest.mark.parametrize(("size", "dtype"), [(1e4, "float32"), (1e30, "float32"), (1e4, "float64")])
def test_saturated_wrong_outputs_cost_their_logit_and_keep_their_gradient(size, dtype):
    # Right for certain: loss 0 and gradient 0; wrong for certain: the distance, and a gradient of 1.
    z = np.array([[size, -size], [-size, size]], dtype)
    losses, gradient = categorical(z, np.array([0, 0]))
    np.testing.assert_allclose(losses, 2 * size, rtol=1e-6)
    np.testing.assert_array_equal(gradient, [[0, 0], [-1, 1]])
    losses, gradient = binary(np.array([[-size], [size], [-size], [size]], dtype), np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(losses, 2 * size, rtol=1e-6)
    np.testing.assert_array_equal(gradient[:, 0], [0, 1, -1, 0])
    assert losses.dtype == gradient.dtype == dtype


@jax.jit
def categorical(z, codes):
    return jax.value_and_grad(lambda z: cross_entropy(z, codes).sum())(z)


@jax.jit
def binary(z, y):
    return jax.value_and_grad(lambda z: binary_cross_entropy(z, y).sum())(z)


def test_sure_and_right_keeps_its_small_loss():
    # log(1 - h) formed from h is 0 here: 1 - h rounds to 1.
    near(binary_cross_entropy(jnp.array([[-40.0]]), jnp.array([0])) / np.exp(-40.0), 1)


@pytest.mark.parametrize("loss", [squared_error, huber_loss])
def test_large_errors_stay_finite(loss):
    value, gradient = jax.jit(jax.value_and_grad(lambda z: loss(z, jnp.zeros(1)).sum()))(jnp.float32([[1e4]]))
    assert float(value) == (1e8 if loss is squared_error else 9999.5)
    assert float(gradient[0, 0]) == (2e4 if loss is squared_error else 1.0)


def test_the_loss_for_a_task():
    assert [loss_for(task) for task in ("binary", "multiclass", "regression")] == [
        "binary_cross_entropy", "cross_entropy", "squared_error",
    ]  # fmt: skip
    assert loss_for("regression", "huber") == "huber"


@pytest.mark.parametrize(
    ("task", "name", "message"),
    [
        ("regression", "hubr", r"^Unknown loss for a regression target 'hubr'\. Did you mean 'huber'\? Allowed: squ"),
        ("binary", "squared_error", r"^Unknown loss for a binary target 'squared_error'\..* Allowed: binary_cross_ent"),
        ("multiclass", "mse", r"^Unknown loss for a multiclass target 'mse'\. Allowed: cross_entropy\.$"),
    ],
)
def test_a_loss_that_does_not_fit_the_task_is_refused(task, name, message):
    with pytest.raises(InputError, match=message):
        loss_for(task, name)
