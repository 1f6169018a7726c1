"""The comparison passes where a gradient is right, and names the entry where it is not."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.errors import InputError
from steepest.networks import ACTIVATIONS, Network
from steepest.problems import Problem, check_gradient
from steepest.problems._network import NetworkInit, NetworkLoss

# Central differences with h = 6e-6 err by h^2 times a third derivative and by rounding, 1e-16 / h: 1e-10 or less of
# the order of 1. Entries are judged by their own size, and the least of a few dozen may be 1e-4.
RIGHT = 1e-6
RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(9, 3)).astype(np.float32)
TARGETS = {
    "squared_error": RANDOM.normal(size=9).astype(np.float32),
    "huber": RANDOM.normal(scale=2, size=9).astype(np.float32),
    "cross_entropy": RANDOM.integers(0, 3, 9).astype(np.int32),
    "binary_cross_entropy": RANDOM.integers(0, 2, 9).astype(np.int32),
}


def problem(activation, loss, weights=()):
    network, outputs = Network((4,), activation), 3 if loss == "cross_entropy" else 1
    return Problem(NetworkInit(network, 3, outputs), NetworkLoss(network, loss), (X, TARGETS[loss], *weights))


@pytest.mark.parametrize(
    ("activation", "loss"),
    [*((name, "squared_error") for name in ACTIVATIONS), *(("tanh", loss) for loss in list(TARGETS)[1:])],
)
def test_the_gradient_of_every_activation_and_loss_is_right_to_float64(activation, loss):
    check = check_gradient(problem(activation, loss), tolerance=RIGHT)
    assert check.ok
    assert check.error < RIGHT
    assert check.checked == 3 * 4 + 4 + 4 * (outputs := 3 if loss == "cross_entropy" else 1) + outputs
    assert str(check).startswith(f"The gradient agrees with central differences at {check.checked} entries; worst at [")


def test_a_weighted_loss_is_checked_with_its_weights():
    assert check_gradient(problem("tanh", "huber", [np.linspace(0, 2, 9, dtype=np.float32)]), tolerance=RIGHT).ok


@jax.custom_vjp
def almost(x):
    """The identity, whose gradient is planted wrong at one entry: [2, 1] is a thousandth too large."""
    return x


almost.defvjp(lambda x: (x, None), lambda _, g: (g.at[2, 1].multiply(1.001),))


def planted(parameters, batch):
    hidden, out = parameters
    outputs = jnp.tanh(batch[0] @ almost(hidden.weights) + hidden.biases) @ out.weights + out.biases
    return jnp.mean((outputs[:, 0] - batch[1]) ** 2)


def test_a_wrong_entry_is_found_and_named():
    network = Network((4,), "tanh")
    wrong = Problem(NetworkInit(network, 3, 1), planted, (X, TARGETS["squared_error"]))
    check = check_gradient(wrong)
    assert (check.ok, check.entry) == (False, "[0].weights[2, 1]")
    assert check.error == pytest.approx(0.001 / 1.001, rel=1e-3)
    assert check.gradient == pytest.approx(1.001 * check.difference, rel=1e-6)
    told = str(check)
    assert told.startswith(
        "The gradient DISAGREES with central differences at 21 entries; worst at [0].weights[2, 1]: "
    )
    assert re.search(r"against -?[\d.]+ \(relative error 1\.0e-03\)\.$", told)
    assert check_gradient(wrong, tolerance=0.01).ok


@pytest.mark.parametrize(
    ("parameters", "entry"),
    [
        ({"a": {"level": jnp.float32(2.0)}}, "['a']['level']"),
        ([jnp.ones((2, 2)), {"b": jnp.ones((1, 3))}], "[1]['b'][0, 2]"),
        (jnp.ones(2), "[1]"),
    ],
)
def test_an_entry_of_any_tree_is_named(parameters, entry):
    @jax.custom_vjp
    def loss(p):
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(p))

    def backward(p, g):  # right, but for the last entry of the last array
        leaves, tree = jax.tree.flatten(jax.tree.map(lambda leaf: 2 * g * leaf, p))
        leaves[-1] = jnp.ravel(leaves[-1]).at[-1].multiply(2).reshape(leaves[-1].shape)
        return (tree.unflatten(leaves),)

    loss.defvjp(lambda p: (loss(p), p), backward)
    check = check_gradient(Problem(parameters, loss))
    assert (check.ok, check.entry) == (False, entry)
    assert check.error == pytest.approx(0.5, rel=1e-6)


def test_where_to_check_and_how_many_entries_can_be_chosen():
    big = Problem(jnp.zeros((40, 50)), lambda p: jnp.sum(jnp.cosh(p - 1)))
    assert check_gradient(big).checked == 1000
    assert check_gradient(big, most_entries=7).checked == 7
    at = check_gradient(big, np.full((40, 50), 3.0), most_entries=1)
    assert at.gradient == pytest.approx(np.sinh(2))
    places = {check_gradient(big, most_entries=1, seed=seed).entry for seed in range(4)}
    assert len(places) > 1


def test_only_the_first_rows_are_used():
    data = np.ones(100)
    data[64:] = np.nan
    mean = Problem(np.float32(2.0), lambda p, batch: p * jnp.mean(batch), data)
    assert check_gradient(mean).gradient == 1.0
    with pytest.raises(InputError, match=r"^The loss is nan there, so it has no gradient to check\. Give other param"):
        check_gradient(mean, rows=65)


def test_a_gradient_that_is_not_finite_is_wrong():
    # The slope of the root is infinite at 0, and 0 times it is NaN: the classic of a masked branch.
    check = check_gradient(Problem(np.float32([1.0, 0.0]), lambda p: jnp.sum(jnp.where(p > 0, jnp.sqrt(p), 0.0))))
    assert (check.ok, check.entry, check.error) == (False, "[1]", np.inf)


def test_a_gradient_of_zero_agrees_with_differences_of_zero():
    check = check_gradient(Problem(np.float32([0.0, 3.0]), lambda p: 0.0 * jnp.sum(p)))
    assert (check.ok, check.error) == (True, 0.0)


def test_precision_outside_is_as_it_was():
    check_gradient(problem("relu", "huber"))
    assert jnp.ones(1).dtype == jnp.float32
