"""A landscape: a loss over a plane, with the ways of trainings through it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..functions import Kind
from ..pictures import Heights, heights_of
from ._picture import Picture
from ._slice import Slice


@dataclass(frozen=True, eq=False)
class Path:
    """A training's way, as it is seen on the plane of a landscape.

    name: what to call it.  optimizer: the rule's name.  learning_rate: that was asked for.
    steps: the number of each point, in steps or epochs, (points,).
    along, across: the nearest points of the plane, (points,).  off_plane: how far each point is from it, (points,).
    losses: the true loss at each point.  on_plane: the loss at the nearest point of the plane.
    diverged: whether it went on to where nothing is finite.
    """

    name: str
    optimizer: str
    learning_rate: float
    steps: np.ndarray
    along: np.ndarray
    across: np.ndarray
    off_plane: np.ndarray
    losses: np.ndarray
    on_plane: np.ndarray
    diverged: bool = False


@dataclass(frozen=True)
class Point:
    """A point of the plane at which the gradient vanishes.

    along, across: where.  value: the height.  kind: by the signs of the eigenvalues.  eigenvalues: of the Hessian,
    ascending.
    """

    along: float
    across: float
    value: float
    kind: Kind
    eigenvalues: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Landscape(Picture):
    """A loss over a plane.

    name: of the problem.  about: its formula, or what the network is.  slice: the loss on the grid.
    axes: what the two coordinates are.  paths: trainings on it.  points: where the gradient vanishes.
    directions: ``path``, ``random``, ``hessian``; None where the plane is the whole space.
    explained: the share of the paths' variance along each principal direction; None for other directions.
    curvatures: lowest and highest eigenvalue of the Hessian at the centre; None for other directions.
    counted: what the numbers of the points count, ``step`` or ``epoch``.  loss: what a height is, with its unit.
    """

    name: str
    about: str
    slice: Slice
    axes: tuple[str, str]
    paths: tuple[Path, ...] = ()
    points: tuple[Point, ...] = ()
    directions: str | None = None
    explained: tuple[float, float] | None = None
    curvatures: tuple[float, float] | None = None
    counted: str = "step"
    loss: str = "height"

    @property
    def lowest(self) -> float:
        """The lowest height that is known: of the grid, of a minimum on it, or of a path."""
        known = [self.slice.losses.min(), *(point.value for point in self.points)]
        known += [float(path.losses.min()) for path in self.paths]
        return float(min(known))

    @property
    def furthest_off(self) -> float:
        """How far the paths get from the plane at most; 0 where that is rounding beside the plane's width."""
        furthest = max((float(path.off_plane.max()) for path in self.paths), default=0.0)
        return furthest if furthest > 1e-5 * np.ptp(self.slice.along) else 0.0

    @property
    def heights(self) -> Heights:
        """The scale that heights are drawn on."""
        return heights_of(self.slice.losses, min(self.lowest, float(self.slice.losses.min())))

    @property
    def title(self) -> str:
        """What it is a picture of."""
        around = {"path": "along the paths", "random": "in two random directions", "hessian": "along its curvatures"}
        return self.name if self.directions is None else f"{self.name}, {around[self.directions]}"

    @property
    def text(self) -> str:
        """What is seen, in sentences."""
        from ._words import of_landscape

        return of_landscape(self)

    def still(self) -> Any:
        """The picture for print, a matplotlib figure: a panel for each path, the relief, and the losses by step."""
        from ._still import still

        return still(self)

    def page(self) -> str:
        """A whole HTML page, interactive, that needs no network."""
        from ._interactive import landscape_page

        return landscape_page(self)

    def frames(self) -> Iterator[np.ndarray]:
        """The paths in motion: frames of (height, width, 3), uint8. Raises InputError where there is no path."""
        from ._motion import frames

        return frames(self) if self.paths else super().frames()


@dataclass(frozen=True, eq=False, repr=False)
class Between(Picture):
    """The loss on the straight way between two solutions, and a quarter beyond each.

    names: of the two.  shares: of the way, 0 at the first, 1 at the second, (m,).  train: the training loss, (m,).
    validation: the validation loss, (m,), or None.  ends: the training losses of the two.
    """

    name: str
    about: str
    names: tuple[str, str]
    shares: np.ndarray
    train: np.ndarray
    validation: np.ndarray | None
    ends: tuple[float, float]
    loss: str

    @property
    def barrier(self) -> float:
        """How far the training loss rises between the two above the straight line from one's loss to the other's.

        Source: Frankle, Dziugaite, Roy & Carbin 2020, Linear mode connectivity, arXiv:1912.05671.
        """
        between = (self.shares >= 0) & (self.shares <= 1)
        line = self.ends[0] + (self.ends[1] - self.ends[0]) * self.shares[between]
        return float(np.max(self.train[between] - line, initial=0.0))

    @property
    def title(self) -> str:
        """What it is a picture of."""
        return f"{self.name}, between two solutions"

    @property
    def text(self) -> str:
        """What is seen, in sentences."""
        from ._words import of_between

        return of_between(self)

    def still(self) -> Any:
        """The picture for print, a matplotlib figure."""
        from ._still import still_between

        return still_between(self)

    def page(self) -> str:
        """A whole HTML page, interactive, that needs no network."""
        from ._interactive import between_page

        return between_page(self)
