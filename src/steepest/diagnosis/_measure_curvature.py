"""The Hessian where a run ended: its ends, what lies along the lowest, and how near steps are to instability."""

import math
from typing import Any

import jax
import numpy as np

from ..errors import InputError
from . import _probes as probes
from ._gathering import EXACT, Gathering, better_end, span_of, step_of
from ._record import Snapshot
from ._spectrum import Spectrum, spectrum
from ._stability import sharpness

# Products with the Hessian that both ends of its spectrum are found by.
_LANCZOS_STEPS = 50


def measure_curvature(g: Gathering) -> None:
    """Both ends of the spectrum where it ended, what lies along the lowest, and how near steps are to instability."""
    numbers, end = g.numbers, g.end
    begun = g.record.snapshots[0].parameters
    better = better_end(g)
    far = max([probes.reach(one, begun) for one in (end.parameters, *([better] if better is not None else []))])
    g.away, span = far, span_of(g)
    found = _spectrum(g, end.parameters)
    here = probes.look(g.loss, end.parameters, g.batch).loss
    if found is not None:
        g.lowest = found.lowest_vector
        size = max(abs(found.lowest), abs(found.highest), 1e-30)
        numbers["lowest curvature over the largest"] = found.lowest / size
        numbers["condition"] = _spread(found)
        least = probes.fall(g.loss, end.parameters, found.lowest_vector, g.batch, far)
        numbers["fall along the lowest curvature"] = (here - least.loss) / span
        numbers["rise around"] = float(np.median(probes.rises(g.loss, end.parameters, g.batch, 0.1 * far))) / span
        if better is not None:
            numbers["curvature at the end over a better run's"] = size / max(size, *_sizes_elsewhere(g, better))
    on = numbers["loss a quasi-Newton method goes on to"]
    numbers["gain of going on"] = (here - on) / span
    places = {
        "at the start": g.record.snapshots[0],
        "early on": g.record.snapshots[min(1, len(g.record.snapshots) - 1)],
    }
    for name, place in {**places, "at the end": end}.items():
        numbers[f"sharpness over its limit of stability, {name}"] = _sharp(g, place)
    step = _last_step(g)
    if step is not None:
        numbers["best multiple of the last step"] = probes.best_share(g.loss, end.parameters, step, g.batch)


def _sizes_elsewhere(g: Gathering, better: Any) -> list[float]:
    """The size of the curvature where a better run ended, and at places of this run's path."""
    found = [_spectrum(g, parameters) for parameters in (better, *(one.parameters for one in _places(g)))]
    return [max(abs(one.lowest), abs(one.highest)) for one in found if one is not None]


def _places(g: Gathering) -> list[Snapshot]:
    """Where the curvature is looked at beside the end: the start, and either side of a spike."""
    whole = [
        one for one in g.record.snapshots if all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(one.parameters))
    ]
    if not whole:
        return []
    epochs = [one.epoch for one in whole]
    at = epochs.index(g.before.epoch) if g.before is not None and g.before.epoch in epochs else 0
    return [whole[place] for place in sorted({0, at, min(at + 1, len(whole) - 1)})]


def _spectrum(g: Gathering, parameters: Any) -> Spectrum | None:
    try:
        return spectrum(g.loss, parameters, g.batch, steps=_LANCZOS_STEPS, exact=EXACT)
    except InputError as error:
        g.missing.append(str(error))
        return None


def _spread(found: Spectrum) -> float:
    """The highest curvature over the lowest tenth of the sizes of those that are told from 0."""
    sizes = np.abs(found.nodes)
    told = sizes > 1e-7 * sizes.max(initial=0.0)
    if not told.any():
        return math.nan
    order = np.argsort(sizes[told])
    shares = np.cumsum(found.weights[told][order])
    tenth = sizes[told][order][int(np.searchsorted(shares, 0.1 * shares[-1]))]
    return float(sizes.max() / tenth)


def _sharp(g: Gathering, place: Snapshot) -> float:
    try:
        found = sharpness(
            g.loss, (place.parameters, place.state), g.batch, g.run.optimizer, steps=_LANCZOS_STEPS, exact=EXACT
        )
    except InputError:
        return math.nan
    return math.nan if found is None else found.ratio


def _last_step(g: Gathering) -> Any:
    """From the snapshot before the last to the last, per step; None where there is none."""
    if len(g.record.snapshots) < 2 or g.end is g.record.snapshots[0]:
        return None
    place = g.record.snapshots.index(g.end)
    before = g.record.snapshots[place - 1]
    steps = max(1, step_of(g, g.end) - step_of(g, before))
    return jax.tree.map(lambda a, b: (a - b) / steps, g.end.parameters, before.parameters)
