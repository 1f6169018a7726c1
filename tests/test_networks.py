"""The forward pass against loops, activations against their formulas, initial weights against the law they claim."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from steepest.errors import InputError
from steepest.networks import ACTIVATIONS, INITIALIZERS, Layer, Network

FORMULAS = {
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "tanh": lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1),
    "logistic": expit,
    # Hendrycks & Gimpel 2016, arXiv:1606.08415, the form with tanh
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * expit(x),
    "linear": lambda x: x,
}

# Gain on 1 / fan, and which fan: he and lecun count inputs, glorot the mean of inputs and outputs.
VARIANCES = {
    "he": lambda inputs, outputs: 2 / inputs,
    "glorot": lambda inputs, outputs: 2 / (inputs + outputs),
    "lecun": lambda inputs, outputs: 1 / inputs,
}
RANDOM = [name for name in INITIALIZERS if not name.startswith("orthogonal")]
ORTHOGONAL = ["orthogonal_normal", "orthogonal_uniform"]


def only_layer(name, inputs, outputs, seed=0, **options):
    (layer,) = Network((), initializer=name, **options).init(jax.random.key(seed), inputs, outputs)
    return np.asarray(layer.weights, np.float64), np.asarray(layer.biases)


def test_the_tables_hold_what_is_tested_here():
    assert set(ACTIVATIONS) == set(FORMULAS)
    assert set(INITIALIZERS) == {*RANDOM, *ORTHOGONAL}
    assert {name.split("_")[0] for name in RANDOM} == set(VARIANCES)
    assert len(RANDOM) == 2 * len(VARIANCES)


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_is_its_formula(name):
    x = np.linspace(-8, 8, 801)
    with jax.enable_x64(True):
        wide = np.asarray(ACTIVATIONS[name](jnp.asarray(x)))
    np.testing.assert_allclose(wide, FORMULAS[name](x), rtol=1e-12, atol=1e-12)  # float64, a few roundings of 1.1e-16


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_and_its_slope_stay_finite_far_out(name):
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(ACTIVATIONS[name])))(jnp.float32([-1e4, -100, 0, 100, 1e4]))
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("name", RANDOM)
def test_initial_weights_have_the_mean_and_variance_of_their_source(name):
    family, kind = name.split("_")
    weights, _ = only_layer(name, 300, 200, seed=3)
    variance, count = VARIANCES[family](300, 200), weights.size
    # Five standard errors: of the mean, sqrt(variance / n); of the variance, sqrt((kurtosis - 1) / n) of it, where the
    # kurtosis is 1.8 for a uniform law and 3 at most for a truncated normal one.
    assert abs(weights.mean()) < 5 * math.sqrt(variance / count)
    assert weights.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / count))
    within_one = np.mean(np.abs(weights) < math.sqrt(variance))
    if kind == "uniform":
        limit = math.sqrt(3 * variance)
        assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
        share = 1 / math.sqrt(3)
    else:  # normal cut off at two of its standard deviations, then widened to the variance
        limit = 2 * math.sqrt(variance) / 0.87962566103423978
        assert 0.9 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
        share = math.erf(0.87962566103423978 / math.sqrt(2)) / math.erf(math.sqrt(2))
    assert within_one == pytest.approx(share, abs=5 * math.sqrt(0.25 / count))


@pytest.mark.parametrize("shape", [(6, 6), (60, 25), (25, 60)])
@pytest.mark.parametrize("name", ORTHOGONAL)
def test_orthogonal_weights_have_unit_rows_or_columns_at_right_angles(name, shape):
    weights, _ = only_layer(name, *shape)
    assert weights.shape == shape
    gram = weights.T @ weights if shape[0] >= shape[1] else weights @ weights.T
    # float32 Householder vectors: some sqrt(n) roundings of 6e-8 for each entry.
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=2e-6)


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_orthogonal_weights_prefer_no_sign(name):
    # QR alone fixes signs: Householder's makes every diagonal entry of Q lean to one side.
    positive = np.mean([np.diag(only_layer(name, 6, 6, seed)[0]) > 0 for seed in range(60)], axis=0)
    np.testing.assert_allclose(positive, 0.5, atol=5 * 0.5 / math.sqrt(60))  # five standard errors


@pytest.mark.parametrize("name", INITIALIZERS)
def test_scale_multiplies_weights_and_biases_start_at_zero(name):
    shape = (60, 25) if name in ORTHOGONAL else (300, 200)
    plain, biases = only_layer(name, *shape)
    scaled, _ = only_layer(name, *shape, scale=100.0)
    np.testing.assert_allclose(scaled, 100 * plain, rtol=2e-7)
    np.testing.assert_array_equal(biases, np.zeros(shape[1]))
    assert not only_layer(name, *shape, scale=0.0)[0].any()


def test_parameters_have_the_shapes_of_their_layers_and_differ_between_layers_and_keys():
    network = Network((4, 4, 4))
    parameters = network.init(jax.random.key(0), 4, 4)
    assert [(layer.weights.shape, layer.biases.shape) for layer in parameters] == [((4, 4), (4,))] * 4
    assert {leaf.dtype for leaf in jax.tree.leaves(parameters)} == {jnp.dtype("float32")}
    drawn = [np.asarray(layer.weights) for key in (0, 1) for layer in network.init(jax.random.key(key), 4, 4)]
    assert len({array.tobytes() for array in drawn}) == 8
    again = network.init(jax.random.key(0), 4, 4)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, parameters, again)))


@pytest.mark.parametrize(("hidden", "activation"), [((), "relu"), *(((5, 2, 4), name) for name in FORMULAS)])
def test_forward_is_sums_over_units(activation, hidden):
    random = np.random.default_rng(1)
    sizes = (3, *hidden, 2)
    layers = [(random.normal(size=pair), random.normal(size=pair[1])) for pair in pairwise(sizes)]
    x = random.normal(size=(6, 3))
    with jax.enable_x64(True):
        parameters = tuple(Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in layers)
        outputs = np.asarray(Network(hidden, activation).apply(parameters, jnp.asarray(x)))
    np.testing.assert_allclose(outputs, [by_loops(layers, row, activation) for row in x], rtol=1e-12, atol=1e-12)


def by_loops(layers, row, activation):
    """One row through the network, a unit at a time: no activation after the last layer."""
    values = list(row)
    for depth, (weights, biases) in enumerate(layers):
        sums = [sum(v * weights[i, j] for i, v in enumerate(values)) + biases[j] for j in range(len(biases))]
        last = depth == len(layers) - 1
        values = sums if last else [float(FORMULAS[activation](np.float64(one))) for one in sums]
    return values


@pytest.mark.parametrize("activation", FORMULAS)
def test_default_initializer_suits_the_activation(activation):
    rectifies = activation in ("relu", "leaky_relu", "gelu", "silu")
    assert Network(activation=activation).initializer == ("he_normal" if rectifies else "glorot_uniform")
    assert Network(activation=activation, initializer="lecun_normal").initializer == "lecun_normal"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "rleu"}, r"^Unknown activation 'rleu'\. Did you mean 'relu'\? Allowed: relu, leaky_relu, tanh"),
        ({"activation": "swish"}, r"^Unknown activation 'swish'\. Allowed: relu"),
        ({"initializer": "glorot_norml"}, r"^Unknown initializer 'glorot_norml'\. Did you mean 'glorot_normal'\? "),
        ({"hidden": (64, 0)}, r"^hidden must be positive whole numbers of units; received \(64, 0\)\. Try \(64, 64\)"),
        ({"hidden": (64, 2.5)}, "^hidden must be positive whole numbers"),
        ({"hidden": (-3,)}, "^hidden must be positive whole numbers"),
        ({"hidden": 64}, r"^hidden must be positive whole numbers of units; received 64\. Try \(64, 64\)"),
        ({"hidden": (True,)}, r"^hidden must be positive whole numbers of units; received \(True,\)"),
        ({"hidden": "64"}, r"^hidden must be positive whole numbers of units; received '64'"),
        ({"scale": -1.0}, r"^scale must be zero or positive, and finite; received -1\.0\. Try 1\."),
        ({"scale": math.nan}, r"^scale must be zero or positive, and finite; received nan"),
        ({"scale": math.inf}, r"^scale must be zero or positive, and finite; received inf"),
        ({"scale": "big"}, r"^scale must be zero or positive, and finite; received 'big'"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        Network(**options)


def test_networks_of_one_shape_are_equal_and_hashable():
    # A compiled program is found again by its network.
    assert Network([8, np.int64(4)]) == Network((8, 4), initializer="he_normal", scale=1)
    assert hash(Network([8, 4])) == hash(Network((8, 4)))
    assert Network((8, 4)) != Network((8, 4), scale=2.0)
