"""What is said of hidden units: by hand on units made dead, saturated, idle or twins, and by loops on networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.diagnosis import effective_rank, layer_units
from steepest.losses import LOSSES
from steepest.networks import ACTIVATIONS, Layer, Network

X = np.linspace(-1, 1, 20, dtype=np.float32)[:, None]


def of_units(activation, weights, biases, x=X):
    """One hidden layer of one input, with these weights and biases a unit."""
    network = Network(hidden=(len(weights),), activation=activation)
    hidden = Layer(jnp.array([weights], jnp.float32), jnp.array(biases, jnp.float32))
    last = Layer(jnp.ones((len(weights), 1)), jnp.zeros(1))
    (found,) = layer_units(network, (hidden, last), LOSSES["squared_error"], (x, jnp.zeros(len(x))))
    return found


def test_rectifiers_that_are_never_positive_are_dead():
    """Biases of -2 and -3 keep the first two at 0; the third is positive on half of the rows."""
    found = of_units("relu", [1.0, 1.0, 1.0], [-2.0, -3.0, 0.0])
    assert found.units == 3
    assert found.dead == pytest.approx(2 / 3)
    assert found.zero == pytest.approx((20 + 20 + 10) / 60)
    assert found.dormant == pytest.approx(2 / 3)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_units_far_out_are_saturated(activation):
    """A bias of 20 holds one unit at its end on every row, the other stays in the middle."""
    found = of_units(activation, [1.0, 0.5], [20.0, 0.0])
    assert found.saturated == pytest.approx(0.5)
    assert found.dead == 0


def test_units_with_the_same_weights_are_twins():
    found = of_units("tanh", [1.0, 1.0, 0.5, -1.0], [0.1, 0.1, 0.1, 0.1])
    assert found.duplicate == pytest.approx(0.5)
    assert found.rank < 3.01


def test_an_idle_unit_is_dormant_beside_the_others():
    """Sizes 1, 1 and 0.02: the layer's mean is 0.67, and 0.02 is below 0.025 of 1 but not of 0.67; 0.01 is."""
    assert of_units("linear", [0.0] * 3, [1.0, 1.0, 0.02]).dormant == 0
    assert of_units("linear", [0.0] * 3, [1.0, 1.0, 0.01]).dormant == pytest.approx(1 / 3)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_variances_are_those_of_a_loop_in_float64(activation):
    problem = st.network(st.read("wine"), hidden=(7, 4), activation=activation)
    (instance,) = problem.instances([0])
    parameters, (x, y) = instance.init(jax.random.key(2)), [np.asarray(a) for a in instance.train[:2]]
    found = layer_units(problem.network, parameters, LOSSES[problem.loss], (x, y))
    activate = ACTIVATIONS[activation]
    with jax.enable_x64(True):
        layers = [Layer(*(np.asarray(a, np.float64) for a in layer)) for layer in parameters]

        def loss_from(before, depth):
            at = activate(before)
            for layer in layers[depth + 1 : -1]:
                at = activate(at @ layer.weights + layer.biases)
            return LOSSES[problem.loss](at @ layers[-1].weights + layers[-1].biases, y)

        at = np.asarray(x, np.float64)
        for depth, told in enumerate(found):
            before = jnp.asarray(at @ layers[depth].weights + layers[depth].biases)
            slopes = jax.grad(lambda z, depth=depth: jnp.sum(loss_from(z, depth)))(before)
            assert told.variance == pytest.approx(float(jnp.var(before)), rel=1e-5)
            assert told.gradient == pytest.approx(float(jnp.mean(slopes**2)), rel=1e-4)
            at = np.asarray(activate(before))
            assert told.rank == pytest.approx(effective_rank(at), rel=1e-4)


def test_permuting_units_changes_nothing():
    weights, biases = [1.0, 0.3, 0.3, -2.0], [-2.0, 0.5, 0.5, 0.0]
    order = [2, 0, 3, 1]
    one, other = (
        of_units("relu", [weights[i] for i in o], [biases[i] for i in o]) for o in (range(4), order)
    )  # fmt: skip
    assert one == pytest.approx(other, rel=1e-5)


def test_the_effective_rank_by_hand():
    """Singular values 3 and 1: shares 3/4 and 1/4, exp of the entropy = (4/3)^(3/4) 4^(1/4)."""
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx((4 / 3) ** 0.75 * 4**0.25)
    assert effective_rank(np.zeros((2, 2))) == 0.0
