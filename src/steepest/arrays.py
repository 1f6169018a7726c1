"""The few array functions that rules and schedules need, in the namespace of whatever array they are given.

Python numbers go through ``math``, so a rule also runs on plain floats.
"""

import math
from typing import Annotated, Any

import array_api_compat

Array = Annotated[Any, "NumPy, JAX or PyTorch array of any shape, or a Python float"]
Scalar = Annotated[Any, "zero-dimensional, whatever the parameter's shape"]


def _namespace(*values: Any) -> Any:
    arrays = [value for value in values if hasattr(value, "dtype")]
    return array_api_compat.array_namespace(*arrays) if arrays else None


def sqrt(x: Array) -> Array:
    """Square root, elementwise."""
    space = _namespace(x)
    return space.sqrt(x) if space else math.sqrt(x)


def absolute(x: Array) -> Array:
    """Absolute value, elementwise."""
    space = _namespace(x)
    return space.abs(x) if space else abs(x)


def maximum(x: Array, y: Array) -> Array:
    """Larger of two, elementwise; NaN where either is NaN (in arrays)."""
    space = _namespace(x, y)
    return space.maximum(x, y) if space else max(x, y)


def one_minus_power(b: Scalar, t: Scalar) -> Scalar:
    """``1 - b**t`` without the cancellation that spoils it in low precision.

    ``1 - b`` is exact for b in [0.5, 1] (Sterbenz), so ``-expm1(t log1p(b - 1))`` keeps every digit, where forming
    ``b**t`` first loses five of seven in float32 at b = 0.999, t = 1.
    b: decay in [0, 1).  t: step count, 1 or more.

    >>> one_minus_power(0.75, 2)
    0.4375
    >>> one_minus_power(0.0, 3)
    1.0
    """
    space = _namespace(b, t)
    if space is None:
        return 1.0 if b == 0 else -math.expm1(t * math.log1p(b - 1))
    space = _namespace(b) or space
    log = space.log1p(b - 1) if hasattr(b, "dtype") else (math.log1p(b - 1) if b > 0 else -math.inf)
    return -_namespace(t * log).expm1(t * log)


def full_like(x: Array, value: float, *, scalar: bool = False) -> Array:
    """An array of *value* in x's library and dtype: shaped like x, or zero-dimensional where *scalar*."""
    space = _namespace(x)
    if space is None:
        return float(value)
    return space.full(() if scalar else x.shape, value, dtype=x.dtype, device=array_api_compat.device(x))
