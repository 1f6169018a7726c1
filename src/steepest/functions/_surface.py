"""A function of a few numbers, and what is known of it, as a Problem."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..problems import Problem

Kind = Literal["minimum", "maximum", "saddle", "degenerate"]
Value = Callable[[jax.Array], jax.Array]  # a point (dimensions,) -> its height, a scalar
RANDOM = "random"


class Stationary(NamedTuple):
    """A point where the gradient vanishes.

    at: its coordinates.  value: the height there.  kind: by the signs of the Hessian's eigenvalues; ``degenerate``
    where one of them is 0, so that they do not tell.
    """

    at: tuple[float, ...]
    value: float
    kind: Kind


@dataclass(frozen=True)
class _Drawn:
    """An initialiser that draws a point of a box."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __call__(self, key: jax.Array) -> jax.Array:
        low, high = (jnp.asarray(end, jnp.float32) for end in (self.low, self.high))
        return low + (high - low) * jax.random.uniform(key, low.shape)


class Surface(Problem):
    """A test function: fit, race, diagnose and landscape take it like any other Problem.

    value: the height at a point; it is the loss, too.  formula, source: for people.
    box: the lowest and highest of each coordinate worth looking at.
    stationary: the points there at which the gradient vanishes, lowest first; all of them where *complete*.
    start: where training begins: a point, or "random" for one that the seed draws from the box.
    Raises InputError for a start that is not a point of as many finite coordinates.

    >>> from steepest import functions
    >>> float(functions.rosenbrock().value(np.array([1.0, 1.0])))
    0.0
    """

    def __init__(
        self,
        value: Value,
        *,
        name: str,
        formula: str,
        source: str,
        start: Sequence[float] | str,
        box: Sequence[tuple[float, float]],
        stationary: Sequence[Stationary] = (),
        complete: bool = True,
    ):
        low, high = zip(*box, strict=True)
        init = _Drawn(low, high) if isinstance(start, str) and start == RANDOM else _point(start, len(low), name)
        super().__init__(init, value, name=name)
        self.value, self.formula, self.source = value, formula, source
        self.box = tuple((float(a), float(b)) for a, b in box)
        self.stationary = tuple(sorted(stationary, key=lambda point: point.value))
        self.complete = complete

    @property
    def dimensions(self) -> int:
        """How many coordinates a point has."""
        return len(self.box)

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The known minima, the lowest first."""
        return self.of_kind("minimum")

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The known saddles, the lowest first."""
        return self.of_kind("saddle")

    def of_kind(self, kind: Kind) -> tuple[Stationary, ...]:
        """The known stationary points of a kind, the lowest first."""
        return tuple(point for point in self.stationary if point.kind == kind)

    def __repr__(self) -> str:
        return f"{self.name}: {self.formula}, from {self.source}"


def _point(start: Any, dimensions: int, name: str) -> np.ndarray:
    try:
        point = np.asarray(start, np.float32)
    except (TypeError, ValueError):
        point = np.empty(0, np.float32)
    if point.shape != (dimensions,) or not np.isfinite(point).all():
        raise InputError(
            f'The start on {name} is {dimensions} finite numbers, or "random"; received {start!r}. '
            f"Try {(0.5,) * dimensions}."
        )
    return point


def check_dimensions(dimensions: int) -> None:
    """Raise InputError for what is no number of dimensions."""
    if isinstance(dimensions, bool) or not isinstance(dimensions, int) or dimensions < 1:
        raise InputError(f"dimensions is a whole number, 1 or more; received {dimensions!r}. Try 2.")


def kind_of(eigenvalues: Sequence[float], size: float = 0.0, tolerance: float = 1e-6) -> Kind:
    """The kind of a stationary point by the eigenvalues of its Hessian.

    tolerance: as a share of the largest, or of *size* where that is more, below which one counts as 0.

    >>> kind_of([1.0, 2.0]), kind_of([-1.0, 2.0]), kind_of([-1.0, -2.0]), kind_of([0.0, 2.0]), kind_of([0.0, 0.0])
    ('minimum', 'saddle', 'maximum', 'degenerate', 'degenerate')
    """
    values = np.asarray(eigenvalues, float)
    size = float(np.abs(values).max(initial=size))
    signs = np.where(np.abs(values) <= tolerance * size, 0, np.sign(values))
    if (signs > 0).any() and (signs < 0).any():
        return "saddle"
    if (signs == 0).any():
        return "degenerate"
    return "minimum" if (signs > 0).all() else "maximum"
