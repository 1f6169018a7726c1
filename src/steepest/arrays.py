"""The few array functions that rules need, in the namespace of whatever array they are given, and checks of numbers.

Python numbers go through ``math``, so a rule also runs on plain floats.
"""

import math
from collections.abc import Callable
from typing import Annotated, Any

import array_api_compat
import numpy as np

from .errors import InputError

Array = Annotated[Any, "NumPy, JAX or PyTorch array of any shape, or a Python float"]
Scalar = Annotated[Any, "zero-dimensional, whatever the parameter's shape"]


def _namespace(*values: Any) -> Any:
    arrays = [value for value in values if hasattr(value, "dtype")]
    return array_api_compat.array_namespace(*arrays) if arrays else None


def _plain(value: Scalar) -> Scalar:
    # A NumPy scalar would widen float32 arrays to float64 where a Python number adapts to them.
    return value.item() if isinstance(value, np.generic) else value


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


def sign(x: Array) -> Array:
    """-1, 0 or 1, elementwise; NaN where x is."""
    space = _namespace(x)
    return space.sign(x) if space else (x > 0) - (x < 0) + 0.0 * x


def where(condition: Scalar, x: Array, y: Array) -> Array:
    """x where the condition holds, else y, elementwise; a plain condition picks one of them whole."""
    condition = _plain(condition)
    return _namespace(condition, x, y).where(condition, x, y) if hasattr(condition, "dtype") else x if condition else y


def transpose(x: Array) -> Array:
    """A matrix with rows and columns exchanged."""
    return x.T


def frobenius_norm(x: Array) -> Array:
    """Root of the sum of all squares."""
    return sqrt(_namespace(x).sum(x * x))


def root(x: Array, epsilon: Scalar, epsilon_at: str) -> Array:
    """``sqrt(x + epsilon)`` with epsilon "inside", ``sqrt(x) + epsilon`` with epsilon "outside".

    >>> root(9.0, 7.0, "inside"), root(9.0, 7.0, "outside")
    (4.0, 10.0)
    """
    return sqrt(x + epsilon) if epsilon_at == "inside" else sqrt(x) + epsilon


def ratio(x: Array, scale: Array) -> Array:
    """``x / scale``, elementwise; x itself where the scale is exactly 0.

    A scale of gradients is 0 only where every gradient so far was, x included, so that 0/0 becomes the 0 it stands
    for. In float16 a usual epsilon underflows and does not prevent 0/0; squares of small gradients underflow too,
    and a step of that gradient's own size is then the careful answer. NaN stays NaN.

    >>> ratio(3.0, 2.0), ratio(0.0, 0.0)
    (1.5, 0.0)
    """
    return x / (scale + (scale == 0))


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
    exponent = _plain(t) * log(b)
    space = _namespace(exponent)
    return -space.expm1(exponent) if space else -math.expm1(exponent)


def log(b: Scalar) -> Scalar:
    """Natural logarithm of a decay in [0, 1), exact however near 1; minus infinity at 0.

    >>> round(log(0.999), 9)
    -0.0010005
    """
    b = _plain(b)
    space = _namespace(b)
    if space:
        return space.log1p(b - 1)
    return math.log1p(b - 1) if b > 0 else -math.inf


def full_like(x: Array, value: float, *, scalar: bool = False) -> Array:
    """An array of *value* in x's library and dtype: shaped like x, or zero-dimensional where *scalar*."""
    space = _namespace(x)
    if space is None:
        return float(value)
    return space.full(() if scalar else x.shape, value, dtype=x.dtype, device=array_api_compat.device(x))


def positive(name: str, value: Scalar, *, hint: str) -> Scalar:
    """The value as a float, or InputError where it is not positive and finite; see `number` for what is let through.

    >>> positive("learning_rate", -0.1, hint="1e-3")
    Traceback (most recent call last):
        ...
    steepest.errors.InputError: learning_rate must be positive and finite; received -0.1. Try 1e-3.
    """
    return number(name, value, lambda x: 0 < x < math.inf, "positive and finite", hint)


def not_negative(name: str, value: Scalar, *, hint: str) -> Scalar:
    """The value as a float, or InputError where it is negative or not finite."""
    return number(name, value, lambda x: 0 <= x < math.inf, "zero or positive, and finite", hint)


def count(name: str, value: Scalar, *, hint: str) -> Scalar:
    """The value as an int, or InputError where it is not a whole number of 1 or more.

    >>> count("steps", 1e4, hint="1000")
    10000
    """
    checked = number(name, value, lambda x: 1 <= x < math.inf and x == int(x), "a whole number, 1 or more", hint)
    return int(checked) if isinstance(checked, float) else checked


def number(name: str, value: Scalar, holds: Callable[[float], bool], must_be: str, hint: str) -> Scalar:
    """The value as a float where ``holds(value)``, otherwise InputError.

    What is not a number passes unchanged, because JAX rebuilds containers around tracers and placeholders, which
    have no value to check; only text is refused, being a mistake for certain. One Python type for each checked
    number also spares a compiled function a second compilation for ``0`` after ``0.0``.
    """
    plain = _plain(value)
    if isinstance(plain, int | float) and holds(plain):
        return float(plain)
    if isinstance(plain, int | float | str):
        raise InputError(f"{name} must be {must_be}; received {plain!r}. Try {hint}.")
    return value
