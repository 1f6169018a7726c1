"""Do what a diagnosis suggests, and train again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from ..errors import InputError
from ..gradients import ClipByGlobalNorm
from ..networks import Network
from ..optimizer import optimizer
from ..problems import NetworkProblem, Problem
from ..training import Run, fit_instance, steps_per_epoch
from . import _probes as probes
from ._beside import other_starts, standard_start
from ._evidence import Evidence
from ._features import scale_of, standardised
from ._gathering import EXACT
from ._spectrum import spectrum
from ._stability import adapts
from ._verdict import Action, Diagnosis


@dataclass(frozen=True)
class Remedy:
    """A run, what was changed, and the run with it.

    after: of a problem of its own where the network or the inputs were changed; ``inputs`` tells how these were.
    """

    before: Run
    after: Run
    action: Action

    @property
    def inputs(self) -> tuple[np.ndarray, np.ndarray] | None:
        """What was taken off the inputs, and what they were then divided by, (columns,); None where nothing was."""
        if self.action.kind != "rescale":
            return None
        (instance,) = self.before.problem.instances([self.before.seed])
        return scale_of(instance)

    @property
    def helped(self) -> bool:
        """Whether the lowest watched loss is lower than before, or the first diverged and the second did not."""
        if self.before.status == "diverged" != self.after.status:
            return True
        return self.after.status != "diverged" and self.after.best_loss < self.before.best_loss


def remedy(diagnosis: Diagnosis, number: int = 0) -> Remedy:
    """Apply the action of a verdict and train again with the same seed, epochs and patience.

    number: which verdict's, 0 for the surest.
    Raises InputError where there is no such verdict.
    """
    if diagnosis.outcome != "troubled" or not 0 <= number < len(diagnosis.verdicts):
        raise InputError(
            f"There is nothing to remedy: the run is {diagnosis.outcome}, with {len(diagnosis.verdicts)} verdicts; "
            f"received number {number}."
        )
    assert diagnosis.run is not None
    assert diagnosis.evidence is not None
    action = diagnosis.verdicts[number].action
    after = _CHANGES[action.kind](diagnosis.run, diagnosis.evidence, action)
    return Remedy(diagnosis.run, after, action)


def _again(run: Run, evidence: Evidence, **changed: Any) -> Run:
    """The run with another optimizer, settings or start."""
    settings, start = changed.get("settings", run.settings), changed.get("start", run.warm)
    one = changed.get("optimizer", run.optimizer)
    return fit_instance(run.problem, evidence.record.instance, one, settings, seed=run.seed, warm=start)


def _rate(run: Run, evidence: Evidence, action: Action) -> Run:
    assert action.value is not None
    schedule = run.optimizer.schedule.scaled(action.value / run.optimizer.learning_rate)
    return _again(run, evidence, optimizer=replace(run.optimizer, schedule=schedule))


def _clip(run: Run, evidence: Evidence, action: Action) -> Run:
    assert action.value is not None
    transforms: tuple[Callable[..., Any], ...] = (*run.optimizer.transforms, ClipByGlobalNorm(action.value))
    return _again(run, evidence, optimizer=replace(run.optimizer, transforms=transforms))


def _batch(run: Run, evidence: Evidence, action: Action) -> Run:
    assert action.value is not None
    rows = evidence.record.instance.rows
    before, after = (steps_per_epoch(rows, size) for size in (run.settings.batch_size_for(rows), int(action.value)))
    # As many steps as before: fewer would be another change.
    epochs = max(1, run.settings.epochs * before // after)
    return _again(
        run, evidence, settings=replace(run.settings, batch_size=int(action.value), epochs=epochs, patience=None)
    )


def _start(run: Run, evidence: Evidence, action: Action) -> Run:
    instance = evidence.record.instance
    if run.warm is not None and action.value is None:
        return _again(run, evidence, start=standard_start(instance, run, run.seed))
    starts = other_starts(run, instance, max(1, int(action.value or 1) - run.seed))
    return _again(run, evidence, start=starts[-1])


def _initializer(run: Run, evidence: Evidence, action: Action) -> Run:
    problem = run.problem
    if isinstance(problem, NetworkProblem) and run.warm is None:
        network = replace(problem.network, initializer=None, scale=1.0)
        if network != problem.network:
            return _of_network(run, network)
    return _again(run, evidence, start=standard_start(evidence.record.instance, run, run.seed))


def _method(run: Run, evidence: Evidence, action: Action) -> Run:
    return _again(run, evidence, optimizer=optimizer("adam", action.value))


def _rescale(run: Run, evidence: Evidence, action: Action) -> Run:
    """On standardised inputs, a problem of its own; at a rate as near to its limit of stability as before, where its
    steps follow the gradient's size.
    """
    record = evidence.record
    instance, begun = standardised(record.instance), record.snapshots[0].parameters
    optimizer = run.optimizer
    if not adapts(optimizer):
        before, after = (_steepest(one.loss, begun, probes.probe_rows(one)) for one in (record.instance, instance))
        optimizer = replace(optimizer, schedule=optimizer.schedule.scaled(before / after))
    scaled = Problem(
        instance.init, instance.loss, instance.train, instance.validation, name=f"{run.problem.name}, standardised"
    )
    (own,) = scaled.instances([run.seed])
    return fit_instance(scaled, own, optimizer, run.settings, seed=run.seed, warm=run.warm)


def _steepest(loss: Callable[..., Any], parameters: Any, batch: Any) -> float:
    """The size of the largest curvature, at least what is told from 0."""
    found = spectrum(loss, parameters, batch, exact=EXACT)
    return max(abs(found.lowest), abs(found.highest), 1e-12)


def _activation(run: Run, evidence: Evidence, action: Action) -> Run:
    """The same network of relu units; of any other loss a start of the usual variance."""
    problem = run.problem
    if not isinstance(problem, NetworkProblem):
        return _initializer(run, evidence, action)
    return _of_network(run, replace(problem.network, activation="relu", initializer=None, scale=1.0))


def _of_network(run: Run, network: Network) -> Run:
    problem = run.problem
    assert isinstance(problem, NetworkProblem)
    around = problem.with_network(network)
    (instance,) = around.instances([run.seed])
    return fit_instance(around, instance, run.optimizer, run.settings, seed=run.seed)


def _escape(run: Run, evidence: Evidence, action: Action) -> Run:
    """From where it ended, moved along the lowest curvature to where the loss is least."""
    record, end = evidence.record, evidence.record.last_finite
    batch = probes.probe_rows(record.instance)
    down = probes.fall(record.instance.loss, end.parameters, evidence.lowest, batch, evidence.away)
    moved = jax.tree.map(
        lambda p, d: (p + down.length * np.asarray(d)).astype(p.dtype), end.parameters, evidence.lowest
    )
    return _again(run, evidence, start=moved)


_CHANGES: dict[str, Callable[[Run, Evidence, Action], Run]] = {
    "rate": _rate,
    "clip": _clip,
    "batch": _batch,
    "start": _start,
    "initializer": _initializer,
    "method": _method,
    "activation": _activation,
    "escape": _escape,
    "rescale": _rescale,
}
