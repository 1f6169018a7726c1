"""What is refused, and in which words: Keras's own kind of exception, with what to do instead."""

import inspect
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .. import rules
from ..dialects import Dialect

_SHARE = ("in [0, 1)", lambda x: 0 <= x < 1, "0.9")
_NOT_NEGATIVE = ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "1e-7")
_POSITIVE = ("positive and finite", lambda x: 0 < x < math.inf, "1.0")
# argument: (its range in words, whether a number is in it, a value to try)
_RANGES = (
    dict.fromkeys(("beta_1", "beta_2", "adam_beta_1", "adam_beta_2", "rho", "momentum"), _SHARE)
    | dict.fromkeys(
        ("epsilon", "initial_accumulator_value", "weight_decay", "adam_weight_decay", "learning_rate", "rms_rate",
         "clipnorm", "clipvalue", "global_clipnorm"),
        _NOT_NEGATIVE,
    )
    | dict.fromkeys(("loss_scale_factor", "adam_lr_ratio"), _POSITIVE)
)  # fmt: skip


def check_options(native: Dialect, options: Mapping[str, Any]) -> None:
    """ValueError for an argument out of range; what Keras checks itself is left to it."""
    name, knobs = native.name, {argument.name for argument in native.arguments if argument.name == argument.means}
    for argument, value in options.items():
        if argument in _RANGES and isinstance(value, int | float | str) and not isinstance(value, bool):
            words, holds, usual = _RANGES[argument]
            if isinstance(value, str) or not holds(value):
                own = native.defaults.get(argument)
                told = repr(own) if isinstance(own, int | float) and own > 0 else usual
                raise ValueError(f"{argument} of {name} must be {words}; received {value!r}. Try {told}.")
        elif argument in knobs and isinstance(value, int | float):  # as its rule names it
            rules.checked(argument, value)
    _check_layers(name, options.get("exclude_layers"))


def _check_layers(name: str, layers: Any) -> None:
    if isinstance(layers, str):  # whose letters Keras would look for one by one
        raise ValueError(f"exclude_layers of {name} must be a list of patterns; received {layers!r}. Try [{layers!r}].")
    for layer in layers or ():
        try:
            re.compile(layer)
        except re.error as error:
            raise ValueError(
                f"exclude_layers of {name} must be regular expressions; received {layer!r}: {error}. "
                f"Try {re.escape(layer)!r}."
            ) from None


def check_state(name: str, variables: Sequence[Any], saved: Mapping[str, Any]) -> bool:
    """Whether a saved state is for these variables; ValueError, by name, for one of other shapes or kinds.

    One of another number of variables is left out with a warning, as in Keras: it was saved, or is loaded, before the
    optimizer was built, or was another model's or optimizer's, and the weights beside it are to load all the same.
    Keras saves no names: state of another rule whose variables are alike cannot be told apart.
    """
    if len(saved.keys()) != len(variables):
        warnings.warn(
            f"The saved state has {len(saved.keys())} variables where this {name} has {len(variables)}: one of the two "
            "was not built yet, or it is another optimizer's or another model's. It is left out, and the optimizer "
            "begins afresh.",
            stacklevel=3,
        )
        return False
    for place, variable in enumerate(variables):
        value = saved[str(place)]
        if tuple(value.shape) != tuple(variable.shape):
            raise ValueError(
                f"{variable.path} has the shape {tuple(variable.shape)} here and {tuple(value.shape)} in the saved "
                "state: it is another model's."
            )
        here, there = _kind(variable.dtype), _kind(value.dtype)
        if here != there:
            raise ValueError(
                f"{variable.path} is {here} here and {there} in the saved state: it is another optimizer's."
            )
    return True


def bound(name: str, signature: inspect.Signature, args: tuple, named: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name; ValueError, as in Keras, for one that the optimizer does not have.

    ``decay``, which Keras ignores with a warning, is ignored with a warning.
    """
    if named.pop("decay", None) is not None:
        warnings.warn("Argument `decay` is no longer supported and will be ignored.", stacklevel=3)
    unknown = [argument for argument in named if argument not in signature.parameters]
    if unknown:
        allowed = ", ".join(one for one in signature.parameters if one != "self")
        raise ValueError(f"Argument(s) not recognized by {name}: {', '.join(unknown)}. Allowed: {allowed}.")
    return dict(signature.bind(*args, **named).arguments)


def _kind(dtype: Any) -> str:
    """real or whole, in words; bfloat16 is a kind of its own to NumPy, which knows it as a void of two bytes."""
    told = dtype if isinstance(dtype, str) else str(np.dtype(dtype))
    if "float" in told or told == "|V2":
        return "real"
    return "whole" if "int" in told else told


def wide(dtype: Any) -> str:
    """The dtype of the state of a variable: its own, or float32 where that has 16 bits."""
    name = keras.backend.standardize_dtype(dtype)
    return "float32" if name in ("float16", "bfloat16") else name
