"""The words of a rule of one's own may be chosen in every framework."""

from typing import Literal, NamedTuple

import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch

import steepest.keras
import steepest.numpy
import steepest.optax
import steepest.torch
from steepest import dialects
from steepest.arrays import Array, Scalar, sign
from steepest.rules import rule


class SignedState(NamedTuple):
    """m: mean gradient."""

    m: Array = 0.0


@rule(SignedState, needs={"m": {"of": ("mean",)}})
def signed(
    g: Array,
    state: SignedState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    b1: Scalar = 0.5,
    of: Literal["gradient", "mean"] = "gradient",
) -> tuple[Array, SignedState]:
    """Move by the sign of the gradient, or of its mean."""
    if of == "gradient":
        return -learning_rate * sign(g), state
    m = b1 * state.m + (1 - b1) * g
    return -learning_rate * sign(m), SignedState(m)


GRADIENTS = (4.0, -1.0, -1.0)  # whose means are 2, 0.5, -0.25
ENDS = {"gradient": 1.5, "mean": 0.5}  # from 1 by 0.5


def by_torch(**how):
    p = torch.ones(1, requires_grad=True)
    optimizer = steepest.torch.from_rule(signed)([p], lr=0.5, **how)
    for g in GRADIENTS:
        p.grad = torch.full((1,), g)
        optimizer.step()
    return p.item()


def by_keras(**how):
    place, optimizer = keras.Variable(np.ones(1, np.float32)), steepest.keras.from_rule(signed)(0.5, **how)
    optimizer = type(optimizer).from_config(optimizer.get_config())
    optimizer.build([place])
    for g in GRADIENTS:
        optimizer.apply([keras.ops.full((1,), g)])
    return float(place.value[0])


def by_optax(**how):
    transformation, place = steepest.optax.from_rule(signed)(0.5, **how), jnp.ones(1)
    state = transformation.init(place)
    for g in GRADIENTS:
        updates, state = transformation.update(jnp.full(1, g), state)
        place = place + updates
    return float(place[0])


def by_numpy(**how):
    place = np.ones(1)
    optimizer = steepest.numpy.from_rule(signed)(place, 0.5, **how)
    for g in GRADIENTS:
        optimizer.step(np.full(1, g))
    return place[0]


# Keras's own, of how NumPy makes copies.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("walk", [by_torch, by_keras, by_optax, by_numpy], ids=lambda walk: walk.__name__)
def test_a_word_is_chosen_by_its_name(walk):
    assert walk() == walk(of="gradient") == ENDS["gradient"]
    assert walk(of="mean") == ENDS["mean"]
    with pytest.raises(ValueError, match=r"with of='median' has no equal .*Try of='gradient', or of='mean'\."):
        walk(of="median")
    with pytest.raises(ValueError, match=r"(torch|optax) has nothing like"):
        walk(of="mean", dialect="optax" if walk is by_torch else "torch")


@pytest.mark.parametrize("walk", [by_torch, by_optax], ids=lambda walk: walk.__name__)
def test_a_word_is_chosen_in_the_textbook_too(walk):
    assert walk(of="mean", dialect="textbook") == ENDS["mean"]


def test_a_choice_has_its_row():
    (row,) = [row for row in dialects.compare(signed).rows if row.key == "of"]
    assert row.cells["textbook"].arguments == {"of": "gradient"}
