"""How a step reaches Keras's variables: assigned on JAX, in place on torch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from ..dialects import Method
from ..kernels import Step
from ..rules import hyperparameters
from ._check import wide

if TYPE_CHECKING:
    from ._optimizer import Optimizer


class Part:
    """How some variables move.

    knobs: what each of the method's numbers is called as an attribute of the optimizer, which somebody may change.
    ratio: the attribute that multiplies the learning rate, but not the weight decay, if there is one.
    """

    def __init__(self, method: Method, knobs: Mapping[str, str], ratio: str | None = None):
        self.method, self.knobs, self.ratio = method, knobs, ratio
        self.arrays = tuple(name for name in method.fields.values() if name not in method.shared)

    def numbers(self, optimizer: "Optimizer", learning_rate: Any, *, decays: bool) -> dict[str, Any]:
        """The method's numbers now.

        decays: whether the weight decay is the method's to do.
        """
        told = {number: getattr(optimizer, argument) for number, argument in self.knobs.items()}
        told["learning_rate"] = learning_rate
        if not decays or not told["weight_decay"]:  # None costs a kernel nothing, but of a knob it means the default
            told["weight_decay"] = 0.0 if "weight_decay" in hyperparameters(self.method.rule) else None
        if self.ratio:
            ratio = getattr(optimizer, self.ratio)
            told["learning_rate"] = learning_rate * ratio
            told["weight_decay"] = told["weight_decay"] and told["weight_decay"] / ratio
        return {number: value for number, value in told.items() if value is not None}


def jax_step(optimizer: "Optimizer", grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> list:
    """What to assign: every variable and its state, then the state that all share."""
    t, moved = optimizer.iterations + 1, []
    scalars = {name: scalar.value for name, scalar in optimizer.shared.items()}
    new, steps = dict(scalars), dict[tuple, Step]()
    for g, variable in zip(grads, variables, strict=True):
        kind, part, state = wide(variable.dtype), optimizer.part_of(variable), optimizer.state_of(variable)
        how = part, kind, optimizer.decays_within(variable)
        if how not in steps:
            numbers = part.numbers(optimizer, keras.ops.cast(learning_rate, kind), decays=how[2])
            # Of a whole number JAX would make the exponent of a power a constant, and compile anew at every step.
            steps[how] = Step(part.method, keras.ops.cast(t, kind), numbers, scalars)
            new |= steps[how].shared
        p = keras.ops.cast(variable.value, kind)
        step, after = steps[how](p, keras.ops.cast(g, kind), {name: one.value for name, one in state.items()})
        moved.append((variable, keras.ops.cast(p + step, variable.dtype)))
        moved += [(one, after[name]) for name, one in state.items()]
    return moved + [(optimizer.shared[name], value) for name, value in new.items()]


def torch_step(optimizer: "Optimizer", grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> list:
    """Move everything in place; returns what is left to assign, the state that all share."""
    import torch

    from ..tensors import Alike, Memory, move_each, move_lists

    if optimizer.memory is None:
        optimizer.memory = Memory()
    names, rate = list(optimizer.shared), float(learning_rate)
    values = float(optimizer.iterations) + 1, *(float(scalar) for scalar in optimizer.shared.values())
    new: tuple[float, ...] = values[1:]
    with torch.no_grad():
        places: dict[tuple, list[int]] = {}
        tensors = [variable.value for variable in variables]  # each look costs Keras microseconds
        for place, (g, variable, tensor) in enumerate(zip(grads, variables, tensors, strict=True)):
            how = optimizer.part_of(variable), optimizer.decays_within(variable)
            places.setdefault((*how, tensor.device, tensor.dtype, g.dtype), []).append(place)
        for (part, decays, device, *_), chosen in places.items():
            told = part.numbers(optimizer, rate, decays=decays)
            numbers = {name: float(value) for name, value in told.items()}
            states = [{n: one.value for n, one in optimizer.state_of(variables[i]).items()} for i in chosen]
            alike = Alike([tensors[i] for i in chosen], [grads[i] for i in chosen], states)
            if not part.method.rule.elementwise:
                move = move_each
            else:
                move = optimizer.memory.move if device.type == "cpu" else move_lists
            new = move(part.method, numbers, alike, values, None)
    return [(optimizer.shared[name], value) for name, value in zip(names, new, strict=True)]


_STEPS = {"jax": jax_step, "torch": torch_step}
if keras.backend.backend() not in _STEPS:
    raise ImportError(
        f"steepest.keras runs on Keras's JAX and torch backends; received '{keras.backend.backend()}'. "
        "Set KERAS_BACKEND=jax or KERAS_BACKEND=torch before Keras is imported."
    )
backend_step = _STEPS[keras.backend.backend()]
