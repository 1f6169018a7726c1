"""What would not go on exactly is refused with the reason, and forced does the nearest thing."""

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

from steepest import convert
from steepest.errors import InputError

from .convert_runs import RATE, begun, float64, values

_float64 = pytest.fixture(autouse=True)(float64)

SGD = {"momentum": 0.75}


def state_of(run, field):
    return [parameter.state[field] for parameter in run.checkpoint().parameters.values()]


# source, target, what the error is about, words of the reason; each with its framework, name and options
REFUSED = [
    # what both compute, and where epsilon stands
    (("torch", "Adam", {}), ("keras", "Adam", {"epsilon": 1e-8}), {"epsilon_at"}, "It was 'outside', here it is 'hat'"),
    (("torch", "Adam", {}), ("optax", "adam", {"eps": 1e-7}), {"epsilon"}, "It was 1e-08, here it is 1e-07"),
    (("torch", "Adagrad", {}), ("optax", "adagrad", {"eps": 1e-10}), {"epsilon_at"}, "'outside', here it is 'inside'"),
    (("torch", "RMSprop", {}), ("keras", "RMSprop", {"epsilon": 1e-8}), {"decay", "epsilon_at"}, "It was 0.99"),
    (("keras", "Adam", {}), ("keras", "Adam", {"beta_1": 0.5}), {"b1"}, "It was 0.9, here it is 0.5"),
    # the maximum that has epsilon in it, or a correction
    (
        ("torch", "Adamax", {"eps": 0.25}), ("keras", "Adamax", {"epsilon": 0.25}),
        {"epsilon_at", "u"}, "the maximum has epsilon in it",
    ),
    (
        ("keras", "Adamax", {"epsilon": 0.25}), ("optax", "adamax", {"eps": 0.25}),
        {"epsilon_at", "u"}, "the maximum has epsilon in it",
    ),
    (
        ("torch", "Adam", {"amsgrad": True}), ("optax", "amsgrad", {}),
        {"correction", "v_max"}, "corrected mean squares, on the other of raw ones",
    ),
    (
        ("optax", "amsgrad", {"eps": 0.0}), ("keras", "Adam", {"amsgrad": True, "epsilon": 0.0}),
        {"correction", "v_max"}, "corrected mean squares, on the other of raw ones",
    ),
    # Nadam's three schedules
    (
        ("torch", "NAdam", {}), ("keras", "Nadam", {"epsilon": 1e-8}),
        {"momentum_decay", "mu_product"}, "another schedule of the momentum",
    ),
    (("keras", "Nadam", {"epsilon": 1e-8}), ("optax", "nadam", {}), {"momentum_decay", "mu_product"}, "schedule"),
    (("optax", "nadam", {}), ("torch", "NAdam", {}), {"momentum_decay", "mu_product"}, "another schedule"),
    # weight decay, and what one has and the other lacks
    (
        ("torch", "Adam", {"weight_decay": 0.5}), ("torch", "AdamW", {"weight_decay": 0.5}),
        {"weight_decay"}, "It was coupled, here it is decoupled",
    ),
    (("torch", "AdamW", {}), ("keras", "AdamW", {"epsilon": 0.0}), {"weight_decay", "epsilon", "epsilon_at"}, "0.004"),
    (("torch", "SGD", {**SGD, "dampening": 0.5}), ("optax", "sgd", SGD), {"dampening"}, "It was 0.5, here it is 0"),
    (("torch", "SGD", {"maximize": True}), ("optax", "sgd", {}), {"maximize"}, "It was True, here it is 0"),
    (("keras", "SGD", {"clipnorm": 1.0}), ("torch", "SGD", {}), {"clipnorm"}, "It was 1, here it is 0"),
    (
        ("keras", "SGD", {"gradient_accumulation_steps": 2}), ("optax", "sgd", {}),
        {"gradient_accumulation_steps", "mini_step"}, "It was 2",
    ),
    # another rule of the same kin
    (("torch", "Adam", {}), ("torch", "Adam", {"amsgrad": True}), {"rule"}, "It was adam, here it is amsgrad"),
    (("torch", "SGD", {}), ("optax", "sgd", SGD), {"rule"}, "It was sgd, here it is momentum"),
    (("keras", "SGD", SGD), ("torch", "SGD", {**SGD, "nesterov": True}), {"rule"}, "momentum, here it is nesterov"),
    # rates that will not stay, or cannot be set
    (("optax", "adam", {}), ("optax", "adam", {"learning_rate": 0.5}), {"learning_rate"}, "here it would be 0.5"),
    (
        ("optax", "sgd", {**SGD, "learning_rate": optax.linear_schedule(RATE, RATE / 2, 100)}), ("keras", "SGD", SGD),
        {"v"}, "only while it is constant, and it is scheduled",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "about", "words"), REFUSED)
def test_refused_with_the_reason_and_nothing_changed(source, target, about, words):
    was, run = begun(*source, steps=3), begun(*target, seed=2)
    before = run.checkpoint()
    with pytest.raises(InputError, match="Training would not go on as it was") as caught:
        run.receive(was.checkpoint())
    assert words in str(caught.value)
    assert {line.split(":")[0].strip() for line in str(caught.value).splitlines() if line.startswith("  ")} == about
    for name, parameter in run.checkpoint().parameters.items():
        np.testing.assert_array_equal(parameter.value, before.parameters[name].value)
        assert parameter.step_count == before.parameters[name].step_count
    # All but one of the reasons forced is refused still; all of them forced, the weights move in.
    for one in about:
        with pytest.raises(InputError):
            run.receive(was.checkpoint(), force=about - {one})
    run.receive(was.checkpoint(), force=about)
    np.testing.assert_allclose(values(run), values(was), rtol=1e-15)
    assert np.isfinite(values(run)).all()


def forced(source, target, steps=3):
    was, run = begun(*source, steps=steps), begun(*target, seed=2)
    run.receive(was.checkpoint(), force=True)
    return was, run


def test_forced_adamax_keeps_its_divisor():
    """What the step divides by, u in torch and u + epsilon in Keras, is the same before the next gradient."""
    was, run = forced(("torch", "Adamax", {"eps": 0.25}), ("keras", "Adamax", {"epsilon": 0.25}))
    for ours, theirs in zip(state_of(run, "u"), state_of(was, "u"), strict=True):
        np.testing.assert_allclose(ours + 0.25, theirs, rtol=1e-14)
    was, run = forced(("keras", "Adamax", {"epsilon": 0.25}), ("optax", "adamax", {"eps": 0.25}))
    for ours, theirs in zip(state_of(run, "u"), state_of(was, "u"), strict=True):
        np.testing.assert_allclose(ours, theirs + 0.25, rtol=1e-14)


def test_forced_amsgrad_corrects_by_today():
    b2, steps = 0.999, 3
    was, run = forced(("torch", "Adam", {"amsgrad": True}), ("optax", "amsgrad", {}), steps)
    for ours, theirs in zip(state_of(run, "v_max"), state_of(was, "v_max"), strict=True):
        np.testing.assert_allclose(ours, theirs / (1 - b2**steps), rtol=1e-12)
    was, run = forced(("optax", "amsgrad", {}), ("torch", "Adam", {"amsgrad": True}), steps)
    for ours, theirs in zip(state_of(run, "v_max"), state_of(was, "v_max"), strict=True):
        np.testing.assert_allclose(ours, theirs * (1 - b2**steps), rtol=1e-12)


def test_forced_nadam_has_the_product_of_its_own_schedule():
    _, run = forced(("torch", "NAdam", {}), ("keras", "Nadam", {}))
    own = begun("keras", "Nadam", steps=3)
    np.testing.assert_allclose(state_of(run, "mu_product")[0], state_of(own, "mu_product")[0], rtol=1e-14)


def test_forced_momentum_starts_where_there_was_none():
    _, run = forced(("torch", "SGD", {}), ("keras", "SGD", SGD))
    assert not any(v.any() for v in state_of(run, "v"))
    was, run = forced(("torch", "Adam", {}), ("torch", "Adam", {"amsgrad": True}))
    for ours, theirs in zip(state_of(run, "v_max"), state_of(was, "v"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_state_of_another_kind_of_optimizer_is_refused_even_if_forced():
    was, run = begun("torch", "Adagrad", steps=3), begun("keras", "Adam")
    with pytest.raises(InputError, match=r"adagrad says nothing to adam \('sequential.*'\)\. Make an optimizer of"):
        run.receive(was.checkpoint(), force=True)


def test_a_velocity_with_a_rate_that_a_scheduler_changes():
    was, run = begun("torch", "SGD", SGD, steps=3), begun("keras", "SGD", SGD, seed=2)
    torch.optim.lr_scheduler.StepLR(was.optimizer, 10)
    with pytest.raises(InputError, match=r"v: The learning rate stands inside the velocity .* and it is scheduled"):
        run.receive(was.checkpoint())
    run.receive(was.checkpoint(), force="v")
    for ours, theirs in zip(state_of(run, "v"), state_of(was, "v"), strict=True):
        np.testing.assert_allclose(ours, RATE * theirs, rtol=1e-15)


def test_a_velocity_with_a_rate_of_0():
    was, run = begun("keras", "SGD", SGD, steps=3), begun("torch", "SGD", SGD, seed=2)
    was.optimizer.learning_rate = 0.0
    with pytest.raises(InputError, match="v: A learning rate of 0 would divide the velocity, in which it stands"):
        run.receive(was.checkpoint())
    run.receive(was.checkpoint(), force=["v"])
    assert not any(v.any() for v in state_of(run, "v"))


def test_a_schedule_that_stands_elsewhere_and_one_that_agrees():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([5], [RATE, RATE / 2])
    was = begun("torch", "Adam", {"eps": 0.0}, steps=7)
    run = begun("keras", "Adam", {"epsilon": 0.0, "learning_rate": schedule}, seed=2)
    with pytest.raises(InputError, match=r"learning_rate: It was 0\.03125 for .*, here it would be 0\.015625"):
        run.receive(was.checkpoint())
    was.optimizer.param_groups[0]["lr"] = RATE / 2  # as the schedule has it after 7 steps, not after 0
    run.receive(was.checkpoint())
    assert int(run.optimizer.iterations) == 7


def late_run():
    """Adam in torch, whose last bias gets its first gradient at the third of five steps."""
    was = begun("torch", "Adam", {"eps": 0.0})
    bias = was.model[2].bias
    bias.requires_grad_(False)
    was.train(2)
    bias.requires_grad_(True)
    was.train(3)
    return was


@pytest.mark.parametrize("target", [("keras", "Adam", {"epsilon": 0.0}), ("optax", "adam", {"eps": 0.0})])
def test_step_counts_that_differ(target):
    was, run = late_run(), begun(*target, seed=2)
    with pytest.raises(
        InputError, match=r"step_count: Here one step count is for all, and they differ: 3 of '.*', 5 of '.*'"
    ):
        run.receive(was.checkpoint())
    run.receive(was.checkpoint(), force="step_count")
    assert {parameter.step_count for parameter in run.checkpoint().parameters.values()} == {5}
    # Where each has its own, they stay.
    stayed = begun("torch", "Adam", {"eps": 0.0}, module="steepest.torch", seed=2)
    stayed.receive(was.checkpoint())
    assert [parameter.step_count for parameter in stayed.checkpoint().parameters.values()] == [5, 5, 5, 3]


def test_products_that_differ_cannot_be_one():
    was, run = begun("torch", "NAdam", {"momentum_decay": 1.0, "eps": 1e-7}, steps=3), begun("keras", "Nadam", seed=2)
    was.optimizer.state[was.model[0].bias]["mu_product"] *= 0.5
    with pytest.raises(InputError, match="mu_product: Here one is for all, and they differ"):
        run.receive(was.checkpoint())


def test_parameters_that_no_optimizer_moves():
    was, run = begun("torch", "SGD", SGD, steps=3), begun("torch", "SGD", SGD, seed=2)
    run.optimizer = torch.optim.SGD([run.model[2].weight], lr=RATE, **SGD)
    with pytest.raises(InputError, match=r"frozen: '0\.weight' is not moved here, and its optimizer's state would be"):
        run.receive(was.checkpoint())
    run.receive(was.checkpoint(), force=True)
    np.testing.assert_array_equal(values(run), values(was))
    was.optimizer = torch.optim.SGD([was.model[2].weight], lr=RATE, **SGD)
    run = begun("keras", "SGD", SGD, seed=3)
    with pytest.raises(InputError, match="is moved here, and had no optimizer; forced, it starts anew"):
        run.receive(was.checkpoint())
    # Forced, it starts anew, at the others' step count where there is one for all.
    was = begun("torch", "Adam", {"eps": 0.0})
    was.optimizer = torch.optim.Adam([was.model[2].weight], lr=RATE, eps=0.0)
    was.train(3)
    for target in (("keras", "Adam", {"epsilon": 0.0}), ("torch", "Adam", {"eps": 0.0})):
        run = begun(*target, steps=5, seed=3)
        run.receive(was.checkpoint(), force=["frozen"])
        first, _, moved, _ = run.checkpoint().parameters.values()
        assert not first.state["v"].any()
        assert moved.state["v"].all()
        assert (first.step_count, moved.step_count) == ((3, 3) if target[0] == "keras" else (0, 3))


def test_gradients_that_are_gathered_but_not_used():
    was, run = begun("keras", "SGD", {"gradient_accumulation_steps": 2}, steps=3), begun("torch", "SGD", seed=2)
    with pytest.raises(InputError, match="mini_step: It was 1, here it is 0"):
        run.receive(was.checkpoint(), force=["gradient_accumulation_steps"])
    adam = optax.MultiSteps(optax.adam(RATE), 2)
    params = {"w": jnp.ones(2)}
    _, state = adam.update(params, adam.init(params), params)
    checkpoint = convert.from_optax(params, state, "adam", {"learning_rate": RATE})
    with pytest.raises(InputError, match="mini_step: It was 1, here it is 0"):
        convert.to_optax(checkpoint, params, optax.adam(RATE).init(params), "adam", {"learning_rate": RATE})


def test_groups_with_rates_of_their_own():
    was = begun("torch", "Adam", {"eps": 0.0})
    first, second = ([*layer.parameters()] for layer in (was.model[0], was.model[2]))
    groups = [{"params": first, "lr": RATE}, {"params": second, "lr": RATE / 2}]
    was.optimizer = torch.optim.Adam(groups, eps=0.0)
    was.train(3)
    with pytest.raises(InputError, match=r"learning_rate: It was 0\.015625 for 'seq.*', here it would be 0\.03125"):
        begun("keras", "Adam", {"epsilon": 0.0}).receive(was.checkpoint())
    with pytest.raises(InputError, match="different options, so no one optimizer is it"):
        convert.counterpart(was.checkpoint(), "keras")
    again = begun("torch", "Adam", {"eps": 0.0}, seed=2)
    layers = again.model[0], again.model[2]
    again.optimizer = torch.optim.Adam([{"params": [*layer.parameters()]} for layer in layers], lr=1.0, eps=0.0)
    again.receive(was.checkpoint())
    assert [group["lr"] for group in again.optimizer.param_groups] == [RATE, RATE / 2]
    was.train(3)
    again.train(3)
    np.testing.assert_array_equal(values(again), values(was))


def test_what_would_be_rounded():
    was, run = begun("torch", "Adam", steps=3), begun("torch", "Adam", seed=2)
    run.model.float()
    run.optimizer = torch.optim.Adam(run.model.parameters(), lr=RATE)
    with pytest.raises(InputError, match="precision: float64 would be rounded to float32"):
        run.receive(was.checkpoint())
    run.receive(was.checkpoint(), force="precision")
    np.testing.assert_array_equal(values(run), values(was).astype(np.float32))
