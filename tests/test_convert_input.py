"""What is no optimizer, no state of it, or no name is refused in a sentence."""

import jax.numpy as jnp
import keras
import optax
import pytest
import torch

from steepest import convert
from steepest.errors import InputError

from .convert_runs import begun, float64

_float64 = pytest.fixture(autouse=True)(float64)


def test_what_is_no_optimizer_of_the_table():
    run = begun("torch", "SGD")
    run.optimizer = torch.optim.LBFGS(run.model.parameters())
    with pytest.raises(InputError, match="Unknown optimizer of torch 'LBFGS'"):
        run.checkpoint()
    weight = torch.nn.Parameter(torch.ones(2, 2))
    with pytest.raises(InputError, match="Muon's state is not converted"):
        convert.from_torch([("w", weight)], torch.optim.Muon([weight]))
    other = torch.optim.SGD([*run.model.parameters(), weight])
    with pytest.raises(InputError, match="moves 1 tensors that are not among the model's parameters"):
        convert.from_torch(run.model, other)
    with pytest.raises(InputError, match=r"The model has no optimizer\. Compile it first"):
        convert.from_keras(keras.Sequential([keras.layers.Dense(1)]))


def test_what_is_not_the_state_of_that_optimizer():
    params = {"w": jnp.ones((2, 2))}
    state = optax.sgd(0.1).init(params)
    with pytest.raises(InputError, match="The state has no mu: it is another optimizer's"):
        convert.from_optax(params, state, "adam", {"learning_rate": 0.1})
    with pytest.raises(InputError, match="The learning rate of sgd is missing"):
        convert.from_optax(params, state, "sgd")
    with pytest.raises(InputError, match=r"Unknown argument of sgd 'momentm'. Did you mean 'momentum'\?"):
        convert.from_optax(params, state, "sgd", {"learning_rate": 0.1, "momentm": 0.9})
    twice = optax.chain(optax.adam(0.1), optax.adam(0.1))
    with pytest.raises(InputError, match=r"The state has mu 2 times: .*\[0\].*\[1\].*Give the part of it"):
        convert.from_optax(params, twice.init(params), "adam", {"learning_rate": 0.1})
    state = optax.adam(0.1).init({"v": jnp.ones((2, 2))})
    with pytest.raises(InputError, match="mu, nu has no 'w': it is of other parameters"):
        convert.from_optax(params, state, "adam", {"learning_rate": 0.1})


@pytest.mark.parametrize(("source", "framework"), [
    (("torch", "RAdam", {}), "keras"), (("torch", "SGD", {"weight_decay": 0.5}), "optax"),
    (("torch", "Adam", {"amsgrad": True}), "optax"), (("torch", "Adam", {"weight_decay": 0.5}), "optax"),
])  # fmt: skip
def test_what_has_no_counterpart(source, framework):
    with pytest.raises(InputError, match=f"{framework} has nothing that computes"):
        convert.counterpart(begun(*source, steps=1).checkpoint(), framework)


def test_unknown_frameworks_and_names():
    with pytest.raises(InputError, match=r"Unknown framework 'kears'. Did you mean 'keras'\?"):
        convert.counterpart(begun("torch", "SGD").checkpoint(), "kears")
    with pytest.raises(AttributeError, match="from_jax"):
        convert.from_jax  # noqa: B018
