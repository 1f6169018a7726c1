"""What a dialect cannot compute is refused by name, with advice that helps; and what it can is found."""

import numpy as np
import pytest
import torch

import steepest.optax
import steepest.torch
from steepest import dialects
from steepest.errors import InputError


@pytest.mark.parametrize(
    ("framework", "name", "option", "sentence"),
    [
        ("torch", "Muon", {"ns_steps": 3}, "Muon with ns_steps=3 has no equal in the dialect 'torch'. Try ns_steps=5."),
        (
            "torch", "Muon", {"adjust_lr_fn": "foo"},
            "Muon with adjust_lr_fn='foo' has no equal in the dialect 'torch'. "
            "Try adjust_lr_fn=None, or adjust_lr_fn='original', or adjust_lr_fn='match_rms_adamw'.",
        ),
        (
            "keras", "Muon", {"rms_rate": 0},
            "Muon with rms_rate=0 has no equal in the dialect 'keras'. Try rms_rate=0.2, or rms_rate=None.",
        ),
        (
            "optax", "rmsprop", {"bias_correction": True},
            "rmsprop with bias_correction=True has no equal in the dialect 'optax'. Try bias_correction=False.",
        ),
        (
            "optax", "radam", {"nesterov": True},
            "radam with nesterov=True has no equal in the dialect 'optax'. Try nesterov=False.",
        ),
        (
            "optax", "amsgrad", {"bias_correction_mu": False},
            "amsgrad with bias_correction_mu=False, bias_correction_nu=True has no equal in the dialect 'optax'. "
            "Try bias_correction_mu=True, or bias_correction_nu=False.",
        ),
    ],
)  # fmt: skip
def test_the_option_that_is_in_the_way_is_named_and_the_advice_is_one_that_works(framework, name, option, sentence):
    dialect = dialects.find(framework, name)
    with pytest.raises(InputError) as caught:
        dialect.case(dialect.defaults | option)
    assert str(caught.value) == sentence


def test_the_textbook_is_advised_where_it_has_what_is_asked_for():
    rmsprop = dialects.find("optax", "rmsprop")
    option = {"momentum": 0.9, "nesterov": True}
    spoken = dialects.like(rmsprop, "torch")
    with pytest.raises(InputError) as caught:
        spoken.case(spoken.defaults | option)
    assert str(caught.value) == (
        "rmsprop with momentum=0.9, nesterov=True has no equal in the dialect 'torch'. Try dialect='textbook'."
    )
    spoken = dialects.like(rmsprop, "textbook")
    assert dict(spoken.case(spoken.defaults | option).choices)["ahead"] == "yes"


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "Adamax", "NAdam", "RAdam"])
def test_a_weight_decay_that_optax_has_not_is_refused_when_the_optimizer_is_made(name):
    make = getattr(steepest.torch, name)
    with pytest.raises(
        ValueError, match=r"has no weight decay in the dialect 'optax'; received weight_decay=0\.5\. Try"
    ):
        make([torch.ones(2, requires_grad=True)], weight_decay=0.5, dialect="optax")
    make([torch.ones(2, requires_grad=True)], dialect="optax")


def test_the_advice_on_a_weight_decay_helps():
    p = [torch.ones(2, requires_grad=True)]
    with pytest.raises(ValueError, match=r"Adam has no weight .*Try AdamW, or dialect='torch'\."):
        steepest.torch.Adam(p, weight_decay=0.5, dialect="optax")
    with pytest.raises(
        ValueError, match=r"AMSGrad has no weight .*=0\.0001\. Try weight_decay=0, or dialect='torch'\."
    ):
        steepest.torch.AdamW(p, amsgrad=True, dialect="optax")
    steepest.torch.AdamW(p, amsgrad=True, weight_decay=0, dialect="optax")
    steepest.torch.AdamW(p, weight_decay=0.5, dialect="optax")


def test_a_decoupled_weight_decay_that_is_asked_for_is_had_under_another_name():
    """torch's Adam with decoupled_weight_decay is optax's adamw; optax's nadamw is torch's NAdam with it."""
    p = torch.ones(2, requires_grad=True)
    optimizer = steepest.torch.Adam([p], lr=0.1, weight_decay=0.5, decoupled_weight_decay=True, dialect="optax")
    p.grad = torch.ones(2)
    optimizer.step()
    np.testing.assert_allclose(p.detach(), 1 - 0.1 - 0.1 * 0.5, rtol=1e-6)
    for name in ("nadamw", "adamw"):
        spoken = dialects.like(dialects.find("optax", name), "torch")
        assert {case.weight_decay for case in spoken.cases} == {"decoupled"}


@pytest.mark.parametrize(
    ("name", "dialect", "same"),
    [
        ("amsgrad", "torch", ("Adam", {"amsgrad": True})), ("amsgrad", "keras", ("Adam", {"amsgrad": True})),
        ("nadamw", "torch", ("NAdam", {"decoupled_weight_decay": True})), ("nadamw", "keras", ("Nadam", {})),
        ("adamaxw", "torch", ("Adamax", {})), ("adamaxw", "keras", ("Adamax", {})),
    ],
)  # fmt: skip
def test_what_a_framework_has_under_another_name_is_found(name, dialect, same):
    spoken, theirs = dialects.like(dialects.find("optax", name), dialect), dialects.find(dialect, same[0])
    found, method = spoken.method(spoken.defaults), theirs.method(theirs.defaults | same[1])
    assert (found.rule, dict(found.choices), found.weight_decay) == (
        method.rule, dict(method.choices), method.weight_decay,
    )  # fmt: skip
    getattr(steepest.optax, name)(0.1, dialect=dialect)
