"""Independent oracles: the trajectory, and the last state, that another library computes in float64.

Each is ``run(start, gradients, rates, knobs)`` and returns the last parameter and ``{our field: its value}``.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

BETAS = {"b1": "betas.0", "b2": "betas.1", "epsilon": "eps"}
KERAS_BETAS = {"b1": "beta_1", "b2": "beta_2", "epsilon": "epsilon"}


def torch_oracle(name: str, fields: dict[str, str], knobs: dict[str, str], **options: Any) -> Callable:
    """torch.optim.<name>.

    fields: ours to theirs, ``-`` before those kept as their negative.
    knobs: ours to theirs, ``betas.0`` being the first of the pair.
    """

    def run(start, gradients, rates, given):
        named = {knobs[ours]: value for ours, value in given.items() if ours in knobs}
        betas = {"betas": (named.pop("betas.0"), named.pop("betas.1"))} if "betas.0" in named else {}
        torch.set_default_dtype(torch.float64)  # NAdam keeps its product in the default dtype
        try:
            parameter = torch.tensor(start, requires_grad=True)
            optimizer = getattr(torch.optim, name)([parameter], **named, **betas, **options)
            for g, rate in zip(gradients, rates, strict=True):
                optimizer.param_groups[0]["lr"] = float(rate)
                parameter.grad = torch.tensor(g)
                optimizer.step()
        finally:
            torch.set_default_dtype(torch.float32)
        state = optimizer.state[parameter]
        return parameter.detach().numpy(), {
            ours: _signed(theirs, lambda name: state[name].numpy()) for ours, theirs in fields.items()
        }

    return run


def optax_oracle(build: Callable, fields: dict[str, str]) -> Callable:
    """A chain of optax transforms.  build(schedule, knobs).  fields: ours to the attribute somewhere in its state."""

    def run(start, gradients, rates, given):
        with jax.enable_x64(True):
            table = jnp.asarray(rates)
            transform = build(lambda k: table[k], given)
            parameter, state = jnp.asarray(start), transform.init(jnp.asarray(start))
            step = jax.jit(transform.update)
            for g in gradients:
                update, state = step(jnp.asarray(g), state, parameter)
                parameter = parameter + update
            found = {ours: _signed(theirs, lambda name: _array_named(state, name)) for ours, theirs in fields.items()}
            return np.asarray(parameter), {name: np.asarray(value) for name, value in found.items()}

    return run


def keras_oracle(name: str, fields: dict[str, str], knobs: dict[str, str], **options: Any) -> Callable:
    """keras.optimizers.<name> on JAX.  fields: ours to the list of variables (or the variable) theirs stand in."""

    def run(start, gradients, rates, given):
        import keras

        with jax.enable_x64(True):
            parameter = keras.Variable(jnp.asarray(start), dtype="float64")
            named = {knobs[ours]: value for ours, value in given.items() if ours in knobs}
            optimizer = getattr(keras.optimizers, name)(**named, **options)
            optimizer.build([parameter])
            for g, rate in zip(gradients, rates, strict=True):
                optimizer.learning_rate = float(rate)
                optimizer.apply([jnp.asarray(g)])

            def variable(name: str) -> np.ndarray:
                kept = getattr(optimizer, name)
                return np.asarray((kept[0] if isinstance(kept, list) else kept).value)

            return np.asarray(parameter.value), {ours: _signed(theirs, variable) for ours, theirs in fields.items()}

    return run


def _array_named(state: Any, name: str) -> jax.Array:
    found = [value for _, value in optax.tree.get_all_with_path(state, name)]
    (array,) = [value for value in found if isinstance(value, jax.Array)]  # what is masked out is no array
    return array


def _signed(name: str, look_up: Callable[[str], Any]) -> Any:
    return -look_up(name[1:]) if name.startswith("-") else look_up(name)


def scaled(*transforms: Callable) -> Callable:
    """Direction first, learning rate after."""
    return lambda schedule, knobs: optax.chain(
        *(transform(knobs) for transform in transforms), optax.scale_by_learning_rate(schedule)
    )


def gathered(*transforms: Callable, rate_at: str, nesterov: bool) -> Callable:
    """A direction gathered in a velocity that has the learning rate inside, or outside."""

    def build(schedule, knobs):
        rate, trace = optax.scale_by_learning_rate(schedule), optax.trace(knobs["momentum"], nesterov=nesterov)
        ends = (rate, trace) if rate_at == "inside" else (trace, rate)
        return optax.chain(*(transform(knobs) for transform in transforms), *ends)

    return build
