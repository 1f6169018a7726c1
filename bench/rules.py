"""The published rules of AutoTrainer and BTTackler on the history of a finished run, to hold a diagnosis beside.

Both were made for networks that classify. Here a function is a network of one layer whose parameters are its weights,
and where nothing is classified the share of the first loss that is gone stands for the accuracy.
Sources: Zhang et al. 2021, AutoTrainer, ICSE, with the defaults of its monitor.py; Pei et al. 2024, BTTackler, KDD,
with those of its default_config.yaml. Both stop at the first problems they see, and so do the functions here. BTTackler
protects the best tenth of ten trials or more from some rules; of a single run there are none to protect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st
from steepest.problems import NetworkLoss
from steepest.training import Training
from steepest.training._observer import Moved

# A function's steps are put together to at most so many epochs.
_MOST_EPOCHS = 60


@dataclass(frozen=True)
class History:
    """What the rules look at, a row an epoch.

    loss, validation: mean losses of the training and the validation part (of the training part where there is none).
    accuracy: of the training part.  norms: of each layer's weights' gradient, (epochs, layers), first layer first.
    sizes: the mean absolute entry of each, likewise.  zeros: the share of entries that are 0.  all_zeros: of all
    parameters together, (epochs,).  finite: whether all gradients were.  epochs: how many were to be.
    """

    loss: np.ndarray
    validation: np.ndarray
    accuracy: np.ndarray
    norms: np.ndarray
    sizes: np.ndarray
    zeros: np.ndarray
    all_zeros: np.ndarray
    finite: np.ndarray
    epochs: int


@dataclass(frozen=True)
class _Watch:
    """An observer of gradients, and of the share of each minibatch that is classified rightly."""

    def begin(self, parameters: Any) -> Any:
        return ()

    def gradient(self, loss: Any) -> Any:
        def differentiated(parameters: Any, batch: Any) -> tuple:
            value, gradients = jax.value_and_grad(loss)(parameters, batch)
            return value, gradients, _right(loss, parameters, batch)

        return differentiated

    def see(self, observed: Any, moved: Moved) -> tuple[Any, Any]:
        leaves = jax.tree.leaves(moved.gradients)
        rows = [jnp.stack([jnp.linalg.norm(leaf), jnp.mean(jnp.abs(leaf)), jnp.mean(leaf == 0)]) for leaf in leaves]
        return observed, (jnp.stack(rows), moved.aside)


def _right(loss: Any, parameters: Any, batch: Any) -> jax.Array:
    """The share of rows that is classified rightly; NaN where none is classified."""
    if not isinstance(loss, NetworkLoss) or "cross_entropy" not in loss.loss:
        return jnp.float32(jnp.nan)
    outputs = loss.network.apply(parameters, batch[0])
    told = outputs[:, 0] > 0 if loss.loss == "binary_cross_entropy" else jnp.argmax(outputs, axis=1)
    return jnp.mean(told == batch[1])


def history(run: st.Run) -> History:
    """Train a run again and look on."""
    (instance,) = run.problem.instances([run.seed])
    training = Training(
        run.problem, instance, run.optimizer, run.settings, seed=run.seed, warm=run.warm, observer=_Watch()
    )
    training.go(run.settings.epochs)
    again = training.run()
    told = again.curves.slice(1)
    stats, right = training.observed
    steps = max(1, len(right) // max(1, len(told)))
    stats, right = stats.reshape(len(told), steps, *stats.shape[1:]), right.reshape(len(told), steps)
    leaves = jax.tree.leaves(run.last)
    kernels = [i for i, leaf in enumerate(leaves) if np.ndim(leaf) == 2] or list(range(len(leaves)))
    counts = np.array([np.size(leaf) for leaf in leaves])
    loss, validation = (told[name].to_numpy() for name in ("train_loss", "validation_loss"))
    begun = again.curves["train_loss"][0]
    gone = np.clip((begun - loss) / max(abs(begun), 1e-30), 0, 1)
    accuracy = right.mean(axis=1)
    every = -(-len(told) // _MOST_EPOCHS) if steps == 1 else 1
    ends = np.arange(len(told) % every or every, len(told) + 1, every) - 1
    return History(
        loss[ends], validation[ends], np.where(np.isnan(accuracy), gone, accuracy)[ends],
        stats[ends, -1][:, kernels, 0], stats.mean(axis=1)[ends][:, kernels, 1],
        stats.mean(axis=1)[ends][:, kernels, 2], (stats[:, -1, :, 2] @ counts / counts.sum())[ends],
        np.isfinite(stats[..., 0]).all(axis=(1, 2))[ends], -(-run.settings.epochs // every),
    )  # fmt: skip


# --- AutoTrainer

AUTOTRAINER: Mapping[str, tuple[str, ...]] = {
    "explode": ("cliff or exploding gradient",),
    "vanish": ("vanishing gradient",),
    "relu": ("dead units",),
    "not_converge": ("rate too small", "plateau or saturation"),
    "unstable": ("rate too large", "noisy gradient"),
}
_BETA_1, _BETA_2, _BETA_3, _GAMMA, _ZETA, _ETA, _DELTA, _THETA = 1e-3, 1e-4, 70, 0.7, 0.03, 0.2, 0.01, 0.7
_JUDGED_FROM, _EVERY, _LOST = 0.3, 3, 1e5


def autotrainer(seen: History) -> list[str]:
    """AutoTrainer's labels, looking every three epochs; the first that are found end it."""
    found = {"relu": False, "vanish": False, "explode": False}
    looks = sorted({*range(_EVERY, len(seen.loss) + 1, _EVERY), len(seen.loss)})
    for epochs in looks:
        if epochs == 0:
            continue
        at = epochs - 1
        lost = not np.isfinite(seen.loss[:epochs]).all() or not np.isfinite(seen.validation[:epochs]).all()
        if lost or seen.validation[at] >= _LOST or not seen.finite[at]:
            return ["explode"]
        ratio = seen.norms[at, 0] / seen.norms[at, -1] if seen.norms[at, -1] > 0 else np.nan
        found["vanish"] |= bool(ratio < _BETA_1 and seen.norms[at, 0] < _BETA_2)
        found["explode"] |= bool(ratio > _BETA_3)
        found["relu"] |= bool(seen.all_zeros[at] >= _GAMMA)
        if epochs < _JUDGED_FROM * seen.epochs:
            continue
        accuracy = seen.accuracy[:epochs]
        slow = np.max(np.diff(accuracy), initial=0.0) < _DELTA
        if slow or accuracy.max() < _THETA:
            for label in ("relu", "explode", "vanish"):
                if found[label]:
                    return [label]
            if slow:
                return ["not_converge"]
        elif _oscillates(accuracy):
            return ["unstable"]
    return []


def _oscillates(accuracy: np.ndarray) -> bool:
    """Whether a fifth of the epochs are swings of the accuracy."""
    middle, before, after = accuracy[1:-1], accuracy[:-2], accuracy[2:]
    highs, lows = middle[(middle >= before) & (middle >= after)], middle[(middle <= before) & (middle <= after)]
    pairs = min(len(highs), len(lows))
    return bool(np.sum(highs[:pairs] - lows[:pairs] >= _ZETA) >= _ETA * len(accuracy))


# --- BTTackler

BTTACKLER: Mapping[str, tuple[str, ...]] = {
    "EG": ("cliff or exploding gradient",),
    "VG": ("vanishing gradient",),
    "DR": ("dead units",),
    "SC": ("rate too small", "plateau or saturation"),
    "HO": ("rate too large", "noisy gradient"),
    "NMG": ("bad local minimum", "saddle"),
}
_P_EG, _P_VG, _P_DR, _P_SC, _P_HO, _WINDOW = (1e4, 1e3), (1e-5, 1e-4), 0.5, 1e-4, (0.01, 0.2), 6


def bttackler(seen: History) -> list[str]:
    """BTTackler's symptoms at the first epoch that has any."""
    for epochs in range(1, len(seen.loss) + 1):
        found = _symptoms(seen, epochs)
        if found:
            return found
    return []


def _symptoms(seen: History, epochs: int) -> list[str]:
    at, early = epochs - 1, epochs - 1 < seen.epochs // 2
    sizes, loss, watched = seen.sizes[at], seen.loss[:epochs], seen.validation[:epochs]
    if not seen.finite[at] or not np.isfinite(loss).all():
        return ["EG"]
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients = sizes[:-1] / sizes[1:] if len(sizes) > 1 and sizes.all() else np.ones(1)
    rules = {
        "EG": np.median(sizes) > _P_EG[0] or np.median(quotients) > _P_EG[1],
        "VG": early and (np.median(sizes) < _P_VG[0] or not sizes.all() or np.median(quotients) < _P_VG[1]),
        "DR": epochs >= 5 and np.median(seen.zeros[at]) > _P_DR,
        "SC": _slow(loss, watched, early=early),
        "HO": not early and any(_heavy(part[-_WINDOW:]) for part in (loss, watched)),
        "NMG": epochs >= _WINDOW and any(_no_more_gain(part[-_WINDOW:]) for part in (loss, watched)),
    }
    return [label for label, holds in rules.items() if holds]


def _variation(losses: np.ndarray) -> float:
    return float(np.std(losses) / np.mean(losses)) if np.mean(losses) else np.nan


def _slow(loss: np.ndarray, watched: np.ndarray, *, early: bool) -> bool:
    """Early: the losses do not vary.  Late: they vary more in the second half than in the first."""
    if early:
        return len(loss) >= 3 and _variation(loss) < _P_SC
    halves = [(part[: len(part) // 2], part[len(part) // 2 :]) for part in (loss, watched) if len(part) >= _WINDOW]
    return any(_variation(ahead) < _variation(now) for ahead, now in halves)


def _heavy(losses: np.ndarray) -> bool:
    """Heavy oscillation: the losses vary, and do not fall."""
    if len(losses) < 2:
        return False
    return bool(np.polyfit(np.arange(len(losses)), losses, 1)[0] >= _P_HO[0] and _variation(losses) > _P_HO[1])


def _no_more_gain(losses: np.ndarray) -> bool:
    return bool(np.mean(losses[: _WINDOW // 2]) < np.mean(losses[-(_WINDOW // 2) :]))


def named(labels: list[str], of: Mapping[str, tuple[str, ...]], kind: str) -> list[str]:
    """Our names of a peer's labels: of those that a label may mean the planted kind where it is one, else the first."""
    return [kind if kind in of[label] else of[label][0] for label in labels]
