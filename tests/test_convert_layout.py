"""Which array is which, how its axes lie, and where in a state it is found."""

import subprocess
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

import steepest.optax
from steepest import convert, rules
from steepest.arrays import Array, Scalar
from steepest.errors import InputError

from .convert_runs import RATE, TorchRun, begun, counterpart_run, float64, optax_gradient, start, values

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


def _goes_on(transformation, state_of=lambda state: state, steps=7):
    """An Adam of optax, trained in a transformation around it, from a checkpoint of torch's; and the same unmoved."""
    was = begun("torch", "Adam", {"eps": 0.25}, steps=7)
    kernels = [jnp.asarray(value) for value in start(2)]
    params = {f"Dense_{k}": {"kernel": kernels[2 * k], "bias": kernels[2 * k + 1]} for k in range(2)}
    state = transformation.init(params)
    how = "adam", {"learning_rate": RATE, "eps": 0.25}
    params, state = convert.to_optax(was.checkpoint(), params, state, *how)
    for _ in range(steps):
        updates, state = transformation.update(optax_gradient(params), state, params)
        params = optax.apply_updates(params, updates)
    was.train(steps)
    moved = convert.from_optax(params, state, *how)
    found = np.concatenate([array.ravel() for array in arrays(moved)])
    np.testing.assert_allclose(found, values(was), rtol=1e-10, atol=1e-12)
    assert {parameter.step_count for parameter in moved.parameters.values()} == {14}
    return params, state


ADAM = optax.adam(RATE, eps=0.25)
EVERYTHING = {f"Dense_{k}": {"kernel": True, "bias": True} for k in range(2)}


@pytest.mark.parametrize("transformation", [
    optax.chain(optax.clip(1e6), ADAM, optax.ema(0.0, debias=False)), optax.masked(ADAM, EVERYTHING),
    optax.apply_if_finite(ADAM, 3), steepest.optax.adam(RATE, eps=0.25),
], ids=["chained", "masked", "wrapped", "drop-in"])  # fmt: skip
def test_state_is_found_wherever_it_is(transformation):
    _goes_on(transformation)


def test_an_injected_learning_rate_is_set_and_a_schedule_is_counted_on():
    _, state = _goes_on(optax.inject_hyperparams(optax.adam)(learning_rate=1.0, eps=0.25))
    assert float(state.hyperparams["learning_rate"]) == RATE
    _, state = _goes_on(optax.inject_hyperparams(optax.adam)(learning_rate=lambda count: RATE, eps=0.25))
    assert int(state.hyperparams_states["learning_rate"].count) == 14


def test_what_a_mask_leaves_out_has_no_state():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    masked = optax.masked(optax.adam(0.5), {"kernel": True, "bias": False})
    checkpoint = convert.from_optax(params, masked.init(params), "adam", {"learning_rate": 0.5})
    assert list(checkpoint.moved) == ["kernel"]
    layer = torch.nn.Linear(2, 2)
    convert.to_torch(checkpoint, layer, torch.optim.Adam([layer.weight], lr=1.0))
    assert (layer.bias == 1).all()
    decayed = optax.adamw(0.5, mask={"kernel": True, "bias": False})
    how = "adamw", {"learning_rate": 0.5, "mask": {"kernel": True, "bias": False}}
    checkpoint = convert.from_optax(params, decayed.init(params), *how)
    groups = [{"params": [layer.weight], "weight_decay": 1e-4}, {"params": [layer.bias], "weight_decay": 0.0}]
    convert.to_torch(checkpoint, layer, torch.optim.AdamW(groups))
    with pytest.raises(InputError, match=r"weight_decay: .*It was 0, here it is 0\.01"):
        convert.to_torch(checkpoint, layer, torch.optim.AdamW(layer.parameters(), weight_decay=1e-2))


def test_keras_leaves_variables_out_of_weight_decay_and_training():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dense(2)])
    model.layers[0].trainable = False
    optimizer = keras.optimizers.AdamW(0.5, weight_decay=0.25, epsilon=0.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer)
    kernel, bias = convert.from_keras(model).parameters.values()
    assert kernel.numbers["weight_decay"] == 0.25
    assert "weight_decay" not in bias.numbers
    layer = torch.nn.Linear(2, 2)
    whole = torch.optim.AdamW(layer.parameters(), weight_decay=0.25, eps=0.0)
    with pytest.raises(InputError, match=r"weight_decay: It was 0, here it is 0\.25"):
        convert.to_torch(convert.from_keras(model), layer, whole)


DROP_INS = [
    ("torch", "NAdam", {"eps": 0.25}), ("torch", "Adam", {"amsgrad": True, "eps": 0.25}),
    ("torch", "SGD", {"momentum": 0.75}),
    ("keras", "Nadam", {"epsilon": 0.25}), ("keras", "RMSprop", {"momentum": 0.75, "centered": True}),
    ("optax", "nadam", {"eps": 0.25}), ("optax", "rmsprop", {"momentum": 0.75, "nesterov": True}),
]  # fmt: skip


@pytest.mark.parametrize("case", DROP_INS, ids=str)
@pytest.mark.parametrize("away", [True, False], ids=["to the drop-in", "from it"])
def test_a_native_and_its_drop_in_are_one(case, away):
    framework = case[0]
    drop_in = {"module": f"steepest.{framework}"}
    one, other = ({}, drop_in) if away else (drop_in, {})
    was, run = begun(*case, **one, steps=5), begun(*case, **other, seed=2)
    run.receive(was.checkpoint())
    was.train(5)
    run.train(5)
    np.testing.assert_allclose(values(run), values(was), rtol=1e-10, atol=1e-12)


class AverageState(NamedTuple):
    """m: mean gradient."""

    m: Array = 0.0


@rules.rule(AverageState)
def average(g: Array, state: AverageState, t: Scalar, *, learning_rate: Scalar, b: Scalar = 0.9):
    """Move by the mean gradient."""
    m = b * state.m + (1 - b) * g
    return -learning_rate * m, AverageState(m)


def test_a_rule_of_one_s_own_moves_like_the_others():
    home = convert.Counterpart("steepest.torch", "average", {"lr": RATE, "b": 0.75}, average)
    was = TorchRun(home)
    was.train(4)
    told = "steepest.keras.from_rule(average)(learning_rate=0.03125, b=0.75)"
    there, found = counterpart_run(was.checkpoint(), "keras")
    assert found == told
    there.receive(was.checkpoint())
    there.train(4)
    last, found = counterpart_run(there.checkpoint(), "optax")
    assert found == told.replace("keras", "optax")
    last.receive(there.checkpoint())
    last.train(4)
    was.train(8)
    np.testing.assert_allclose(values(last), values(was), rtol=1e-10, atol=1e-12)


def test_a_parameter_that_has_not_begun_begins_there():
    """Torch makes the state of a parameter at its first gradient: its first dampened velocity is the gradient whole."""
    how = {"momentum": 0.75, "dampening": 0.5}
    was, run = begun("torch", "SGD", how), begun("torch", "SGD", how, steps=2, seed=2)
    fresh = begun("torch", "SGD", how, seed=3)
    fresh.receive(was.checkpoint())
    assert not any(fresh.optimizer.state[p] for p in fresh.model.parameters())
    fresh.train(3)
    was.train(3)
    np.testing.assert_array_equal(values(fresh), values(was))
    assert run.checkpoint().parameters["0.weight"].step_count is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_sixteen_bits_and_their_wide_state(dtype):
    """The drop-ins keep float32 beside 16 bits, which torch's own would round."""

    def made(library):
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2).to(dtype)
        return layer, library.Adam(layer.parameters(), lr=RATE)

    import steepest.torch

    layer, optimizer = made(steepest.torch)
    for _ in range(3):
        layer.zero_grad()
        layer(torch.ones(4, 3, dtype=dtype)).square().sum().backward()
        optimizer.step()
    checkpoint = convert.from_torch(layer, optimizer)
    kind = jnp.bfloat16 if dtype is torch.bfloat16 else jnp.float16
    params = {"kernel": jnp.zeros((3, 2), kind), "bias": jnp.zeros(2, kind)}
    adam = steepest.optax.adam(RATE)
    params, state = convert.to_optax(checkpoint, params, adam.init(params), "adam", {"learning_rate": RATE})
    assert params["kernel"].dtype == kind
    np.testing.assert_array_equal(np.asarray(params["kernel"], np.float32), layer.weight.detach().float().numpy().T)
    np.testing.assert_array_equal(state.nu["kernel"], optimizer.state[layer.weight]["exp_avg_sq"].T)
    assert state.nu["kernel"].dtype == np.float32
    native, theirs = made(torch.optim)
    with pytest.raises(InputError, match=r"precision: float32 would be rounded to b?float16"):
        convert.to_torch(checkpoint, native, theirs)
    convert.to_torch(checkpoint, native, theirs, force=["precision"])
    assert theirs.state[native.weight]["exp_avg"].dtype == dtype


def test_a_learning_rate_that_is_a_tensor_stays_one():
    was, run = begun("torch", "Adam", steps=2), begun("torch", "Adam", seed=2)
    run.optimizer = torch.optim.Adam(run.model.parameters(), lr=torch.tensor(1.0), capturable=True)
    run.receive(was.checkpoint())
    assert torch.is_tensor(run.optimizer.param_groups[0]["lr"])
    assert run.optimizer.param_groups[0]["lr"].item() == RATE


def test_importing_it_imports_no_framework():
    told = "import steepest.convert, sys; print([m for m in ('torch', 'keras', 'optax', 'jax') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
    assert jax.config.jax_enable_x64  # here, and only in this test's own context
