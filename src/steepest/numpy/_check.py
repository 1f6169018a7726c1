"""What NumPy optimizers are given: read, or refused in a sentence."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import not_negative
from ..errors import InputError

Arrays = np.ndarray | Sequence[np.ndarray] | Mapping[str, np.ndarray]
Rate = float | Callable[[int], Any]
_REAL = ("float64", "float32", "bfloat16", "float16")


def named(parameters: Arrays) -> dict[str, np.ndarray]:
    """The arrays by name; those of a sequence are "0", "1", ..."""
    if isinstance(parameters, np.ndarray):
        parameters = [parameters]
    if isinstance(parameters, Mapping):
        return {str(name): array for name, array in parameters.items()}
    if not isinstance(parameters, Sequence):
        parameters = list(parameters)
    return {str(place): array for place, array in enumerate(parameters)}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """InputError for what cannot be moved in place: no array, no real dtype, read-only, or a memory given twice."""
    for name, array in parameters.items():
        if not isinstance(array, np.ndarray):
            raise InputError(
                f"Parameter '{name}' must be a NumPy array, to be moved in place; received {type(array).__name__}. "
                "Try np.array(...)."
            )
        _check_dtype(f"Parameter '{name}'", array)
        if not array.flags.writeable:
            raise InputError(f"Parameter '{name}' is read-only and cannot be moved in place. Give a copy of it.")
    _check_apart(parameters)


def _check_apart(parameters: Mapping[str, np.ndarray]) -> None:
    bounds = sorted((*np.lib.array_utils.byte_bounds(array), name) for name, array in parameters.items() if array.size)
    last, farthest = "", 0
    for low, high, name in bounds:
        if low < farthest and np.shares_memory(parameters[last], parameters[name]):
            raise InputError(f"Parameters '{last}' and '{name}' share their memory. Give each entry once.")
        if high > farthest:
            last, farthest = name, high


@functools.cache  # a dtype's name takes longer than a small array's step
def _is_real(dtype: np.dtype) -> bool:
    return dtype.name in _REAL and dtype.isnative


def _check_dtype(what: str, array: np.ndarray) -> None:
    if not _is_real(array.dtype):
        raise InputError(
            f"{what} must be of one of the dtypes {', '.join(_REAL)}; received {array.dtype}. Try astype(np.float32)."
        )


def checked_gradient(name: str, g: np.ndarray, parameter: np.ndarray) -> np.ndarray:
    """The gradient; InputError where its dtype or shape does not fit."""
    _check_dtype(f"The gradient of '{name}'", g)
    if g.shape != parameter.shape:
        raise InputError(f"The gradient of '{name}' has the shape {g.shape} where its parameter has {parameter.shape}.")
    return g


def checked_rate(learning_rate: Any) -> Rate:
    """A schedule as it is, or a number as a float; InputError for anything else."""
    if callable(learning_rate):
        return learning_rate
    rate = not_negative("learning_rate", learning_rate, hint="1e-3")
    if not isinstance(rate, float):
        raise InputError(f"learning_rate must be a number or a schedule; received {learning_rate!r}. Try 1e-3.")
    return rate


def check_state(name: str, saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """InputError, by name, where a saved state has not the parts, dtypes and shapes of an array's own."""
    if set(saved) != {"step", *own}:
        raise InputError(
            f"The state of '{name}' must have {', '.join(['step', *own])}; received {', '.join(map(str, saved))}."
        )
    for part, array in own.items():
        if not isinstance(array, np.ndarray):
            continue
        there = np.asarray(saved[part])
        for what, ours, theirs in (("dtype", array.dtype, there.dtype), ("shape", array.shape, there.shape)):
            if ours != theirs:
                raise InputError(f"{part} of '{name}' has the {what} {theirs} in the state where it has {ours} here.")
