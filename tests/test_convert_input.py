"""What is no optimizer, no state of it, or no name is refused in a sentence."""

import sys

import jax.numpy as jnp
import keras
import optax
import pytest
import torch

from steepest import convert, dialects
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
    (("torch", "Adam", {"weight_decay": 0.5}), "optax"),
    (("torch", "AdamW", {"amsgrad": True}), "optax"),
])  # fmt: skip
def test_what_has_no_counterpart(source, framework):
    with pytest.raises(InputError, match=f"{framework} has nothing that computes"):
        convert.counterpart(begun(*source, steps=1).checkpoint(), framework)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda run: convert.from_torch(None, run.optimizer), r"model must be a torch.nn.Module.* received NoneType"),
        (lambda run: convert.from_torch(run.model, None), r"optimizer must be a torch.optim.Optimizer; received NoneT"),
        (lambda run: convert.from_torch(run.optimizer, run.model), "optimizer must be .*; received Sequential"),
        (lambda run: convert.to_torch({"a": 1}, run.model, run.optimizer), "checkpoint must be one of .* received {'a"),
        (lambda run: convert.to_torch(run.checkpoint(), {"a": 1}, run.optimizer), "model must be .* received dict"),
        (lambda _: convert.counterpart({"a": 1}, "optax"), "checkpoint must be one of from_torch"),
        (lambda _: convert.from_keras(None), "model must have trainable_variables.* received NoneType"),
        (lambda _: convert.from_keras(keras.optimizers.SGD(), keras.Sequential()), "model must have .* received SGD"),
        (
            lambda _: convert.from_keras(keras.Sequential(), 5),
            "optimizer must be a keras.optimizers.Optimizer; rec.*int",
        ),
        (lambda _: convert.from_optax({}, (), optax.adam(0.1)), "optimizer must be its name in optax or a rule; rec"),
        (lambda run: run.receive(run.checkpoint(), force=["foo"]), r"Unknown name in force 'foo'\. Allowed: .*epsilon"),
        (lambda run: run.receive(run.checkpoint(), force="epsilom"), r"'epsilom'\. Did you mean 'epsilon'\?"),
    ],
)
def test_what_is_given_in_another_s_place(call, sentence):
    run = begun("torch", "Adam")
    with pytest.raises(InputError, match=sentence):
        call(run)


@pytest.mark.parametrize("framework", ["torch", "keras", "optax"])
def test_a_framework_that_is_not_installed(framework, monkeypatch):
    for module in (f"_{framework}", "_pytree"):
        monkeypatch.delitem(sys.modules, f"steepest.convert.{module}", raising=False)
        monkeypatch.delattr(convert, module, raising=False)
    monkeypatch.setitem(sys.modules, framework, None)
    sentence = (
        f"steepest.convert.from_{framework} needs {framework}, which is not installed. Try: pip install {framework}"
    )
    with pytest.raises(ImportError) as caught:
        getattr(convert, f"from_{framework}")
    assert str(caught.value) == sentence


@pytest.mark.parametrize("framework", ["torch", "keras", "optax"])
@pytest.mark.parametrize("native", dialects.FRAMEWORKS["torch"], ids=lambda native: native.name)
def test_whatever_is_a_counterpart_can_be_made(native, framework):
    """At torch's own learning rates, which a drop-in in torch's dialect has, too; optax's wants one all the same."""
    if native.name == "Muon" or (framework, native.name) == ("keras", "RAdam"):
        return
    w = torch.nn.Parameter(torch.ones(2, 2))
    checkpoint = convert.from_torch([("w", w)], getattr(torch.optim, native.name)([w]))
    found = convert.counterpart(checkpoint, framework)
    found.make(*([[w]] if framework == "torch" else []))


def test_torch_s_amsgrad_goes_on_in_optax_s_clothes():
    found = convert.counterpart(begun("torch", "Adam", {"amsgrad": True}, steps=1).checkpoint(), "optax")
    assert str(found) == "steepest.optax.amsgrad(learning_rate=0.03125, dialect='torch')"


def test_unknown_frameworks_and_names():
    with pytest.raises(InputError, match=r"Unknown framework 'kears'. Did you mean 'keras'\?"):
        convert.counterpart(begun("torch", "SGD").checkpoint(), "kears")
    with pytest.raises(AttributeError, match="from_jax"):
        convert.from_jax  # noqa: B018
