"""What grows into the evidence of a run: its record, the runs beside it, and the numbers so far."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from ..training import Run
from ._beside import Levels, Nursery, Sibling, way
from ._record import Record, Snapshot

# A Hessian of so many parameters is formed whole; a larger one is asked at both ends.
EXACT = 200
# A run that ends this near to the best beside it needs no further explanation by more runs.
NEAR = 0.02


@dataclass
class Gathering:
    """What grows into the evidence.

    own: the run up to the epoch at which others are compared.  whole: all of it.  quickest, basin: where a quasi-Newton
    method ended, from the start and elsewhere.  reachable: the lowest loss that any found.
    """

    run: Run
    record: Record
    levels: Levels
    own: Sibling
    whole: Sibling
    nursery: Nursery
    batch: Any
    numbers: dict[str, float] = field(default_factory=dict)
    siblings: list[Sibling] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    lowest: Any = None
    away: float = 0.0
    before: Snapshot | None = None
    quickest: Any = None
    basin: Any = None
    reachable: float = math.inf

    @property
    def loss(self) -> Any:
        """The problem's."""
        return self.record.instance.loss

    @property
    def end(self) -> Snapshot:
        """The last place at which the run was finite."""
        return self.record.last_finite

    @property
    def small(self) -> bool:
        """Whether there are so few parameters that much can be asked."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.end.parameters)) <= EXACT

    def lowest_losses(self) -> tuple[float, float]:
        """The lowest training and watched losses of the run, all its siblings, and the quasi-Newton method."""
        every = [self.own, *self.siblings]
        late = [one.late for one in every if math.isfinite(one.late)]
        watched = [one.watched for one in every if math.isfinite(one.watched)]
        lowest = min(late, default=0.0)
        if math.isfinite(self.reachable):
            # Of a loss without a lowest value the method goes down as far as it is let: that is no measure.
            way = max(self.levels.start - lowest, abs(lowest), 1e-12) if math.isfinite(self.levels.start) else math.inf
            lowest = min(lowest, self.reachable) if lowest - self.reachable <= 1e3 * way else lowest
        return lowest, min(watched, default=0.0)

    def gain(self, others: Sequence[Sibling]) -> float:
        """The most that any of these gets below the run."""
        lowest = self.lowest_losses()
        return max((self.levels.gain(self.own, one, lowest) for one in others), default=math.nan)


def span_of(g: Gathering) -> float:
    """The way from where the loss begins to the lowest known."""
    start = g.levels.start if math.isinf(g.levels.trivial) else g.levels.trivial
    return way(start, g.lowest_losses()[0])


def lowest_end(g: Gathering) -> Sibling | None:
    """Of the runs beside it, and the quasi-Newton methods, that which ended lowest; None where no end is at hand."""
    ends = [one for one in (*g.siblings, *others(g)) if one.last is not None and math.isfinite(one.late)]
    ends = [one for one in ends if alike(one.last, g.end.parameters)]
    return min(ends, key=lambda one: one.late, default=None)


def better_end(g: Gathering) -> Any:
    """Where the lowest of all ended, if that is a good deal lower than the run did; else None."""
    best = lowest_end(g)
    return best.last if best is not None and not g.own.late - best.late <= NEAR * span_of(g) else None


def others(g: Gathering) -> list[Sibling]:
    """Where quasi-Newton methods ended, from the start and from elsewhere."""
    return [one for one in (g.quickest, g.basin) if one is not None]


def alike(one: Any, other: Any) -> bool:
    """Whether a tree is finite and of the other's shapes."""
    shapes = [jax.tree.map(np.shape, tree) for tree in (one, other)]
    return shapes[0] == shapes[1] and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(one))


def apart(one: Any, other: Any) -> float:
    """The distance between two trees of parameters."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return math.sqrt(sum(float(np.sum((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)) for a, b in pairs))


def step_of(g: Gathering, one: Snapshot) -> int:
    """At which step a snapshot was taken."""
    epochs = max(1, g.record.run.epochs)
    return round(one.epoch * g.record.run.steps / epochs)
