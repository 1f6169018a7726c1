"""Where a state is found, and that the drop-ins' is the natives'."""

import subprocess
import sys
from typing import NamedTuple

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
