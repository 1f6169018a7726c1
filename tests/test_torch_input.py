"""What the torch drop-ins refuse, in which words: arguments of the wrong kind, and state dicts that are none."""

import re

import pytest
import torch

import steepest.torch

BAD = {
    "lr None": ({"lr": None}, "lr must be a number; received None. Try 1e-3."),
    "lr text": ({"lr": "0.1"}, "lr must be a number; received '0.1'. Try 1e-3."),
    "lr list": ({"lr": [1]}, "lr must be a number; received [1]. Try 1e-3."),
    "lr complex": ({"lr": 1 + 2j}, "lr must be a number; received (1+2j). Try 1e-3."),
    "betas text": ({"betas": ("a", 0.1)}, "betas[0] must be a number; received 'a'. Try 0.9."),
    "eps None": ({"eps": None}, "eps must be a number; received None. Try 1e-8."),
    "maximize": ({"maximize": 3}, "maximize must be True or False; received 3."),
    "amsgrad": ({"amsgrad": "yes"}, "amsgrad must be True or False; received 'yes'."),
    "rounding": ({"stochastic_rounding": "yes"}, "stochastic_rounding must be True or False; received 'yes'."),
    "unknown": (
        {"beta": 1},
        "Adam: got an unexpected keyword argument 'beta'. Did you mean 'betas'? Allowed: params, lr,",
    ),
}


@pytest.mark.parametrize(("options", "said"), BAD.values(), ids=BAD)
def test_arguments_of_the_wrong_kind_are_refused_by_name(options, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        steepest.torch.Adam([torch.ones(3, requires_grad=True)], **options)


def test_nothing_to_move_is_said():
    with pytest.raises(TypeError, match=r"Adam: missing a required argument: 'params'\. Allowed: params, lr"):
        steepest.torch.Adam()


@pytest.mark.parametrize("options", [{"lr": torch.tensor(0.1)}, {"maximize": 1}, {"weight_decay": 0}], ids=str)
def test_what_torch_takes_for_numbers_and_switches_is_taken(options):
    steepest.torch.Adam([torch.ones(3, requires_grad=True)], **options)


def test_a_dialect_may_have_no_weight_decay():
    p = torch.ones(3, requires_grad=True)
    steepest.torch.AdamW([p], dialect="keras", weight_decay=0.1)
    steepest.torch.Adam([p], dialect="keras")


def saved():
    """An optimizer after a step, and its state dict."""
    p = torch.ones(3, requires_grad=True)
    p.grad = torch.ones(3)
    optimizer = steepest.torch.Adam([p])
    optimizer.step()
    return optimizer, optimizer.state_dict()


COUNT = "step of parameter 0 must be a count of steps, 0 or more; received "
DENSE = "exp_avg of parameter 0 must be a dense tensor of a real floating dtype; received "
BAD_STATES = {
    "step text": ("step", "x", COUNT + "'x'"),
    "steps": ("step", torch.ones(3), COUNT),
    "step below 0": ("step", torch.tensor(-5.0), COUNT + "tensor(-5.)"),
    "step missing": ("step", None, COUNT + "None"),
    "sparse": ("exp_avg", torch.ones(3).to_sparse(), DENSE + "torch.float32, torch.sparse_coo, cpu"),
    "meta": ("exp_avg", torch.ones(3, device="meta"), DENSE + "torch.float32, torch.strided, meta"),
    "text": ("exp_avg", "x", DENSE + "'x'"),
}


@pytest.mark.parametrize(("part", "value", "said"), BAD_STATES.values(), ids=BAD_STATES)
def test_a_bad_part_of_a_state_is_refused_by_name(part, value, said):
    optimizer, state = saved()
    state["state"][0] = {**state["state"][0], part: value}
    with pytest.raises(ValueError, match=re.escape(said)):
        optimizer.load_state_dict(state)


@pytest.mark.parametrize("state", [{}, {"state": {}}], ids=["nothing", "no groups"])
def test_what_is_no_state_dict_is_refused(state):
    with pytest.raises(ValueError, match=r"This is not the state of Adam: it lacks .*param_groups.*state_dict\(\)"):
        saved()[0].load_state_dict(state)


def test_a_step_that_torch_kept_as_a_number_is_loaded():
    optimizer, state = saved()
    state["state"][0] = {**state["state"][0], "step": 7}
    optimizer.load_state_dict(state)
    optimizer.step()
    (now,) = optimizer.state.values()
    assert float(now["step"]) == 8


def test_hooks_change_what_is_loaded_and_see_it_loaded():
    optimizer, state = saved()
    average = state["state"][0].pop("exp_avg")  # a name of older times
    state["state"][0]["average"] = average
    heard = []

    def renamed(_, given):
        (one,) = given["state"].values()
        return {**given, "state": {0: {("exp_avg" if name == "average" else name): part for name, part in one.items()}}}

    (p,) = optimizer.param_groups[0]["params"]
    optimizer.register_load_state_dict_pre_hook(renamed)
    optimizer.register_load_state_dict_post_hook(lambda one: heard.append(set(one.state[p])))
    for _ in range(2):  # nothing of the first time stays behind
        optimizer.load_state_dict(state)
    assert heard == [{"step", "exp_avg", "exp_avg_sq"}] * 2
    torch.testing.assert_close(optimizer.state[p]["exp_avg"], average)


def test_hooks_change_what_16_bit_parameters_are_given():
    p = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    p.grad = torch.ones(3, dtype=torch.bfloat16)
    optimizer = steepest.torch.Adam([p])
    optimizer.step()
    exact = torch.full((3,), 1 / 3)

    def replaced(_, given):
        return {**given, "state": {0: {**given["state"][0], "exp_avg": exact}}}

    optimizer.register_load_state_dict_pre_hook(replaced)
    optimizer.load_state_dict(optimizer.state_dict())
    torch.testing.assert_close(optimizer.state[p]["exp_avg"], exact, rtol=0, atol=0)
