"""A run once more, with somebody looking on: the same seed, minibatches and start, so the same steps."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from ..optimizer import Optimizer, OptimizerState
from ..problems import Instance, start
from ..training import Run, Settings, Training
from ._economy import Economy, Seen

# Places along a run at which its parameters are kept, both ends included.
_PLACES = 9


class Snapshot(NamedTuple):
    """Where a run stood after an epoch: its parameters (NumPy arrays) and the optimizer's state."""

    epoch: int
    parameters: Any
    state: OptimizerState


@dataclass(frozen=True)
class Record:
    """A run with what every step told.

    run: as it went this time.  instance: its problem at its seed.  seen: a row a step, float64.
    snapshots: the start first, the end last.
    """

    run: Run
    instance: Instance
    seen: Seen
    snapshots: tuple[Snapshot, ...]

    @property
    def gradient_norms(self) -> np.ndarray:
        """Of each minibatch's whole gradient, (steps,)."""
        return np.sqrt(self.seen.gradients.sum(axis=1))

    @property
    def step_norms(self) -> np.ndarray:
        """Of each whole step, (steps,)."""
        return np.sqrt(self.seen.steps.sum(axis=1))

    @property
    def last_finite(self) -> Snapshot:
        """The last place at which all parameters were finite."""
        whole = [one for one in self.snapshots if _finite(one.parameters)]
        return whole[-1] if whole else self.snapshots[0]


def record(
    run: Run, *, observer: Economy | None = None, places: int = _PLACES, instance: Instance | None = None,
    epochs: int | None = None, told: Callable[[int], None] | None = None,
) -> Record:  # fmt: skip
    """Train a run again from its own start, and look on.

    observer: ``Economy`` unless given.  places: how many snapshots to keep.  instance: the problem's at the run's seed,
    where that is at hand.  epochs: how many of the run's to train again, all unless given; its end is then kept as it
    was.  told: called with the epoch now and then.
    The steps are the run's own up to the rounding of another program, which may tell late in an unstable run.
    """
    if instance is None:
        (instance,) = run.problem.instances([run.seed])
    settings = run.settings
    training = Training(
        run.problem, instance, run.optimizer, settings, seed=run.seed, warm=run.warm, observer=observer or Economy()
    )
    until = max(1, run.epochs if epochs is None else min(epochs, run.epochs))
    ends = np.unique(np.linspace(0, until, places).astype(int))
    snapshots = [_snapshot(training)]
    for end in ends[1:]:
        training.go(int(end))
        snapshots.append(_snapshot(training))
        if told is not None:
            told(training.epoch)
        if training.ended:
            break
    if until < run.epochs and run.last is not None:
        snapshots.append(Snapshot(run.epochs, jax.tree.map(np.asarray, run.last), snapshots[-1].state))
    seen = training.observed
    if seen is None:
        seen = _nothing(snapshots[0].parameters)
    return Record(training.run(), instance, _of_steps(seen, training.run().steps), tuple(snapshots))


def _snapshot(training: Training) -> Snapshot:
    held = jax.tree.map(_kept, (training.parameters, training.state))
    return Snapshot(training.epoch, *held)


def _kept(leaf: Any) -> Any:
    # The compiled loop writes over its arrays; keys of random numbers are no arrays that NumPy knows.
    return leaf.copy() if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np.array(leaf)


def _nothing(parameters: Any) -> Seen:
    arrays = len(jax.tree.leaves(parameters))
    none, empty = np.zeros((0, arrays)), np.zeros(0)
    return Seen(empty, none, none, none, empty, empty)


def _of_steps(seen: Any, steps: int) -> Seen:
    return jax.tree.map(lambda one: np.asarray(one[: max(steps, 0)], np.float64), seen)


def _finite(tree: Any) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))


def layers_of(parameters: Any) -> list[tuple[str, list[int]]]:
    """The layers of a tree, by its first level: a name, and the places of its arrays among the leaves.

    >>> layers_of({"first": {"w": np.ones(2), "b": np.ones(1)}, "last": np.ones(3)})
    [("['first']", [0, 1]), ("['last']", [2])]
    """
    found: dict[str, list[int]] = {}
    for place, (path, _) in enumerate(jax.tree_util.tree_leaves_with_path(parameters)):
        found.setdefault(jax.tree_util.keystr(path[:1]), []).append(place)
    return list(found.items())


def fresh_start(instance: Instance, seed: int) -> Any:
    """The parameters that a seed draws, as NumPy arrays."""
    return jax.tree.map(np.asarray, start(instance.init, seed)[0])


class Trial(NamedTuple):
    """A run to have beside another: what is changed of it; None for what is not.

    start: the parameters to begin with.
    """

    optimizer: Optimizer | None = None
    settings: Settings | None = None
    start: Any = None


def trial(run: Run, instance: Instance, changed: Trial) -> Run:
    """Train a run with something changed, on the same rows and minibatches."""
    training = Training(
        run.problem, instance, changed.optimizer or run.optimizer, changed.settings or run.settings, seed=run.seed,
        warm=run.warm if changed.start is None else changed.start,
    )  # fmt: skip
    training.go((changed.settings or run.settings).epochs)
    return training.run()


def late_loss(run: Run, until: int | None = None) -> float:
    """The training loss late on; infinite where the run diverged.  until: an epoch to take as the last."""
    if run.status == "diverged" and (until is None or until >= run.epochs):
        return math.inf
    return late_of(run.curves["train_loss"].to_numpy()[: None if until is None else until + 1])


def late_of(losses: np.ndarray) -> float:
    """The median of the last fifth of the epochs' training losses, (epochs + 1,) from before the first step."""
    told = losses[1:] if len(losses) > 1 else losses
    late = np.median(told[-max(1, len(told) // 5) :])
    return float(late) if np.isfinite(late) else math.inf


def watched_loss(run: Run, until: int | None = None) -> float:
    """The lowest watched loss.  until: an epoch to take as the last."""
    return watched_of(run.curves["validation_loss"].to_numpy()[: None if until is None else until + 1])


def watched_of(losses: np.ndarray) -> float:
    """The lowest of watched losses, (epochs + 1,): the mean over the five epochs around it."""
    finite = np.where(np.isfinite(losses), losses, np.inf)
    if len(finite) < 2:
        return float(finite[0])
    best = int(np.argmin(finite[1:])) + 1
    around = finite[max(1, best - 2) : best + 3]
    return float(around[np.isfinite(around)].mean()) if np.isfinite(around).any() else math.inf


def medians(values: Sequence[float]) -> float:
    """The median; NaN of none."""
    return float(np.median(values)) if len(values) else math.nan
