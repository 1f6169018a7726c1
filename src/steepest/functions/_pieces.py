"""Functions put together of short pieces, each a trouble of its own, that meet in height and, where smooth, in slope.

Source: Schaul, Antonoglou & Silver 2014, Unit tests for stochastic optimization, arXiv:1312.6055; the pieces are
theirs, with corners in the middle of a piece.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..errors import InputError, unknown
from ._surface import Surface, check_dimensions

# The slope taken in place of none by pieces that have no flat form.
_LEAST_SLOPE = -1e-7
_LEFT, _RIGHT = -2.0, 2.0


class _Piece(NamedTuple):
    """value: of (share of the way, slope at the start), 0 at the start.  end: its last slope, of its first."""

    value: Callable[[Array, float], Array]
    end: Callable[[float], float]


def _corner(after: Callable[[float], float]) -> _Piece:
    """A straight line that turns in the middle."""

    def value(u: Array, slope: float) -> Array:
        return slope * jnp.minimum(u, 0.5) + after(slope) * jnp.maximum(u - 0.5, 0.0)

    return _Piece(value, after)


def _parabola(end: Callable[[float], float]) -> _Piece:
    return _Piece(lambda u, slope: slope * u + (end(slope) - slope) * u**2 / 2, end)


def _well(shape: Callable[[Array], Array], slope_of: Callable[[float], float], first: float, last: float) -> _Piece:
    """A stretch of a well -shape(z), from z = first to last; rising, it is seen from the other side."""

    def ends(slope: float) -> tuple[float, float]:
        return (first, last) if slope < 0 or first == -last else (-last, -first)

    def value(u: Array, slope: float) -> Array:
        start, end = ends(slope)
        depth = -slope / (slope_of(start) * (end - start))
        return depth * (shape(jnp.asarray(start)) - shape(start + (end - start) * u))

    def at_end(slope: float) -> float:
        start, end = ends(slope)
        return slope * slope_of(end) / slope_of(start)

    return _Piece(value, at_end)


def _gauss(first: float, last: float) -> _Piece:
    return _well(lambda z: jnp.exp(-(z**2)), lambda z: -2 * z * math.exp(-(z**2)), first, last)


def _laplace(first: float, last: float) -> _Piece:
    return _well(lambda z: jnp.exp(-jnp.abs(z)), lambda z: -math.copysign(math.exp(-abs(z)), z), first, last)


_DECAY = math.log(1000)
_INFLECTION = 1 / math.sqrt(2)
PIECES: Mapping[str, _Piece] = MappingProxyType(
    {
        "line": _Piece(lambda u, slope: slope * u, lambda slope: slope),
        "relu": _corner(lambda slope: 0.0),
        "abs": _corner(lambda slope: -slope),
        "bend": _corner(lambda slope: -1.0),
        "cliff": _corner(lambda slope: -10 * slope),
        "ridge": _corner(lambda slope: 10 * slope),
        "exponential": _Piece(
            lambda u, slope: slope * (1 - jnp.exp(-_DECAY * u)) / _DECAY, lambda slope: slope / math.exp(_DECAY)
        ),
        "quad_convex": _parabola(lambda slope: slope / 10 if slope < 0 else 10 * slope),
        "quad_bowl": _parabola(lambda slope: -slope),
        "gauss_nonconvex": _gauss(-4.0, -_INFLECTION),
        "gauss_convex": _gauss(-_INFLECTION, -0.1),
        "gauss_bowl": _gauss(-0.1, 0.1),
        "laplace_nonconvex": _laplace(-8.0, -1.0),
        "laplace_convex": _laplace(-1.0, -0.1),
        "laplace_bowl": _laplace(-0.1, 0.1),
    }
)
_FLAT = ("line", "relu", "abs", "bend", "cliff", "ridge", "exponential", "quad_convex", "quad_bowl")


def pieces(*names: str, slope: float = -1.0, dimensions: int = 1, norm: str = "l1") -> Surface:
    """A function of pieces, each of the same width, from -2 to 2; beyond it goes on straight.

    names: of ``PIECES``, one after another: ``line``, ``relu``, ``abs``, ``bend`` (then down, by 1 a width),
    ``cliff`` (then back up ten times as steeply), ``ridge`` (then down ten times as steeply), ``exponential``,
    ``quad_convex``, ``quad_bowl``, and stretches of Gaussian and Laplacian wells: ``gauss_nonconvex``,
    ``gauss_convex``, ``gauss_bowl``, and so on.
    slope: at the start, in height per unit of x.  dimensions: the same function of each, put together by *norm*:
    ``l1`` adds them, ``l2`` takes the root of the sum of their squares, ``linf`` the largest.
    Training starts at -2 in each. Raises InputError for names or numbers that are not allowed.

    >>> float(pieces("quad_bowl").value(jnp.array([0.0])))
    1.0
    """
    _check(names, slope, dimensions, norm)
    width = (_RIGHT - _LEFT) / len(names)
    slopes = [slope * width]
    for name in names:
        start = slopes[-1] if name in _FLAT or slopes[-1] else _LEAST_SLOPE
        slopes.append(PIECES[name].end(start))
    height = 2.0

    def along(x: Array) -> Array:
        total = height + slope * jnp.minimum(x - _LEFT, 0.0) + slopes[-1] / width * jnp.maximum(x - _RIGHT, 0.0)
        for number, name in enumerate(names):
            share = jnp.clip((x - _LEFT) / width - number, 0.0, 1.0)
            start = slopes[number] if name in _FLAT or slopes[number] else _LEAST_SLOPE
            total = total + PIECES[name].value(share, start)
        return total

    together = {
        "l1": jnp.sum,
        "l2": lambda heights: jnp.sqrt(jnp.sum(heights**2)),
        "linf": jnp.max,
    }[norm]
    return Surface(
        lambda p: together(along(p)),
        name="-".join(names), formula=f"{', '.join(names)} at a slope of {slope:g}", source="Schaul et al. 2014",
        start=(_LEFT,) * dimensions, box=((_LEFT - 0.5, _RIGHT + 0.5),) * dimensions, complete=False,
    )  # fmt: skip


def _check(names: Sequence[str], slope: float, dimensions: int, norm: str) -> None:
    for name in names:
        if name not in PIECES:
            raise unknown("piece of a function", name, PIECES)
    if not names:
        raise InputError(f"A function has one piece or more; received none. Allowed: {', '.join(PIECES)}.")
    if not (isinstance(slope, int | float) and math.isfinite(slope) and slope != 0):
        raise InputError(f"The slope at the start is finite and not 0; received {slope!r}. Try -1.")
    check_dimensions(dimensions)
    if norm not in ("l1", "l2", "linf"):
        raise unknown("norm", norm, ("l1", "l2", "linf"))
