"""Where a run began and ended: gradients over all rows, layer by layer, the units, and the noise of a minibatch."""

import math
from typing import Any

import jax
import numpy as np

from ..errors import InputError
from ..losses import LOSSES
from ..problems import NetworkLoss
from . import _probes as probes
from ._gathering import Gathering, better_end
from ._gradient_noise import gradient_noise
from ._record import Snapshot, layers_of
from ._units import LayerUnits, layer_units

# Rows whose single gradients say how noisy a minibatch's is.
_NOISE_ROWS = 256


def measure_ends(g: Gathering) -> None:
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
    best = better_end(g)
    numbers["gradient at the end"] = last.norm / steepest if steepest > 0 else 0.0
    layers = layers_of(g.end.parameters)
    if len(layers) > 1:
        for name, point in (("at the end", last), ("to begin with", points[0])):
            sizes = [float(np.linalg.norm(point.gradients[places])) for _, places in layers]
            numbers[f"first layer's gradient over the last's, {name}"] = (
                sizes[0] / sizes[-1] if sizes[-1] > 0 else math.nan
            )
    if best is not None:
        numbers["gradient at the end over a better run's largest"] = last.norm / max(steepest, _steepest_of(g, best))
    else:
        numbers["gradient at the end over a better run's largest"] = numbers["gradient at the end"]
    _units(g)


def _steepest_of(g: Gathering, better: Any) -> float:
    """The largest gradient on the straight way from the start to where a better run ended, *better*."""
    begun = g.record.snapshots[0].parameters
    shares = np.linspace(0, 1, 9)
    ways = [jax.tree.map(lambda a, b, s=s: (a + s * (b - a)).astype(a.dtype), begun, better) for s in shares]
    norms = [probes.look(g.loss, one, g.batch).norm for one in ways]
    return max((norm for norm in norms if math.isfinite(norm)), default=0.0)


def _units(g: Gathering) -> None:
    numbers, loss = g.numbers, g.loss
    columns = probes.look(loss, g.end.parameters, g.batch).idle
    numbers["idle units"] = float(columns[:-1].max()) if len(columns) > 1 else 0.0
    if not isinstance(loss, NetworkLoss) or not loss.network.hidden:
        return
    first, last = (_layers(g, one) for one in (g.record.snapshots[0], g.end))
    numbers["dead units"] = max(one.dead for one in last)
    numbers["dead units to begin with"] = max(one.dead for one in first)
    numbers["saturated"] = max(one.saturated for one in last)
    numbers["saturated to begin with"] = max(one.saturated for one in first)
    numbers["duplicate units to begin with"] = max(one.duplicate for one in first)
    ranks = [one.rank / one.units for one in last]
    numbers["effective rank"] = min(ranks)
    variances = [one.variance for one in first]
    numbers["variance of the first layer to begin with"] = variances[0]
    numbers["variance through the layers"] = variances[-1] / variances[0] if variances[0] > 0 else 0.0


def _layers(g: Gathering, one: Snapshot) -> list[LayerUnits]:
    return layer_units(g.loss.network, one.parameters, LOSSES[g.loss.loss], g.batch)


def measure_noise(g: Gathering) -> None:
    """How much of a minibatch's gradient is noise, at the end."""
    instance = g.record.instance
    batch_size = g.run.settings.batch_size_for(instance.rows)
    if not jax.tree.leaves(instance.train) or instance.rows < 2:
        g.numbers["noise of a minibatch over its gradient"] = 0.0
        return
    some = probes.some_rows(instance, _NOISE_ROWS)
    try:
        found = gradient_noise(instance.loss, g.end.parameters, some)
    except InputError as error:
        g.missing.append(str(error))
        return
    whole = probes.look(instance.loss, g.end.parameters, g.batch).norm ** 2
    left = 1 - batch_size / instance.rows  # of a part drawn without putting back
    g.numbers["noise of a minibatch over its gradient"] = (
        min(1e12, left * found.variance / batch_size / whole) if whole > 0 else 1e12
    )
