"""What the drop-ins are given: arguments, parameters, gradients, state; refused in a sentence where they are wrong."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import rules
from ..dialects import CASE, MECHANICS, Argument, Dialect, Method

# argument: (its range in words, whether a number is in it, a value to try)
_Range = tuple[str, Callable[[float], bool], str]
_SHARES = {"b1": "0.9", "b2": "0.999", "rho": "0.9", "decay": "0.9", "beta": "0.95"}
_SHARES |= {"adam_b1": "0.9", "adam_b2": "0.999"}
_POSITIVE = {"learning_rate": "1e-3", "momentum": "0.9", "weight_decay": "1e-4", "eps": "1e-8", "eps_root": "0"}
_POSITIVE |= {"initial_accumulator_value": "0.1", "initial_scale": "0", "consistent_rms": "0.2"}
_POSITIVE |= {"adam_eps_root": "0", "adam_weight_decay": "1e-4"}
_RANGES: Mapping[str, _Range] = {
    name: ("in [0, 1)", lambda x: 0 <= x < 1, usual) for name, usual in _SHARES.items()
} | {
    name: ("zero or positive, and finite", lambda x: 0 <= x < float("inf"), usual) for name, usual in _POSITIVE.items()
}

# Rules that mean the same by a complex gradient as optax; the others have g^2 where |g|^2 is meant.
_COMPLEX = (rules.sgd, rules.momentum, rules.nesterov, rules.adamax, rules.lion)


def check_options(dialect: Dialect, options: Mapping[str, Any]) -> None:
    """ValueError for what is no number where one is wanted, or one out of range.

    What is traced or scheduled has no value to check.
    """
    for argument in dialect.arguments:
        value = options[argument.name]
        unknown = isinstance(value, jax.core.Tracer) or callable(value)
        if argument.means in (CASE, MECHANICS) or unknown or (value is None and argument.default is None):
            continue
        _check_number(dialect.name, argument, value)


def _check_number(name: str, argument: Argument, value: Any) -> None:
    words, holds, usual = _RANGES.get(argument.name, ("a number", lambda _: True, str(argument.default)))
    numbers = _numbers(value)
    if numbers is None or not all(map(holds, numbers)):
        raise ValueError(f"{argument.name} of {name} must be {words}; received {value!r}. Try {usual}.")
    if argument.name == argument.means and argument.name not in _RANGES:  # as its rule names it
        for number in numbers:
            rules.checked(argument.name, number)


def _numbers(value: Any) -> Iterable[float] | None:
    """The numbers that an argument is: one, or the entries of an array; None where it is none."""
    if not isinstance(value, int | float) and not hasattr(value, "dtype"):
        return None
    array = np.asarray(value)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or array.dtype.kind in "biu"):
        return None
    return array.astype(float).ravel().tolist()


def check_leaf(name: str, method: Method, leaf: jax.Array) -> None:
    """ValueError for a complex parameter or gradient that the rule would square."""
    if jnp.iscomplexobj(leaf) and method.rule not in _COMPLEX:
        raise ValueError(
            f"{name} moves real arrays; received {leaf.dtype}. "
            "Try optax.contrib.split_real_and_imaginary around it, or sgd."
        )


def check_state(name: str, kind: type[Any], state: Any) -> None:
    """ValueError, by name, for the state of another transformation."""
    if getattr(state, "_fields", None) != kind._fields:
        parts = state if type(state) is tuple else (state,)
        received = ", ".join(type(one).__name__ for one in parts) or "an empty tuple"
        raise ValueError(
            f"The state of {name} has {', '.join(kind._fields)} here; received {received}. "
            "Make it with init(params); steepest.convert takes over what another optimizer has gathered."
        )


def check_columns(name: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """ValueError, by name, where trees have not as many leaves as the gradients, which come first."""
    first, *others = columns
    for other in others:
        if len(columns[other]) != len(columns[first]):
            raise ValueError(
                f"{other} of {name} has {len(columns[other])} leaves where the {first} have {len(columns[first])}. "
                "Give those of the same parameters."
            )


def check_shapes(name: str, updates: Any, place: int, g: jax.Array, others: Mapping[str, Any]) -> None:
    """ValueError, by name, where what belongs to a gradient has another shape.

    updates, place: the gradients, and which of them it is.
    """
    for what, other in others.items():
        if other is not None and jnp.shape(other) != g.shape:
            path, _ = jax.tree_util.tree_leaves_with_path(updates, is_leaf=lambda leaf: leaf is None)[place]
            raise ValueError(
                f"{what} of {name} has the shape {jnp.shape(other)} where the gradient{jax.tree_util.keystr(path)} has "
                f"{g.shape}. Give those of the same parameters."
            )
