"""Everything that a verdict is made from, gathered once: numbers without a unit, each with a name."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ..training import Run
from . import _probes as probes
from ._beside import Levels, Nursery, Sibling, as_sibling
from ._gathering import Gathering
from ._measure_changes import measure_changes
from ._measure_curvature import measure_curvature
from ._measure_ends import measure_ends, measure_noise
from ._measure_path import measure_path
from ._measure_siblings import measure_rates_and_starts, measure_reachable
from ._record import Record, fresh_start, record

# Runs that are trained beside a run, about.
_TRAININGS = 20
# What a step takes besides its products, and how many operations a second these come to, on an ordinary core.
_STEP_SECONDS, _OPERATIONS_A_SECOND = 3e-5, 2e10


@dataclass(frozen=True)
class Evidence:
    """What was measured of a run.

    numbers: by name; NaN where a number could not be had.  siblings: the runs beside it.  record: the run once more.
    lowest: the unit vector of the Hessian's lowest eigenvalue at the end.  away: the most that a step along it may be.
    missing: what could not be told, and why.
    """

    record: Record
    numbers: dict[str, float]
    siblings: tuple[Sibling, ...]
    lowest: Any = None
    away: float = 0.0
    missing: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.numbers.get(name, math.nan)


def gather(
    run: Run,
    *,
    siblings: Sequence[Sibling] = (),
    seconds: float = 60.0,
    places: int = 9,
    told: Callable[[str], None] | None = None,
) -> Evidence:
    """Measure a run: train it again with somebody looking on, train others beside it, and probe where it ended.

    siblings: that are known; kinds among them are not trained again.  seconds: about how long the others may take;
    where whole ones would take longer they are compared at an earlier epoch.  places: of the path that are looked at.
    told: called with what is done next.
    """
    say = told or (lambda what: None)
    say("the run once more")
    whole = _likely_seconds(run)
    epochs = max(1, int(run.epochs * min(1.0, seconds / 2 / whole)))
    recorded = record(run, epochs=epochs, places=places)
    share = min(1.0, seconds / (_TRAININGS * whole))
    gathering = _begun(run, recorded, max(min(run.settings.epochs, 3), math.ceil(share * run.settings.epochs)))
    gathering.siblings += [one.until(gathering.nursery.epochs) for one in siblings]
    _say_what_is_left_out(gathering, epochs)
    measure_reachable(gathering)
    say("other rates and starts")
    measure_rates_and_starts(gathering)
    say("its path")
    measure_path(gathering)
    say("where it began and ended")
    measure_ends(gathering)
    measure_curvature(gathering)
    measure_noise(gathering)
    say("runs with one thing changed")
    measure_changes(gathering)
    return Evidence(
        recorded, gathering.numbers, tuple(gathering.siblings), gathering.lowest, gathering.away,
        tuple(gathering.missing),
    )  # fmt: skip


def _likely_seconds(run: Run) -> float:
    """About how long the run takes once compiled, by its operations: by the clock verdicts would depend on the day."""
    rows = run.settings.batch_size_for(run.problem.instances([run.seed])[0].rows)
    size = sum(np.size(leaf) for leaf in jax.tree.leaves(run.last if run.last is not None else run.parameters))
    steps = run.steps * max(1.0, run.settings.epochs / max(1, run.epochs))
    return max(steps, 1) * (_STEP_SECONDS + 6 * size * rows / _OPERATIONS_A_SECOND)


def _say_what_is_left_out(g: Gathering, epochs: int) -> None:
    if epochs < g.run.epochs:
        g.missing.append(
            f"Only the first {epochs} of its {g.run.epochs} epochs were trained again in the time given: its path is "
            "told up to there."
        )
    if g.nursery.epochs < g.run.settings.epochs:
        g.missing.append(
            f"Others beside it were trained for {g.nursery.epochs} of its {g.run.settings.epochs} epochs in the time "
            "given, and compared there."
        )
    if not g.small:
        size = sum(np.size(leaf) for leaf in jax.tree.leaves(g.end.parameters))
        g.missing.append(
            f"Of {size:,} parameters the Hessian is not formed whole, only the ends of its spectrum are found, and "
            "other basins are not searched."
        )


def _begun(run: Run, recorded: Record, epochs: int) -> Gathering:
    instance = recorded.instance
    batch = probes.probe_rows(instance)
    curves = run.curves
    begun = float(probes.look(instance.loss, recorded.snapshots[0].parameters, batch).loss)
    if run.warm is not None:
        begun = max(begun, float(probes.look(instance.loss, fresh_start(instance, run.seed), batch).loss))
    levels = Levels(
        start=begun,
        trivial=probes.trivial_loss(instance),
        watched_start=float(curves["validation_loss"][0]),
        held_out=instance.validation is not None,
    )
    whole = as_sibling(run, "rate", 1.0)
    own = as_sibling(run, "rate", 1.0, epochs) if epochs < run.settings.epochs else whole
    return Gathering(run, recorded, levels, own, whole, Nursery(run, instance, epochs), batch)
