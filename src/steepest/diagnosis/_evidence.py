"""Everything that a verdict is made from, gathered once: numbers without a unit, each with a name."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..training import Run
from . import _probes as probes
from ._beside import Levels, Nursery, Sibling, as_sibling
from ._gathering import Gathering
from ._measure_changes import measure_changes
from ._measure_curvature import measure_curvature
from ._measure_ends import measure_ends, measure_noise
from ._measure_path import measure_path
from ._measure_siblings import measure_better_end, measure_rates_and_starts, measure_reachable
from ._record import Record, Snapshot, fresh_start, record


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
    began, epochs = time.perf_counter(), _again(run, seconds)
    recorded = record(run, epochs=epochs, places=places)
    took = (time.perf_counter() - began) * run.epochs / max(1, epochs)
    gathering = _begun(run, recorded, _epochs(run, took, seconds))
    gathering.siblings += siblings
    if epochs < run.epochs:
        gathering.missing.append(
            f"Only the first {epochs} of its {run.epochs} epochs were trained again in the time given: its path is "
            "told up to there."
        )
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
    measure_better_end(gathering)
    return Evidence(
        recorded, gathering.numbers, tuple(gathering.siblings), gathering.lowest, gathering.away, gathering.before,
        tuple(gathering.missing),
    )  # fmt: skip


def _again(run: Run, seconds: float) -> int:
    """How many of its epochs are trained again: all, or as many as half of the time is enough for."""
    share = min(1.0, seconds / 2 / max(run.seconds, 1e-9))
    return run.epochs if share == 1 else max(1, int(share * run.epochs))


def _epochs(run: Run, took: float, seconds: float) -> int:
    """How long siblings are trained: as long as the run may, or a share where some twenty would take too long."""
    share = min(1.0, seconds / max(1e-9, 20 * took))
    return max(min(run.settings.epochs, 3), math.ceil(share * run.settings.epochs))


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
    until = epochs if epochs < run.settings.epochs else None
    own = as_sibling(run, "rate", 1.0, until)
    return Gathering(run, recorded, levels, own, Nursery(run, instance, epochs), batch)
