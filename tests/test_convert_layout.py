"""Which array is which, and how its axes lie."""

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

from steepest import convert
from steepest.errors import InputError

from .convert_runs import RATE, begun, float64

_float64 = pytest.fixture(autouse=True)(float64)


def arrays(checkpoint):
    return [parameter.value for parameter in checkpoint.parameters.values()]


def numbered(shapes):
    """Arrays of these shapes, no two entries alike."""
    return [np.arange(np.prod(shape)).reshape(shape) + 1000.0 * place for place, shape in enumerate(shapes)]


class Pair:
    """A torch module and a Keras layer that should compute the same; x: an input, channels last."""

    def __init__(self, module, layer, x, *, channels=True):
        self.module, self.layer, self.x, self.channels = module, layer, x, channels
        self.model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype), layer])
        self.model.compile(keras.optimizers.Adam(RATE, epsilon=0.0))

    def in_torch(self):
        x = torch.tensor(np.moveaxis(self.x, -1, 1) if self.channels else self.x)
        y = self.module(x).detach().numpy()
        return np.moveaxis(y, 1, -1) if self.channels else y

    def in_keras(self):
        return np.asarray(self.model.stateless_call([v.value for v in self.model.trainable_variables], [], self.x)[0])


def _of(*shape):
    return np.random.default_rng(5).normal(size=shape)


PAIRS = {
    "dense": lambda: Pair(torch.nn.Linear(4, 4), keras.layers.Dense(4), _of(3, 4), channels=False),
    "convolution 1": lambda: Pair(torch.nn.Conv1d(2, 3, 2), keras.layers.Conv1D(3, 2), _of(1, 6, 2)),
    "convolution 2": lambda: Pair(torch.nn.Conv2d(2, 3, (2, 3)), keras.layers.Conv2D(3, (2, 3)), _of(1, 5, 6, 2)),
    "convolution 3": lambda: Pair(
        torch.nn.Conv3d(2, 3, (2, 3, 1)), keras.layers.Conv3D(3, (2, 3, 1)), _of(1, 5, 4, 3, 2)
    ),
    "in groups": lambda: Pair(torch.nn.Conv2d(4, 6, 2, groups=2), keras.layers.Conv2D(6, 2, groups=2), _of(1, 5, 4, 4)),
    "transposed": lambda: Pair(
        torch.nn.ConvTranspose2d(2, 3, (2, 3)), keras.layers.Conv2DTranspose(3, (2, 3)), _of(1, 4, 5, 2)
    ),
    "embedding": lambda: Pair(
        torch.nn.Embedding(4, 4), keras.layers.Embedding(4, 4), np.array([[0, 3], [1, 2]]), channels=False
    ),
    "normalisation": lambda: Pair(
        torch.nn.LayerNorm(4), keras.layers.LayerNormalization(epsilon=1e-5), _of(3, 4), channels=False
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_layer_computes_the_same_there_and_its_moments_move_with_it(name):
    """Its gradient in each, after moving, moves its means alike: they are means of the gradients' squares."""
    pair = PAIRS[name]()
    optimizer = torch.optim.Adam(pair.module.parameters(), lr=RATE, eps=0.0)
    for p, place in zip(pair.module.parameters(), range(9), strict=False):
        p.grad = torch.tensor(np.random.default_rng(place).normal(size=p.shape))
    optimizer.step()
    convert.to_keras(convert.from_torch(pair.module, optimizer), pair.model)
    close = 1e-6 if name == "normalisation" else 1e-12  # which Keras computes in float32
    np.testing.assert_allclose(pair.in_keras(), pair.in_torch(), rtol=close, atol=close)
    # The mean gradient is 0.1 g after one step, and g is where p.grad has it.
    m = [keras.ops.convert_to_numpy(v.value) for v in pair.model.optimizer._momentums]
    again = torch.optim.Adam(pair.module.parameters(), lr=RATE, eps=0.0)
    convert.to_torch(convert.from_keras(pair.model), pair.module, again)
    for ours, p in zip(m, pair.module.parameters(), strict=True):
        assert ours.size == p.numel()
        np.testing.assert_array_equal(again.state[p]["exp_avg"], optimizer.state[p]["exp_avg"])
        np.testing.assert_allclose(again.state[p]["exp_avg"], 0.1 * p.grad, rtol=1e-12)
        if ours.ndim == 2 and name == "dense":
            np.testing.assert_allclose(ours, 0.1 * p.grad.T, rtol=1e-12)
        if name == "convolution 2" and ours.ndim == 4:
            np.testing.assert_allclose(ours, 0.1 * p.grad.permute(2, 3, 1, 0), rtol=1e-12)


def test_named_parameters_and_what_is_said_of_their_outputs():
    weight, table = (torch.nn.Parameter(torch.tensor(array)) for array in numbered([(2, 3), (2, 3)]))
    named = [("weight", weight), ("table", table)]
    optimizer = torch.optim.SGD([weight, table])
    assert [a.shape for a in arrays(convert.from_torch(named, optimizer))] == [(3, 2), (3, 2)]
    assert [a.shape for a in arrays(convert.from_torch(named, optimizer, outputs_first=False))] == [(2, 3), (2, 3)]
    told = convert.from_torch(named, optimizer, outputs_first=["weight"])
    assert [a.shape for a in arrays(told)] == [(3, 2), (2, 3)]
    with pytest.raises(InputError, match=r"Unknown parameter in outputs_first 'wieght'. Did you mean 'weight'\?"):
        convert.from_torch(named, optimizer, outputs_first=["wieght"])
    params = [jnp.zeros((2, 3)), jnp.zeros((2, 3))]
    sgd = "sgd", {"learning_rate": 1e-3}
    params, _ = convert.to_optax(told, params, optax.sgd(1e-3).init(params), *sgd, outputs_first=["0"])
    np.testing.assert_array_equal(params[0], weight.detach())
    np.testing.assert_array_equal(params[1], table.detach())


def test_dictionaries_are_ordered_by_their_numbers_and_a_layer_s_weight_comes_first():
    params = {f"Dense_{k}": {"kernel": jnp.full((2, 2), k), "bias": jnp.full(2, k)} for k in range(11)}
    checkpoint = convert.from_optax(params, optax.sgd(0.1).init(params), "sgd", {"learning_rate": 0.1})
    names = list(checkpoint.parameters)
    assert names == [f"Dense_{k}/{part}" for k in range(11) for part in ("kernel", "bias")]
    module = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(11)))
    convert.to_torch(checkpoint, module, torch.optim.SGD(module.parameters()))
    assert [layer.bias[0].item() for layer in module] == list(range(11))


def test_a_dictionary_that_does_not_tell_its_order_is_refused_until_names_tell_it():
    params = {"encoder": jnp.ones((2, 2)), "decoder": jnp.zeros((2, 2))}
    checkpoint = convert.from_optax(params, optax.sgd(0.1).init(params), "sgd", {"learning_rate": 0.1})
    layers = torch.nn.ModuleDict(
        {"first": torch.nn.Linear(2, 2, bias=False), "last": torch.nn.Linear(2, 2, bias=False)}
    )
    optimizer = torch.optim.SGD(layers.parameters())
    with pytest.raises(InputError, match="'decoder' and 'encoder' have one shape, and a dictionary has no order"):
        convert.to_torch(checkpoint, layers, optimizer)
    names = {"first.weight": "encoder", "last.weight": "decoder"}
    convert.to_torch(checkpoint, layers, optimizer, names=names)
    assert (layers["first"].weight == 1).all()
    assert (layers["last"].weight == 0).all()
    for wrong, words in [
        ({"first.weight": "encoder"}, "it leaves out last.weight, decoder"),
        ({"frist.weight": "encoder", "last.weight": "decoder"}, r"Unknown parameter here 'frist.weight'"),
        ({"first.weight": "encodr", "last.weight": "decoder"}, r"Unknown parameter of the checkpoint 'encodr'"),
        ({"first.weight": "encoder", "last.weight": "encoder"}, "it leaves out decoder"),
    ]:
        with pytest.raises(InputError, match=words):
            convert.to_torch(checkpoint, layers, optimizer, names=wrong)


def test_shapes_and_numbers_that_differ_are_refused_by_name():
    checkpoint = begun("torch", "SGD").checkpoint()
    other = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 5))
    named = [(f"w{place}", p) for place, p in enumerate(other.parameters())]
    with pytest.raises(InputError, match=r"'w2' has the shape \(3, 5\) where the checkpoint's '2.weight' has \(3, 2\)"):
        convert.to_torch(checkpoint, named, torch.optim.SGD(other.parameters()))
    few = other[0]
    with pytest.raises(InputError, match="The checkpoint has 4 parameters where there are 2 here: 0"):
        convert.to_torch(checkpoint, few, torch.optim.SGD(few.parameters()))
