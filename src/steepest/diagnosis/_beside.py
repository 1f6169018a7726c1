"""Runs beside a run: what it would have done at another rate, from another start, with larger batches, and so on."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from ..functions import Surface
from ..gradients import ClipByGlobalNorm
from ..networks import Layer, Network
from ..optimizer import Optimizer, optimizer
from ..problems import Instance, NetworkInit, NetworkLoss
from ..training import Run, steps_per_epoch
from ._record import Snapshot, Trial, fresh_start, late_loss, late_of, trial, watched_loss, watched_of

Kind = Literal["rate", "start", "batch", "clip", "method", "fresh", "network", "seed"]
# Other rates are tried at these multiples of a run's own.
RATES = (0.01, 0.1, 0.3, 3.0, 10.0, 100.0)
# Rates of the adaptive method tried beside, as shares of the typical size of a parameter.
_ADAPTIVE = (0.001, 0.01, 0.1)
_BATCH_FACTOR = 16
# So much of the way few held-out rows, or their luck with when a run stops, can make alone.
_BY_CHANCE = 0.2
# A training loss higher by so much of the way is as good.
_AS_GOOD = 0.02


class Sibling(NamedTuple):
    """A run beside another.

    kind: what is changed: the rate, the start, the size of the batch, a clipped gradient, the method, a fresh start in
    place of a warm one, the network, or the seed, which changes the rows as well.
    change: the rate's or the batch's multiple; the seed of another start; the limit of a clip; the rate of a method.
    late: its training loss late on, infinite where it diverged.  watched: its lowest watched loss.
    last: its last parameters, where they are at hand.  by: what its method is called.
    curves: its training and watched losses by epoch, where they are at hand.
    """

    kind: Kind
    change: float
    late: float
    watched: float
    last: Any = None
    by: str = "Adam"
    curves: tuple[np.ndarray, np.ndarray] | None = None

    def until(self, epoch: int) -> "Sibling":
        """The same up to an epoch, where its curves tell that."""
        if self.curves is None:
            return self
        train, watched = (curve[: epoch + 1] for curve in self.curves)
        return self._replace(late=late_of(train), watched=watched_of(watched), last=None, curves=None)

    def __str__(self) -> str:
        told = {
            "rate": f"at {self.change:g} times the rate",
            "start": "from another start",
            "batch": f"with {self.change:.3g} times the rows a step",
            "clip": f"with the gradient clipped at {self.change:.3g}",
            "method": f"by {self.by} at {self.change:.3g}" if self.change else "by a quasi-Newton method",
            "fresh": "from a usual start",
            "network": "of one hidden layer of relu",
            "seed": "at another seed",
        }
        return told[self.kind]


@dataclass(frozen=True)
class Levels:
    """What losses are measured against: the loss of the best constant prediction, or else that before the first step.

    start: the training loss there; of a warm start that of a fresh one, if it is higher.  trivial: that of the best
    constant prediction, or infinity where there is none.
    watched_start: the watched loss before the first step.  held_out: whether that is of other rows.
    """

    start: float
    trivial: float
    watched_start: float
    held_out: bool

    def gain(self, run: Sibling, other: Sibling, lowest: tuple[float, float]) -> float:
        """How much lower another run gets, as a share of the way from start to lowest: the lesser of both parts.

        One that is much lower on held-out rows alone, and no higher on the others, gains what is beyond chance of it.
        lowest: the lowest training and watched losses of all. 1 where the run itself diverged and the other did not.
        """
        if not math.isfinite(other.late):
            return -1.0
        if not math.isfinite(run.late):
            return 1.0
        trained = (run.late - other.late) / self._way(self.start, lowest[0])
        if not self.held_out:
            return trained
        watched = (run.watched - other.watched) / self._way(self.watched_start, lowest[1])
        return max(min(trained, watched), watched - _BY_CHANCE if trained > -_AS_GOOD else -1.0)

    def _way(self, start: float, lowest: float) -> float:
        return way(start if math.isinf(self.trivial) else self.trivial, lowest)


def way(start: float, lowest: float) -> float:
    """From where a loss begins to the lowest known, at least what rounding leaves of it."""
    begun = start if math.isfinite(start) else abs(lowest) + 1.0
    return max(begun - lowest, 1e-7 * max(abs(begun), abs(lowest)), 1e-12)


def as_sibling(run: Run, kind: Kind, change: float, until: int | None = None) -> Sibling:
    """What a run comes to, up to an epoch where one is given."""
    return Sibling(kind, change, late_loss(run, until), watched_loss(run, until), run.last)


@dataclass(frozen=True)
class Nursery:
    """Trains siblings of a run, each for so many epochs.

    epochs: as many as the run was given, or fewer where all of it would take too long.
    """

    run: Run
    instance: Instance
    epochs: int

    def rates(self, factors: Iterable[float] = RATES) -> list[Sibling]:
        """At other rates, from the same start."""
        own = self.run.optimizer
        return [self._trained("rate", factor, Trial(optimizer=at_rate(own, factor))) for factor in factors]

    def starts(self, count: int) -> list[Sibling]:
        """From other starts."""
        return [
            self._trained("start", float(number), Trial(start=start))
            for number, start in enumerate(other_starts(self.run, self.instance, count), 1)
        ]

    def fresh(self, count: int) -> list[Sibling]:
        """From fresh starts, in place of a warm one."""
        starts = [standard_start(self.instance, self.run, seed) for seed in range(count)]
        return [self._trained("fresh", float(seed), Trial(start=start)) for seed, start in enumerate(starts)]

    def larger_batch(self) -> Sibling | None:
        """With sixteen times as many rows a step, or all, for as many steps; None where it has all already."""
        rows, settings = self.instance.rows, self.run.settings
        own = settings.batch_size_for(rows)
        size = min(rows, _BATCH_FACTOR * own)
        if size == own:
            return None
        steps = self.epochs * steps_per_epoch(rows, own)
        epochs = max(1, steps // steps_per_epoch(rows, size))
        changed = replace(settings, batch_size=size, epochs=epochs, patience=None)
        return as_sibling(trial(self.run, self.instance, Trial(settings=changed)), "batch", size / own)

    def clipped(self, limit: float) -> Sibling:
        """With the gradient's norm clipped."""
        own = self.run.optimizer
        clipped = replace(own, transforms=(*own.transforms, ClipByGlobalNorm(limit)))
        return self._trained("clip", limit, Trial(optimizer=clipped))

    def shallower(self) -> Sibling:
        """A network of one hidden layer of relu in place of this one, by Adam at its usual rate."""
        loss = self.instance.loss
        assert isinstance(loss, NetworkLoss)
        like = fresh_start(self.instance, self.run.seed)
        network = Network(loss.network.hidden[:1], "relu")
        init = NetworkInit(network, like[0].weights.shape[0], like[-1].weights.shape[1])
        instance = self.instance._replace(init=init, loss=NetworkLoss(network, loss.loss))
        settings = replace(self.run.settings, epochs=self.epochs)
        changed = Trial(optimizer=optimizer("adam", 1e-2), settings=settings)
        found = trial(replace(self.run, warm=None), instance, changed)
        return as_sibling(found, "network", 1.0)._replace(last=None)  # of other shapes

    def replayed(self, before: Snapshot) -> Run:
        """From a place before a spike with a tenth of the step, as far as a quarter of the run."""
        settings = replace(self.run.settings, epochs=max(2, self.epochs // 4), patience=None)
        changed = Trial(at_rate(self.run.optimizer, 0.1), settings, before.parameters)
        return trial(self.run, self.instance, changed)

    def adaptive(self) -> list[Sibling]:
        """By Adam, at rates that follow from the size of the parameters."""
        size = typical_size(fresh_start(self.instance, self.run.seed) if self.run.warm is None else self.run.warm)
        made = self.run.optimizer if self.run.optimizer.name == "adam" else optimizer("adam")
        rates = [share * size for share in _ADAPTIVE]
        return [self._trained("method", rate, Trial(optimizer=made.with_learning_rate(rate))) for rate in rates]

    def _trained(self, kind: Kind, change: float, changed: Trial) -> Sibling:
        settings = replace(self.run.settings, epochs=self.epochs)
        return as_sibling(trial(self.run, self.instance, changed._replace(settings=settings)), kind, change)


def at_rate(optimizer: Optimizer, factor: float) -> Optimizer:
    """The optimizer at a multiple of its rate, whatever its schedule."""
    return replace(optimizer, schedule=optimizer.schedule.scaled(factor))


def typical_size(parameters: Any) -> float:
    """The root mean square of the parameters; 1 where all are 0."""
    leaves = [np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(parameters)]
    size = float(np.sqrt(np.mean(np.concatenate(leaves) ** 2)))
    return size if math.isfinite(size) and size > 0 else 1.0


def other_starts(run: Run, instance: Instance, count: int) -> Sequence[Any]:
    """Other places to begin: of a test function points of its box, else those of other seeds, or around a fixed one."""
    if isinstance(run.problem, Surface):
        from scipy.stats import qmc

        low, high = np.array(run.problem.box, float).T
        points = qmc.scale(qmc.Halton(len(low), rng=run.seed).random(count), low, high)
        return [point.astype(np.float32) for point in points]
    drawn = [fresh_start(instance, run.seed + 1 + number) for number in range(count)]
    own = fresh_start(instance, run.seed)
    if all(_equal(own, one) for one in drawn) or run.warm is not None:
        begun = own if run.warm is None else jax.tree.map(np.asarray, run.warm)
        return [_around(begun, seed) for seed in range(count)]
    return drawn


def _equal(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def _around(parameters: Any, seed: int) -> Any:
    """Each array moved by as much as it is large, or as the whole is where it is 0."""
    random, whole = np.random.default_rng(seed), typical_size(parameters)

    def moved(leaf: Any) -> np.ndarray:
        size = float(np.sqrt(np.mean(np.square(leaf, dtype=np.float64)))) or whole
        return (leaf + size * random.standard_normal(np.shape(leaf))).astype(leaf.dtype)

    return jax.tree.map(moved, parameters)


def standard_start(instance: Instance, run: Run, seed: int) -> Any:
    """A start as it is usually drawn for parameters of these shapes: of the network's default, or of LeCun's variance.

    Matrices of any other loss have entries of variance 1 / inputs, and vectors are 0; parameters without a matrix begin
    where the seed puts them.
    """
    like = fresh_start(instance, seed)
    if isinstance(instance.loss, NetworkLoss):
        network = replace(instance.loss.network, scale=1.0, initializer=None)
        layers = network.init(jax.random.key(seed), like[0].weights.shape[0], like[-1].weights.shape[1])
        return tuple(Layer(*(np.asarray(array) for array in layer)) for layer in layers)
    if not any(np.ndim(leaf) >= 2 for leaf in jax.tree.leaves(like)):
        return like
    random = np.random.default_rng(seed)

    def drawn(leaf: np.ndarray) -> np.ndarray:
        if leaf.ndim < 2:
            return np.zeros_like(leaf)
        inputs = int(np.prod(leaf.shape[:-1]))
        return (random.standard_normal(leaf.shape) / math.sqrt(inputs)).astype(leaf.dtype)

    return jax.tree.map(drawn, like)
