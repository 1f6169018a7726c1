"""Everything that a verdict is made from, gathered once: numbers without a unit, each with a name."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from ..errors import InputError
from ..functions import Surface
from ..losses import LOSSES
from ..problems import NetworkLoss
from ..training import Run
from . import _probes as probes
from ._beside import Levels, Nursery, Sibling, as_sibling, other_starts, standard_start
from ._gradient_noise import gradient_noise
from ._record import Record, Snapshot, layers_of, medians, record
from ._spectrum import Spectrum, spectrum
from ._stability import adapts, sharpness
from ._units import LayerUnits, layer_units

# A Hessian of so many parameters is formed whole; a larger one is asked at both ends.
_EXACT = 200
_LANCZOS_STEPS = 50
# Rows whose single gradients say how noisy a minibatch's is.
_NOISE_ROWS = 256
# Steps whose median a spike is told from.
_BEFORE = 20
# Rates of a run that diverges at all the usual smaller ones.
_FAR_SLOWER = (1e-3, 1e-4, 1e-5, 1e-6)
# A loss no lower than so much of the best constant's is none that was learned.
_STUCK = 0.9
# Starts from which other basins are looked for, at so many distances.
_BASINS = 20
_DRAWS = 4096
# A run that ends this near to the best beside it needs no further explanation by more runs.
_NEAR = 0.02


@dataclass(frozen=True)
class Evidence:
    """What was measured of a run.

    numbers: by name; NaN where a number could not be had.  siblings: the runs beside it.  record: the run once more.
    lowest: the unit vector of the Hessian's lowest eigenvalue at the end.  away: the most that a step along it may be.
    before: the snapshot before a spike; None where there is none.  missing: what could not be told, and why.
    """

    record: Record
    numbers: dict[str, float]
    siblings: tuple[Sibling, ...]
    lowest: Any = None
    away: float = 0.0
    before: Snapshot | None = None
    missing: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.numbers.get(name, math.nan)

    def best(self, kind: str) -> Sibling | None:
        """The sibling of a kind that gets lowest."""
        of_kind = [one for one in self.siblings if one.kind == kind]
        return min(of_kind, key=lambda one: (one.late, one.watched)) if of_kind else None


@dataclass
class _Gathering:
    """What grows into the evidence."""

    run: Run
    record: Record
    levels: Levels
    own: Sibling
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
        return self.record.instance.loss

    @property
    def end(self) -> Snapshot:
        return self.record.last_finite

    @property
    def small(self) -> bool:
        """Whether there are so few parameters that much can be asked."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.end.parameters)) <= _EXACT

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


def gather(
    run: Run, *, siblings: Sequence[Sibling] = (), seconds: float = 60.0, told: Callable[[str], None] | None = None
) -> Evidence:
    """Measure a run: train it again with somebody looking on, train others beside it, and probe where it ended.

    siblings: that are known; kinds among them are not trained again.  seconds: about how long the others may take;
    where whole ones would take longer they are compared at an earlier epoch.  told: called with what is done next.
    """
    say = told or (lambda what: None)
    say("the run once more")
    began = time.perf_counter()
    recorded = record(run)
    took = time.perf_counter() - began
    gathering = _begun(run, recorded, _epochs(run, took, seconds))
    gathering.siblings += siblings
    _reachable(gathering)
    say("other rates and starts")
    _rates_and_starts(gathering)
    say("its path")
    _path(gathering)
    say("where it began and ended")
    _ends(gathering)
    _curvature(gathering)
    _noise(gathering)
    say("runs with one thing changed")
    _changed(gathering)
    _better_basin(gathering)
    return Evidence(
        recorded, gathering.numbers, tuple(gathering.siblings), gathering.lowest, gathering.away, gathering.before,
        tuple(gathering.missing),
    )  # fmt: skip


def _epochs(run: Run, took: float, seconds: float) -> int:
    """How long siblings are trained: as long as the run may, or a share where some twenty would take too long."""
    share = min(1.0, seconds / max(1e-9, 20 * took))
    return max(min(run.settings.epochs, 3), math.ceil(share * run.settings.epochs))


def _begun(run: Run, recorded: Record, epochs: int) -> _Gathering:
    instance = recorded.instance
    batch = probes.probe_rows(instance)
    curves = run.curves
    begun = float(probes.look(instance.loss, recorded.snapshots[0].parameters, batch).loss)
    levels = Levels(
        start=begun,
        trivial=probes.trivial_loss(instance),
        watched_start=float(curves["validation_loss"][0]),
        held_out=instance.validation is not None,
    )
    until = epochs if epochs < run.settings.epochs else None
    own = as_sibling(run, "rate", 1.0, until)
    return _Gathering(run, recorded, levels, own, Nursery(run, instance, epochs), batch)


def _reachable(g: _Gathering) -> None:
    """How low the loss can be had at all: by a quasi-Newton method from the start, and from where the run ended."""
    begun = g.record.snapshots[0].parameters
    far = probes.reach(g.end.parameters, begun)
    found = probes.quasi_newton(g.loss, begun, g.batch, step=1e-2 * far)
    g.quickest = Sibling("method", 0.0, found.loss, found.loss, found.parameters)
    on = probes.quasi_newton(g.loss, g.end.parameters, g.batch, step=1e-3 * far)
    g.numbers["loss a quasi-Newton method goes on to"] = on.loss
    ahead = _apart(on.parameters, begun)
    g.numbers["left of the way to where it would go on to"] = (
        _apart(on.parameters, g.end.parameters) / ahead if ahead else 0.0
    )
    g.reachable = min(found.loss, on.loss)


def _rates_and_starts(g: _Gathering) -> None:
    known = {one.kind for one in g.siblings}
    if "rate" not in known:
        g.siblings += g.nursery.rates()
    slower = [one for one in g.siblings if one.kind == "rate" and one.change < 1]
    if not math.isfinite(g.own.late) and not any(math.isfinite(one.late) for one in slower):
        g.siblings += g.nursery.rates(_FAR_SLOWER)
    if "start" not in known:
        g.siblings += g.nursery.starts(6 if g.small else 2)
    if g.small:
        _basins(g)
    rates = [one for one in g.siblings if one.kind == "rate"]
    starts = [one for one in g.siblings if one.kind == "start"]
    g.numbers |= {
        "gain of a larger rate": g.gain([one for one in rates if one.change > 1]),
        "gain of a smaller rate": g.gain([one for one in rates if one.change < 1]),
        "gain of thrice the rate": g.gain([one for one in rates if 1 < one.change < 5]),
        "gain of a third of the rate": g.gain([one for one in rates if 0.2 < one.change < 1]),
        "gain of another start": g.gain(starts),
        "other starts that gain": float(np.mean([g.gain([one]) > 0.1 for one in starts])) if starts else math.nan,
        "gain of any": g.gain(g.siblings),
        "loss to begin with": g.levels.start,
        "loss late on": g.own.late,
        "adaptive": float(adapts(g.run.optimizer)),
        "rows": float(g.record.instance.rows if jax.tree.leaves(g.record.instance.train) else 0),
        "diverged": float(g.run.status == "diverged" or not math.isfinite(g.own.late)),
        "loss to begin with, of the best constant's": g.levels.start / g.levels.trivial
        if g.levels.trivial > 0
        else math.nan,
        "loss late on, of the best constant's": g.own.late / g.levels.trivial if g.levels.trivial > 0 else math.nan,
    }
    lower = [one for one in rates if g.gain([one]) >= 0.7 * g.gain(rates) > 0]
    g.numbers["least change of rate that gains"] = min(
        (one.change for one in lower), key=lambda f: abs(math.log(f)), default=1.0
    )


def _basins(g: _Gathering) -> None:
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
    span = _span(g)
    g.numbers["gain of another basin"] = (g.own.late - best.loss) / span if math.isfinite(g.own.late) else 1.0
    g.numbers["basins that gain"] = float(np.mean([g.own.late - one.loss > 0.1 * span for one in found]))
    to, _ = probes.flattened(best.parameters)
    slope = probes.slope(g.loss, begun, g.batch)
    went, _ = probes.flattened(g.end.parameters)
    g.numbers["slope's angle to the better basin"] = _cosine(-slope, to - flat)
    g.numbers["way's angle to the better basin"] = _cosine(went - flat, to - flat)
    first = np.linalg.norm(to - flat)
    g.numbers["distance to the better basin, of the start's"] = (
        float(np.linalg.norm(to - went) / first) if first > 0 else math.nan
    )


def _elsewhere(g: _Gathering) -> list[Any]:
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


def _path(g: _Gathering) -> None:
    """What the steps told: spikes, turns, how the loss moved late on."""
    seen, norms = g.record.seen, g.record.gradient_norms
    numbers = g.numbers
    steps = len(norms)
    numbers["steps"] = float(steps)
    if steps < 2:
        g.missing.append("The run has no two steps, so that its path tells nothing.")
        return
    late = slice(2 * steps // 3, None)
    turns = seen.turn[1:]
    numbers["turn late on"] = medians(turns[late][np.isfinite(turns[late])])
    numbers["turn early on"] = medians(turns[: max(1, steps // 3)][np.isfinite(turns[: max(1, steps // 3)])])
    finite = np.isfinite(norms) & np.isfinite(seen.loss)
    numbers["finite steps"] = float(finite.mean())
    numbers["largest gradient before"] = float(np.max(norms[finite], initial=0.0))
    _spike(g, norms, finite)
    _secants(g, norms, finite)
    sizes = np.sqrt(seen.steps.sum(axis=1)) / np.sqrt(np.maximum(seen.parameters.sum(axis=1), 1e-30))
    numbers["step of the parameters"] = medians(sizes[np.isfinite(sizes)])
    way = float(np.sum(np.sqrt(seen.steps.sum(axis=1))[finite]))
    numbers["straightness"] = float(np.sqrt(seen.distance[finite][-1])) / way if finite.any() and way > 0 else math.nan
    losses = g.run.curves["train_loss"].to_numpy()
    told = losses[np.isfinite(losses)]
    lowest = g.lowest_losses()[0]
    span = max(told[0] - lowest, 1e-12) if len(told) else 1.0
    third = max(1, len(told) // 3)
    numbers["fall late on"] = float(
        (np.median(told[-2 * third : -third or None][:third]) - np.median(told[-third:])) / span
    )
    numbers["rises"] = float(np.mean(np.diff(told) > 1e-3 * span)) if len(told) > 1 else 0.0
    swings = np.abs(np.diff(told[-third:]))
    numbers["swing late on"] = float(np.median(swings) / span) if len(swings) else 0.0
    numbers["rise above the lowest"] = float((np.median(told[-third:]) - told.min()) / span)


def _secants(g: _Gathering, norms: np.ndarray, finite: np.ndarray) -> None:
    """How much the curvature along the steps differs: by how far the gradient turned and grew, over the step."""
    before, after, steps = norms[:-1], norms[1:], g.record.step_norms[:-1]
    change = np.sqrt(np.maximum(before**2 + after**2 - 2 * before * after * g.record.seen.turn[1:], 0.0))
    told = finite[:-1] & finite[1:] & (steps > 0)
    secants = change[told] / steps[told]
    secants = secants[np.isfinite(secants) & (secants > 0)]
    if len(secants) > 1:
        g.numbers["largest curvature along a step, of the median"] = float(secants.max() / np.median(secants))
        g.numbers["spread of the curvature along steps"] = float(secants.max() / secants.min())


def _spike(g: _Gathering, norms: np.ndarray, finite: np.ndarray) -> None:
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
    g.numbers["spikes"] = float(len(above))
    rise = losses[min(place + 1, len(losses) - 1)] - np.min(early[np.isfinite(early)], initial=losses[0])
    span = max(abs(g.levels.start - g.lowest_losses()[0]), 1e-12)
    g.numbers["rise at the spike"] = float(rise / span) if np.isfinite(rise) else math.inf
    if len(above):
        g.before = max((one for one in g.record.snapshots if _step_of(g, one) <= place), key=lambda one: one.epoch)


def _step_of(g: _Gathering, one: Snapshot) -> int:
    epochs = max(1, g.record.run.epochs)
    return round(one.epoch * g.record.run.steps / epochs)


def _ends(g: _Gathering) -> None:
    """Gradients over all rows along the path, the layers, the units, and the start."""
    points = [probes.look(g.loss, one.parameters, g.batch) for one in g.record.snapshots]
    finite = [one for one in points if math.isfinite(one.loss) and math.isfinite(one.norm)]
    numbers = g.numbers
    if not finite:
        g.missing.append("The loss is not finite anywhere on the path.")
        return
    last, steepest = finite[-1], max(one.norm for one in finite)
    if not jax.tree.leaves(g.record.instance.train):
        steepest = max(steepest, numbers.get("largest gradient before", 0.0))
    best = _better(g)
    numbers["gradient at the end"] = last.norm / steepest if steepest > 0 else 0.0
    numbers["gradient to begin with"] = points[0].norm / steepest if steepest > 0 else 0.0
    numbers["loss at the end"] = last.loss
    layers = layers_of(g.end.parameters)
    if len(layers) > 1:
        for name, point in (("at the end", last), ("to begin with", points[0])):
            sizes = [float(np.linalg.norm(point.gradients[places])) for _, places in layers]
            largest = max(sizes)
            numbers[f"first layer's gradient of the last's, {name}"] = (
                sizes[0] / sizes[-1] if sizes[-1] > 0 else math.nan
            )
            numbers[f"least layer's gradient, {name}"] = min(sizes) / largest if largest > 0 else 0.0
    if best is not None and _alike(best, g.end.parameters):
        numbers["gradient at the end, of a better run's"] = last.norm / max(steepest, _steepest_of(g, best))
    else:
        numbers["gradient at the end, of a better run's"] = numbers["gradient at the end"]
    _units(g)


def _steepest_of(g: _Gathering, better: Any) -> float:
    """The largest gradient on the straight way from the start to where a better run ended, *better*."""
    begun = g.record.snapshots[0].parameters
    shares = np.linspace(0, 1, 9)
    ways = [jax.tree.map(lambda a, b, s=s: (a + s * (b - a)).astype(a.dtype), begun, better) for s in shares]
    norms = [probes.look(g.loss, one, g.batch).norm for one in ways]
    return max((norm for norm in norms if math.isfinite(norm)), default=0.0)


def _units(g: _Gathering) -> None:
    numbers, loss = g.numbers, g.loss
    columns = probes.look(loss, g.end.parameters, g.batch).idle
    numbers["idle units"] = float(columns[:-1].max()) if len(columns) > 1 else 0.0
    begun = probes.look(loss, g.record.snapshots[0].parameters, g.batch).idle
    numbers["idle units to begin with"] = float(begun[:-1].max()) if len(begun) > 1 else 0.0
    if not isinstance(loss, NetworkLoss) or not loss.network.hidden:
        return
    first, last = (_layers(g, one) for one in (g.record.snapshots[0], g.end))
    numbers["dead units"] = max(one.dead for one in last)
    numbers["dead units to begin with"] = max(one.dead for one in first)
    numbers["saturated"] = max(one.saturated for one in last)
    numbers["saturated to begin with"] = max(one.saturated for one in first)
    numbers["dormant units"] = max(one.dormant for one in last)
    numbers["dormant units to begin with"] = max(one.dormant for one in first)
    numbers["duplicate units to begin with"] = max(one.duplicate for one in first)
    ranks = [one.rank / one.units for one in last]
    numbers["effective rank"] = min(ranks)
    variances = [one.variance for one in first]
    numbers["variance of the first layer to begin with"] = variances[0]
    numbers["variance through the layers"] = variances[-1] / variances[0] if variances[0] > 0 else 0.0
    slopes = [one.gradient for one in first]
    numbers["gradient's variance through the layers"] = slopes[0] / slopes[-1] if slopes[-1] > 0 else math.nan


def _layers(g: _Gathering, one: Snapshot) -> list[LayerUnits]:
    return layer_units(g.loss.network, one.parameters, LOSSES[g.loss.loss], g.batch)


def _curvature(g: _Gathering) -> None:
    """Both ends of the spectrum where it ended, what lies along the lowest, and how near steps are to instability."""
    numbers, end = g.numbers, g.end
    begun = g.record.snapshots[0].parameters
    better = _better(g)
    far = max([probes.reach(one, begun) for one in (end.parameters, *([better] if better is not None else []))])
    g.away, span = far, _span(g)
    found = _spectrum(g, end.parameters)
    here = probes.look(g.loss, end.parameters, g.batch).loss
    if found is not None:
        g.lowest = found.lowest_vector
        size = max(abs(found.lowest), abs(found.highest), 1e-30)
        numbers["lowest curvature"] = found.lowest / size
        numbers["residual"] = found.lowest_residual / size
        numbers["condition"] = _spread(found)
        least = probes.fall(g.loss, end.parameters, found.lowest_vector, g.batch, far)
        numbers["fall along the lowest curvature"] = (here - least.loss) / span
        numbers["rise around"] = float(np.median(probes.rises(g.loss, end.parameters, g.batch, 0.1 * far))) / span
        numbers["gradient's share along the highest curvature"] = found.gradient
        others = [size]
        for place in _places(g):
            other = _spectrum(g, place.parameters)
            if other is not None:
                others.append(max(abs(other.lowest), abs(other.highest), 1e-30))
        numbers["spread of the curvature along the path"] = max(others) / min(others)
        numbers["curvature at the end, of the path's"] = size / max(others)
        elsewhere = None if better is None else _spectrum(g, better)
        if elsewhere is not None:
            there = max(abs(elsewhere.lowest), abs(elsewhere.highest), 1e-30)
            numbers["curvature at the end, of a better run's"] = size / max(there, *others)
    on = numbers["loss a quasi-Newton method goes on to"]
    numbers["gain of going on"] = (here - on) / span
    places = {
        "at the start": g.record.snapshots[0],
        "to begin with": g.record.snapshots[min(1, len(g.record.snapshots) - 1)],
    }
    for name, place in {**places, "at the end": end}.items():
        numbers[f"sharpness of its limit, {name}"] = _sharp(g, place)
    step = _last_step(g)
    if step is not None:
        numbers["best multiple of the last step"] = probes.best_share(g.loss, end.parameters, step, g.batch)


def _span(g: _Gathering) -> float:
    lowest = g.lowest_losses()[0]
    begun = min(g.levels.start, g.levels.trivial)
    return max(begun - lowest, 1e-7 * max(abs(begun), abs(lowest)), 1e-12) if math.isfinite(begun) else 1.0


def _better(g: _Gathering) -> Any:
    """Where the lowest of all ended, if that is a good deal lower than the run did; else None."""
    ends = [one for one in (*g.siblings, *_others(g)) if one.last is not None and math.isfinite(one.late)]
    ends = [one for one in ends if _alike(one.last, g.end.parameters)]
    best = min(ends, key=lambda one: one.late, default=None)
    return best.last if best is not None and not g.own.late - best.late <= _NEAR * _span(g) else None


def _others(g: _Gathering) -> list[Sibling]:
    """Where quasi-Newton methods ended, from the start and from elsewhere."""
    return [one for one in (g.quickest, g.basin) if one is not None]


def _places(g: _Gathering) -> list[Snapshot]:
    """Where the curvature is looked at beside the end: the start, and either side of a spike."""
    whole = [
        one for one in g.record.snapshots if all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(one.parameters))
    ]
    if not whole:
        return []
    epochs = [one.epoch for one in whole]
    at = epochs.index(g.before.epoch) if g.before is not None and g.before.epoch in epochs else 0
    return [whole[place] for place in sorted({0, at, min(at + 1, len(whole) - 1)})]


def _spectrum(g: _Gathering, parameters: Any) -> Spectrum | None:
    try:
        return spectrum(g.loss, parameters, g.batch, steps=_LANCZOS_STEPS, exact=_EXACT)
    except InputError as error:
        g.missing.append(str(error))
        return None


def _spread(found: Spectrum) -> float:
    """The highest curvature over the lower quarter of the sizes of those that are told from 0."""
    sizes = np.abs(found.nodes)
    told = sizes > 1e-7 * sizes.max(initial=0.0)
    if not told.any():
        return math.nan
    order = np.argsort(sizes[told])
    shares = np.cumsum(found.weights[told][order])
    quarter = sizes[told][order][int(np.searchsorted(shares, 0.25 * shares[-1]))]
    return float(sizes.max() / quarter)


def _sharp(g: _Gathering, place: Snapshot) -> float:
    try:
        found = sharpness(
            g.loss, (place.parameters, place.state), g.batch, g.run.optimizer, steps=_LANCZOS_STEPS, exact=_EXACT
        )
    except InputError:
        return math.nan
    return math.nan if found is None else found.ratio


def _last_step(g: _Gathering) -> Any:
    """From the snapshot before the last to the last, per step; None where there is none."""
    if len(g.record.snapshots) < 2 or g.end is g.record.snapshots[0]:
        return None
    place = g.record.snapshots.index(g.end)
    before = g.record.snapshots[place - 1]
    steps = max(1, _step_of(g, g.end) - _step_of(g, before))
    return jax.tree.map(lambda a, b: (a - b) / steps, g.end.parameters, before.parameters)


def _noise(g: _Gathering) -> None:
    """How much of a minibatch's gradient is noise, at the end and before."""
    instance = g.record.instance
    batch_size = g.run.settings.batch_size_for(instance.rows)
    if not jax.tree.leaves(instance.train) or instance.rows < 2:
        g.numbers["noise of a minibatch"] = 0.0
        return
    rows = np.linspace(0, instance.rows - 1, min(_NOISE_ROWS, instance.rows)).astype(np.int32)
    some = jax.tree.map(lambda array: array[rows], instance.train)
    places = {"at the end": g.end, "to begin with": g.record.snapshots[0]}
    for name, place in places.items():
        try:
            found = gradient_noise(instance.loss, place.parameters, some)
        except InputError as error:
            g.missing.append(str(error))
            continue
        whole = probes.look(instance.loss, place.parameters, g.batch).norm ** 2
        left = 1 - batch_size / instance.rows  # of a part drawn without putting back
        g.numbers[f"noise of a minibatch, {name}"] = (
            min(1e12, left * found.variance / batch_size / whole) if whole > 0 else 1e12
        )
    g.numbers["noise of a minibatch"] = g.numbers.get("noise of a minibatch, at the end", math.nan)


def _changed(g: _Gathering) -> None:
    """Runs with one thing changed, where the run is not as good as the best beside it, or a number asks for them."""
    numbers, nursery = g.numbers, g.nursery
    stuck = numbers["loss late on, of the best constant's"] > _STUCK
    troubled = not numbers["gain of any"] <= _NEAR or stuck
    stochastic = bool(jax.tree.leaves(g.record.instance.train))
    if g.run.warm is not None:
        numbers["weights to begin with, of fresh ones"] = _growth(g)
        fresh = nursery.fresh(3)
        g.siblings += fresh
        numbers["gain of a fresh start"] = medians([g.gain([one]) for one in fresh])
        numbers["least gain of a fresh start"] = min(g.gain([one]) for one in fresh)
    elif _reinitialised(g):
        one = nursery.fresh(2)
        g.siblings += one
        numbers["gain of a standard start"] = medians([g.gain([other]) for other in one])
    if stochastic and (troubled or numbers.get("noise of a minibatch", 0) > 1):
        larger = nursery.larger_batch()
        if larger is not None:
            g.siblings.append(larger)
            numbers["gain of larger batches"] = g.gain([larger])
    if numbers.get("spike of the gradient", 0) > 10 or numbers["diverged"]:
        clipped = [nursery.clipped(limit) for limit in _limits(g)]
        g.siblings += clipped
        numbers["gain of clipping"] = g.gain(clipped)
    if troubled or g.small:
        adaptive = nursery.adaptive()
        g.siblings += adaptive
        numbers["gain of an adaptive method"] = g.gain(adaptive)
    below = g.own.late - g.quickest.late
    numbers["gain of a quasi-Newton method"] = below / max(_span(g), below) if math.isfinite(below) else 1.0
    if troubled and isinstance(g.loss, NetworkLoss) and len(g.loss.network.hidden) > 1:
        shallow = nursery.shallower()
        g.siblings.append(shallow)
        numbers["gain of a shallower network"] = g.gain([shallow])
    numbers["gain of any"] = g.gain(g.siblings)


def _limits(g: _Gathering) -> list[float]:
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


def _reinitialised(g: _Gathering) -> bool:
    """Whether its start is not as starts are usually drawn, or its first layers say so."""
    loss, numbers = g.loss, g.numbers
    matrices = any(np.ndim(leaf) >= 2 for leaf in jax.tree.leaves(g.end.parameters))
    if not matrices:
        return False
    if isinstance(loss, NetworkLoss) and loss.network.scale != 1:
        return True
    return numbers["gain of any"] > _NEAR or numbers["diverged"] > 0


def _growth(g: _Gathering) -> float:
    """The largest ratio, over its matrices, of a start's typical size and a fresh one's; either way round."""
    fresh = standard_start(g.record.instance, g.run, g.run.seed)
    pairs = zip(jax.tree.leaves(g.record.snapshots[0].parameters), jax.tree.leaves(fresh), strict=True)
    sizes = [(np.sqrt(np.mean(np.square(a))), np.sqrt(np.mean(np.square(b)))) for a, b in pairs if np.ndim(a) >= 2]
    ratios = [float(a / b) for a, b in sizes if b > 0]
    return max(ratios, default=math.nan)


def _better_basin(g: _Gathering) -> None:
    """Whether the way led away from where a better run ended."""
    numbers = g.numbers
    better = [one for one in (*g.siblings, *_others(g)) if one.last is not None and math.isfinite(one.late)]
    better = [one for one in better if _alike(one.last, g.end.parameters)]
    if not better:
        return
    best = min(better, key=lambda one: one.late)
    begun, end = g.record.snapshots[0].parameters, g.end.parameters
    first, last = (_apart(one, best.last) for one in (begun, end))
    numbers["distance to a better run's end, of the start's"] = last / first if first > 0 else math.nan
    numbers["gain of the best"] = (
        (g.own.late - best.late) / max(_span(g), g.own.late - best.late, 1e-12) if math.isfinite(g.own.late) else 1.0
    )
    norms = [_apart(one.parameters, jax.tree.map(np.zeros_like, one.parameters)) for one in g.record.snapshots]
    numbers["growth of the parameters"] = norms[-1] / norms[0] if norms[0] > 0 else math.inf


def _alike(one: Any, other: Any) -> bool:
    """Whether a tree is finite and of the other's shapes."""
    shapes = [jax.tree.map(np.shape, tree) for tree in (one, other)]
    return shapes[0] == shapes[1] and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(one))


def _apart(one: Any, other: Any) -> float:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return math.sqrt(sum(float(np.sum((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)) for a, b in pairs))
