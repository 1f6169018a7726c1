"""What NumPy optimizers are given: read, or refused in a sentence."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    if not isinstance(parameters, Iterable):
        raise InputError(
            f"The parameters must be an array, a sequence of arrays or arrays by name; received {parameters!r}. "
            "Try np.array(...)."
        )
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
        check_writeable(name, array)
    _check_apart(parameters)


def check_writeable(name: str, array: np.ndarray) -> None:
    """InputError for an array that is read-only, be it since yesterday."""
    if not array.flags.writeable:
        raise InputError(f"Parameter '{name}' is read-only and cannot be moved in place. Give a copy of it.")


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


def check_key(key: Any) -> None:
    """InputError for a key that no kernel takes."""
    if key is not None and not (isinstance(key, int | np.integer) and 0 <= key < 2**63):
        raise InputError(
            f"key must be a whole number from 0 to 2^63 - 1, or None; received {key!r}. Try the step count."
        )


def check_state(name: str, saved: Any, own: Mapping[str, Any]) -> None:
    """InputError, by name, where a saved state has not the parts, dtypes and shapes of an array's own."""
    if not isinstance(saved, Mapping) or set(saved) != {"step", *own}:
        received = ", ".join(map(str, saved)) if isinstance(saved, Mapping) else repr(saved)
        raise InputError(f"The state of '{name}' must have {', '.join(['step', *own])}; received {received}.")
    step = saved["step"]
    if not isinstance(step, int | np.integer) or step < 0:
        raise InputError(f"step of '{name}' must be a count of steps, 0 or more; received {step!r}.")
    for part, array in own.items():
        if not isinstance(array, np.ndarray):
            _check_number(f"{part} of '{name}'", saved[part])
            continue
        there = np.asarray(saved[part])
        for what, ours, theirs in (("dtype", array.dtype, there.dtype), ("shape", array.shape, there.shape)):
            if ours != theirs:
                raise InputError(f"{part} of '{name}' has the {what} {theirs} in the state where it has {ours} here.")


def _check_number(what: str, value: Any) -> None:
    if not isinstance(value, int | float | np.number):
        raise InputError(f"{what} must be a number; received {value!r}.")
