"""What the steps told: spikes, turns, how the curvature along them differs, how the loss moved late on."""

import math

import numpy as np

from ._gathering import Gathering, step_of
from ._record import medians

# Steps whose median a spike is told from.
_BEFORE = 20


def measure_path(g: Gathering) -> None:
    """What the steps told: spikes, turns, how the loss moved late on."""
    seen, norms = g.record.seen, g.record.gradient_norms
    numbers = g.numbers
    steps = len(norms)
    numbers["steps"] = float(steps)
    if steps < 2:
        g.missing.append("The run has no two steps, so that its path tells nothing.")
        return
    finite = np.isfinite(norms) & np.isfinite(seen.loss)
    if not finite.any():
        g.missing.append("No step had a finite loss and gradient, so that its path tells nothing.")
        return
    middle = medians(norms[finite])
    numbers["largest gradient of the median"] = float(norms[finite].max() / middle) if middle > 0 else math.nan
    numbers["largest gradient before"] = float(np.max(norms[finite], initial=0.0))
    _spike(g, norms, finite)
    _secants(g, norms, finite)
    losses = g.run.curves["train_loss"].to_numpy()
    told = losses[np.isfinite(losses)]
    lowest = g.lowest_losses()[0]
    span = max(told[0] - lowest, 1e-12) if len(told) else 1.0
    third = max(1, len(told) // 3)
    if len(told) > 1:
        numbers["fall late on"] = float(
            (np.median(told[-2 * third : -third or None][:third]) - np.median(told[-third:])) / span
        )


def _secants(g: Gathering, norms: np.ndarray, finite: np.ndarray) -> None:
    """How much the curvature along the steps differs: by how far the gradient turned and grew, over the step."""
    before, after, steps = norms[:-1], norms[1:], g.record.step_norms[:-1]
    told = finite[:-1] & finite[1:] & (steps > 0)
    before, after, turn, steps = (one[told] for one in (before, after, g.record.seen.turn[1:], steps))
    secants = np.sqrt(np.maximum(before**2 + after**2 - 2 * before * after * turn, 0.0)) / steps
    secants = secants[np.isfinite(secants) & (secants > 0)]
    if len(secants) > 1:
        g.numbers["spread of the curvature along steps"] = float(secants.max() / secants.min())


def _spike(g: Gathering, norms: np.ndarray, finite: np.ndarray) -> None:
    """The largest jump of the gradient over the median before it, and whether the loss rose with it."""
    losses = g.record.seen.loss
    ratios = np.zeros(len(norms))
    for t in range(1, len(norms)):
        before = norms[max(0, t - _BEFORE) : t]
        before = before[np.isfinite(before)]
        middle = np.median(before) if len(before) else 0.0
        ratios[t] = (
            norms[t] / middle if middle > 0 and np.isfinite(norms[t]) else (np.inf if not np.isfinite(norms[t]) else 0)
        )
    jumps = np.where(np.isfinite(ratios), ratios, 1e12)
    above = np.flatnonzero(jumps > 10)
    place = int(above[0]) if len(above) else int(np.argmax(jumps))
    g.numbers["spike of the gradient"] = float(jumps.max())
    early = losses[: place + 1]
    g.numbers["spike at"] = place / max(1, len(norms) - 1)
    rise = losses[min(place + 1, len(losses) - 1)] - np.min(early[np.isfinite(early)], initial=losses[0])
    span = max(abs(g.levels.start - g.lowest_losses()[0]), 1e-12)
    g.numbers["rise at the spike"] = float(rise / span) if np.isfinite(rise) else math.inf
    if len(above):
        g.before = max((one for one in g.record.snapshots if step_of(g, one) <= place), key=lambda one: one.epoch)
