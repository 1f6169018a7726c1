"""Runs beside a run: at other rates and starts, and what a quasi-Newton method reaches from here and elsewhere."""

import math
from typing import Any

import jax
import numpy as np

from ..functions import Surface
from ..optimizer import optimizer
from . import _probes as probes
from ._beside import Sibling, other_starts
from ._gathering import Gathering, apart, span_of
from ._stability import adapts

# Rates of a run that diverges at all the usual smaller ones.
_FAR_SLOWER = (1e-3, 1e-4, 1e-5, 1e-6)
# Beyond the largest rate, where that is the best.
_FAR_FASTER = (10.0, 100.0)
# Starts from which other basins are looked for, and places among which the lowest of them are taken.
_BASINS, _DRAWS = 20, 4096


def measure_reachable(g: Gathering) -> None:
    """How low the loss can be had at all: by a quasi-Newton method from the start, and from where the run ended."""
    begun = g.record.snapshots[0].parameters
    far = probes.reach(g.end.parameters, begun)
    found = probes.quasi_newton(g.loss, begun, g.batch, step=1e-2 * far)
    g.quickest = Sibling("method", 0.0, found.loss, found.loss, found.parameters)
    on = probes.quasi_newton(g.loss, g.end.parameters, g.batch, step=1e-3 * far)
    g.numbers["loss a quasi-Newton method goes on to"] = on.loss
    ahead = apart(on.parameters, begun)
    g.numbers["left of the way to where it would go on to"] = (
        apart(on.parameters, g.end.parameters) / ahead if ahead else 0.0
    )
    g.reachable = min(found.loss, on.loss)


def measure_rates_and_starts(g: Gathering) -> None:
    """Train at other rates, further out where the last of them is the best, and from other starts."""
    known = {one.kind for one in g.siblings}
    if "rate" not in known:
        g.siblings += g.nursery.rates()
        g.siblings += g.nursery.rates(_further(g))
    if "start" not in known:
        g.siblings += g.nursery.starts(6 if g.small else 2)
    if g.small:
        _basins(g)
    rates = [one for one in g.siblings if one.kind == "rate"]
    starts = [one for one in g.siblings if one.kind == "start"]
    g.numbers |= {
        "gain of a larger rate": g.gain([one for one in rates if one.change > 1]),
        "gain of a smaller rate": g.gain([one for one in rates if one.change < 1]),
        "gain of another start": g.gain(starts),
        "gain of any": g.gain(g.siblings),
        "loss to begin with": g.levels.start,
        "adaptive": float(adapts(g.run.optimizer)),
        "rows": float(g.record.instance.rows if jax.tree.leaves(g.record.instance.train) else 0),
        "diverged": float(g.run.status == "diverged" or not math.isfinite(g.own.late)),
        "loss to begin with over the best constant's": g.levels.start / g.levels.trivial
        if g.levels.trivial > 0
        else math.nan,
        "loss late on over the best constant's": g.own.late / g.levels.trivial if g.levels.trivial > 0 else math.nan,
    }
    seeds = [one for one in g.siblings if one.kind == "seed"]
    if seeds:
        g.numbers["gain of another seed"] = g.gain(seeds)


def _further(g: Gathering) -> list[float]:
    """More multiples of the rate: smaller ones where all diverged, larger ones where the largest is the best."""
    rates = [one for one in g.siblings if one.kind == "rate"]
    slower = [one for one in rates if one.change < 1]
    if not math.isfinite(g.own.late) and not any(math.isfinite(one.late) for one in slower):
        usual = optimizer(g.run.optimizer.rule).learning_rate / g.run.optimizer.learning_rate
        return [*_FAR_SLOWER, *([usual] if usual < _FAR_SLOWER[-1] else [])]
    best = min([g.own, *rates], key=lambda one: one.late)
    if best.change == max(one.change for one in rates) and math.isfinite(best.late):
        return [factor * best.change for factor in _FAR_FASTER]
    return []


def _basins(g: Gathering) -> None:
    """Other basins, found by a quasi-Newton method from starts around this one, near and far."""
    begun = g.record.snapshots[0].parameters
    flat, _ = probes.flattened(begun)
    far = probes.reach(g.end.parameters, begun)
    found = [probes.quasi_newton(g.loss, one, g.batch, iterations=100, step=1e-2 * far) for one in _elsewhere(g)]
    best = min(found, key=lambda one: one.loss if math.isfinite(one.loss) else math.inf)
    lowest = g.lowest_losses()[0]
    if not math.isfinite(best.loss) or lowest - best.loss > 1e3 * max(g.levels.start - lowest, abs(lowest), 1e-12):
        return
    g.reachable = min(g.reachable, best.loss)
    g.basin = Sibling("start", 0.0, best.loss, best.loss, best.parameters)
    span = span_of(g)
    whole = g.whole.late
    g.numbers["gain of another basin"] = (whole - best.loss) / span if math.isfinite(whole) else 1.0
    to, _ = probes.flattened(best.parameters)
    went, _ = probes.flattened(g.end.parameters)
    g.numbers["way's angle to the better basin"] = _cosine(went - flat, to - flat)


def _elsewhere(g: Gathering) -> list[Any]:
    """Starts for other basins: around this one, near and far; of a test function points of its box and its minima."""
    begun = g.record.snapshots[0].parameters
    flat, unravel = probes.flattened(begun)
    far, random = probes.reach(g.end.parameters, begun), np.random.default_rng(0)
    drawn = random.standard_normal((_DRAWS, flat.size))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    away = far * 4 * random.random((_DRAWS, 1))
    starts = [unravel(point) for point in (flat + away * drawn)[: _BASINS // 2]]
    starts += probes.lowest_places(g.loss, flat + away * drawn, unravel, g.batch, _BASINS - len(starts))
    if isinstance(g.run.problem, Surface):
        starts += [np.asarray(point, np.float32) for point in other_starts(g.run, g.record.instance, _BASINS)]
        starts += [np.asarray(one.at, np.float32) for one in g.run.problem.minima[:1]]
    return starts


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size > 0 and math.isfinite(size) else math.nan
