"""Runs with one thing changed, where a run is not as good as the best beside it, or a number asks for them."""

import math

import jax
import numpy as np

from ..problems import NetworkLoss
from ..training import Run
from . import _probes as probes
from ._beside import standard_start
from ._gathering import NEAR, Gathering, span_of
from ._record import Snapshot, late_loss, medians

# Clipping is tried where the gradient grew so many times at once.
_JUMP = 5
# A loss no lower than so much of the best constant's is none that was learned.
_STUCK = 0.9


def measure_changes(g: Gathering) -> None:
    """Runs with one thing changed, where the run is not as good as the best beside it, or a number asks for them."""
    numbers, nursery = g.numbers, g.nursery
    stuck = numbers["loss late on over the best constant's"] > _STUCK
    troubled = not numbers["gain of any"] <= NEAR or stuck
    stochastic = bool(jax.tree.leaves(g.record.instance.train))
    if g.run.warm is not None:
        numbers["weights to begin with over fresh ones"] = _growth(g)
        fresh = nursery.fresh(3)
        g.siblings += fresh
        numbers["gain of a fresh start"] = medians([g.gain([one]) for one in fresh])
        numbers["least gain of a fresh start"] = min(g.gain([one]) for one in fresh)
    elif _reinitialised(g):
        one = nursery.fresh(2)
        g.siblings += one
        numbers["gain of a standard start"] = medians([g.gain([other]) for other in one])
    if stochastic and (troubled or numbers.get("noise of a minibatch over its gradient", 0) > 1):
        larger = nursery.larger_batch()
        if larger is not None:
            g.siblings.append(larger)
            numbers["gain of larger batches"] = g.gain([larger])
    jumps = max(numbers.get("spike of the gradient", 0), numbers.get("largest gradient of the median", 0) / 3)
    if numbers["diverged"] or (jumps > _JUMP and troubled):
        clipped = [nursery.clipped(limit) for limit in _limits(g)]
        g.siblings += clipped
        numbers["gain of clipping"] = g.gain(clipped)
        if g.before is not None:
            again = nursery.replayed(g.before)
            numbers["fall of a replay from before the spike"] = _fall(g, g.before, again)
    if troubled or g.small:
        adaptive = nursery.adaptive()
        g.siblings += adaptive
        numbers["gain of an adaptive method"] = g.gain(adaptive)
    if troubled and isinstance(g.loss, NetworkLoss) and len(g.loss.network.hidden) > 1:
        shallow = nursery.shallower()
        g.siblings.append(shallow)
        numbers["gain of a shallower network"] = g.gain([shallow])
    numbers["gain of any"] = g.gain(g.siblings)


def _fall(g: Gathering, before: Snapshot, again: Run) -> float:
    """How far a replay gets below where it began, as a share of the way; -1 where it is lost as well."""
    begun = probes.look(g.loss, before.parameters, g.batch).loss
    late = late_loss(again)
    return (begun - late) / span_of(g) if math.isfinite(late) and math.isfinite(begun) else -1.0


def _limits(g: Gathering) -> list[float]:
    """Where to clip the gradient's norm: at its usual size before the spike, and so that a step moves the parameters by
    a hundredth or a tenth of their size.
    """
    norms = g.record.gradient_norms
    told = norms[np.isfinite(norms)]
    before = told[: max(1, int(g.numbers.get("spike at", 0) * len(told)))]
    usual = float(np.median(before)) if len(before) else 1.0
    share = g.run.optimizer.hyperparameters.get("momentum", 0.0)
    size = probes.reach(g.record.snapshots[0].parameters, g.record.snapshots[0].parameters)
    rate = g.run.optimizer.learning_rate / max(1e-3, 1 - share)
    return [max(limit, 1e-12) for limit in (usual, 0.01 * size / rate, 0.1 * size / rate)]


def _reinitialised(g: Gathering) -> bool:
    """Whether its start is not as starts are usually drawn, or its first layers say so."""
    loss, numbers = g.loss, g.numbers
    matrices = any(np.ndim(leaf) >= 2 for leaf in jax.tree.leaves(g.end.parameters))
    if not matrices:
        return False
    if isinstance(loss, NetworkLoss) and loss.network.scale != 1:
        return True
    return numbers["gain of any"] > NEAR or numbers["diverged"] > 0


def _growth(g: Gathering) -> float:
    """The largest ratio, over its matrices, of the start's typical size over a fresh one's."""
    fresh = standard_start(g.record.instance, g.run, g.run.seed)
    pairs = zip(jax.tree.leaves(g.record.snapshots[0].parameters), jax.tree.leaves(fresh), strict=True)
    sizes = [(np.sqrt(np.mean(np.square(a))), np.sqrt(np.mean(np.square(b)))) for a, b in pairs if np.ndim(a) >= 2]
    ratios = [float(a / b) for a, b in sizes if b > 0]
    return max(ratios, default=math.nan)
