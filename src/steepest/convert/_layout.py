"""The axes of kernels: outputs first in torch, (out, in, ...), and last in Keras and JAX, (..., in, out)."""

from collections.abc import Collection, Iterable

import numpy as np

from ..errors import unknown

OutputsFirst = bool | Collection[str]


def names_first(outputs_first: OutputsFirst, shapes: Iterable[tuple[str, int]]) -> frozenset[str]:
    """The names of the arrays whose outputs come first.

    outputs_first: the names, or whether all of two dimensions and more are such.  shapes: (name, dimensions).
    """
    ranks = dict(shapes)
    if isinstance(outputs_first, bool):
        return frozenset(name for name, rank in ranks.items() if outputs_first and rank >= 2)
    for name in outputs_first:
        if name not in ranks:
            raise unknown("parameter in outputs_first", name, ranks)
    return frozenset(outputs_first)


def outputs_last(array: np.ndarray) -> np.ndarray:
    """(out, in) -> (in, out); (out, in, *kernel) -> (*kernel, in, out); of no dimension: itself."""
    if array.ndim < 2:
        return array
    return array.transpose(*range(2, array.ndim), 1, 0)


def outputs_to_front(array: np.ndarray) -> np.ndarray:
    """(in, out) -> (out, in); (*kernel, in, out) -> (out, in, *kernel); of no dimension: itself."""
    if array.ndim < 2:
        return array
    return array.transpose(array.ndim - 1, array.ndim - 2, *range(array.ndim - 2))
