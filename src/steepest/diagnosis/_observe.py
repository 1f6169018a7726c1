"""Train with instruments: cheap ones at every step, dear ones as often as a budget of time allows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from ..errors import InputError, unknown
from ..losses import LOSSES
from ..optimizer import Adam, Optimizer, OptimizerState
from ..optimizer import optimizer as named
from ..problems import Instance, Minimised, NetworkLoss, check_minimised
from ..rules import Rule
from ..training import Run, Settings, Training
from . import _probes as probes
from ._economy import Economy, Seen
from ._gradient_noise import GradientNoise, gradient_noise
from ._per_sample import PerSample
from ._spectrum import Spectrum, spectrum
from ._stability import Sharpness, sharpness
from ._step import StepCurvature, step_curvature
from ._units import LayerUnits, layer_units

Tier = Literal["economy", "per-sample", "full"]
_TIERS: dict[str, Economy | None] = {"economy": Economy(), "per-sample": PerSample(), "full": None}
# Rows of the single gradients that a look takes.
_NOISE_ROWS = 128
_LANCZOS_STEPS = 80


class Look(NamedTuple):
    """All that can be measured at one place of a run; None for what cannot, told in *missing*.

    epoch: after which.  loss: over the rows looked at.  gradients: the norm of each array's gradient, (arrays,).
    spectrum: of the Hessian.  sharpness: of the Hessian as the optimizer sees it, beside its limit.
    noise: of single rows' gradients.  step: the parabola along the way from the look before, per step.
    units: of each hidden layer of a network.  seconds: that the look took.
    """

    epoch: int
    loss: float
    gradients: np.ndarray
    spectrum: Spectrum | None
    sharpness: Sharpness | None
    noise: GradientNoise | None
    step: StepCurvature | None
    units: tuple[LayerUnits, ...]
    missing: tuple[str, ...]
    seconds: float


@dataclass
class Cadence:
    """When the next look is due: when it, and those before, take no more than their share of the time.

    share: of the time of training.  cost: seconds of a look, as the last one took; the first is taken at the start.
    """

    share: float = 0.08
    trained: float = 0.0
    looked: float = 0.0
    cost: float = 0.0

    @property
    def due(self) -> bool:
        """Whether to look now."""
        return self.looked + self.cost <= self.share * self.trained

    def after_look(self, seconds: float) -> None:
        """A look took so long."""
        self.cost = seconds
        self.looked += seconds


@dataclass(frozen=True)
class Observation:
    """A run with what its instruments told.

    seen: a row a step, None in the full tier.  looks: the full tier's, the first before the first step; there is one at
    the end where the time allows, or where it is the only other one.
    """

    run: Run
    seen: Seen | None
    looks: tuple[Look, ...]


def observe(
    problem: Minimised,
    optimizer: Optimizer | Rule | str | None = None,
    *,
    tier: Tier = "economy",
    epochs: int = 100,
    batch_size: int | Literal["all"] | None = None,
    patience: int | None = 10,
    seed: int = 0,
    share: float = 0.08,
    told: Callable[[int], None] | None = None,
) -> Observation:
    """Train as ``fit`` does, with instruments.

    optimizer: as in ``fit``.
    tier: ``economy``, norms and angles at every step; ``per-sample``, how the rows' gradients scatter as well;
    ``full``, everything else at places of the run that are chosen by the clock.
    epochs, batch_size, patience, seed: as in ``fit``.  share: of the time of training that full looks may take.
    told: called with the epoch now and then.
    Raises InputError like ``fit``, for an unknown tier, and for a share that is not positive.
    """
    check_minimised(problem)
    if tier not in _TIERS:
        raise unknown("tier", tier, _TIERS)
    if not share > 0:
        raise InputError(f"share must be positive; received {share}. Try 0.08.")
    (instance,) = problem.instances([seed])
    settings = Settings(epochs, batch_size, patience)
    chosen = optimizer or Adam()
    chosen = chosen if isinstance(chosen, Optimizer) else named(chosen)
    training = Training(problem, instance, chosen, settings, seed=seed, observer=_TIERS[tier])

    def say(epoch: int, *_: float) -> bool:
        if told is not None:
            told(epoch)
        return True

    if tier != "full":
        training.go(settings.epochs, say)
        return Observation(training.run(), training.observed, ())
    looks = _looked_at(training, instance, chosen, Cadence(share), say)
    return Observation(training.run(), None, tuple(looks))


def _looked_at(
    training: Training, instance: Instance, optimizer: Optimizer, cadence: Cadence, say: Callable[[int], bool]
) -> list[Look]:
    """Train to the end, an epoch at a time, and look whenever the clock allows."""
    looks, before = [_kept_look(training, instance, optimizer, None)], _kept(training)
    warm = False
    while not training.ended:
        began = time.perf_counter()
        training.go(training.epoch + 1)
        if warm:  # the first stretch compiles
            cadence.trained += time.perf_counter() - began
        elif len(looks) == 1:
            warm, cadence.cost = True, looks[0].seconds
        say(training.epoch)
        if cadence.due and not training.ended:
            looks.append(_kept_look(training, instance, optimizer, before))
            cadence.after_look(looks[-1].seconds)
            before = _kept(training)
    if training.epoch > looks[-1].epoch and (len(looks) == 1 or cadence.due):
        looks.append(_kept_look(training, instance, optimizer, before))
    return looks


def _kept(training: Training) -> tuple[int, Any]:
    return training.epoch, jax.tree.map(np.array, training.parameters)


def _kept_look(training: Training, instance: Instance, optimizer: Optimizer, before: tuple[int, Any] | None) -> Look:
    at = jax.tree.map(np.array, training.parameters), training.state
    return look_fully(instance, at, optimizer, epoch=training.epoch, before=before)


def look_fully(
    instance: Instance, at: tuple[Any, OptimizerState], optimizer: Optimizer, *, epoch: int = 0,
    before: tuple[int, Any] | None = None,
) -> Look:  # fmt: skip
    """Measure everything at one place.

    at: the parameters and the optimizer's state.  before: an earlier epoch and its parameters, for the step.
    What cannot be measured, as where a loss has no second derivative, is told in the look and is no error.
    """
    began = time.perf_counter()
    parameters, missing = at[0], list[str]()
    batch = probes.probe_rows(instance)
    here = probes.look(instance.loss, parameters, batch)

    def maybe(measure: Callable[[], Any]) -> Any:
        try:
            return measure()
        except InputError as error:
            missing.append(str(error))
            return None

    some = probes.some_rows(instance, _NOISE_ROWS)
    network = instance.loss if isinstance(instance.loss, NetworkLoss) else None
    return Look(
        epoch=epoch,
        loss=here.loss,
        gradients=here.gradients,
        spectrum=maybe(lambda: spectrum(instance.loss, parameters, batch, steps=_LANCZOS_STEPS)),
        sharpness=maybe(lambda: sharpness(instance.loss, at, batch, optimizer)),
        noise=maybe(lambda: gradient_noise(instance.loss, parameters, some)) if instance.rows > 1 else None,
        step=None if before is None else maybe(lambda: _step(instance, before, parameters, epoch, some)),
        units=tuple(layer_units(network.network, parameters, LOSSES[network.loss], batch)) if network else (),
        missing=tuple(dict.fromkeys(missing)),
        seconds=time.perf_counter() - began,
    )


def _step(instance: Instance, before: tuple[int, Any], parameters: Any, epoch: int, some: Any) -> StepCurvature:
    moved = jax.tree.map(lambda a, b: (a - b) / max(1, epoch - before[0]), parameters, before[1])
    return step_curvature(instance.loss, parameters, moved, some)
