"""For each trouble: what to do next, and what would show that it is another."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import numpy as np

from ..problems import NetworkProblem
from ._evidence import Evidence
from ._features import unevenness
from ._verdict import Action

# Columns of a table are standardised already; of others, sizes so far apart are what makes a loss steep one way only.
_UNEVEN = 10.0


def _rate(e: Evidence, want_larger: bool) -> Action:
    """To the sibling's rate that did best."""
    run = e.record.run
    rates = [one for one in e.siblings if one.kind == "rate" and (one.change > 1) == want_larger]
    finite = [one for one in rates if math.isfinite(one.late)]
    usual = 10.0 if want_larger else 0.1
    change = min(finite, key=lambda one: (one.late, abs(math.log(one.change)))).change if finite else usual
    value = change * run.optimizer.learning_rate
    seen = " that a run beside it did best at" if finite else ""
    return Action("rate", value, f"Try a learning rate of {value:.3g}{seen}.")


def _escape(e: Evidence) -> Action:
    return Action("escape", None, "Restart from where it ended, moved along the most negative curvature.")


def _another_start(e: Evidence) -> Action:
    starts = [one for one in e.siblings if one.kind == "start" and math.isfinite(one.late)]
    seed = min(starts, key=lambda one: one.late).change if starts else 1.0
    value = float(e.record.run.seed + int(seed))
    return Action("start", value, "Begin elsewhere: another seed, or several of which the best is kept.")


def _standard(e: Evidence) -> Action:
    """A usual start; of parameters without a matrix there is none, so another one."""
    if not any(np.ndim(leaf) >= 2 for leaf in jax.tree.leaves(e.record.snapshots[0].parameters)):
        return _another_start(e)
    return Action("initializer", None, "Draw the initial weights from the activation's usual distribution, at scale 1.")


def _fresh(e: Evidence) -> Action:
    return Action("start", None, "Begin from fresh weights instead of those it was given.")


def _better_scaled(e: Evidence) -> Action:
    """Inputs of one size, where a user's own are of several; else a method that does without."""
    uneven = unevenness(e.record.instance)
    if isinstance(e.record.run.problem, NetworkProblem) or uneven < _UNEVEN:
        return _method(e)
    return Action(
        "rescale", None,
        f"Standardise the inputs, whose columns' sizes differ {uneven:.2g}-fold, at the rate that this allows.",
    )  # fmt: skip


def _method(e: Evidence) -> Action:
    adaptive = [one for one in e.siblings if one.kind == "method" and one.by == "Adam" and one.change > 0]
    adaptive = [one for one in adaptive if math.isfinite(one.late)]
    value = min(adaptive, key=lambda one: one.late).change if adaptive else None
    at = f" at a learning rate of {value:.3g}" if value else ""
    return Action("method", value, f"Use Adam{at}, whose steps do not follow the size of each curvature.")


def _activation(e: Evidence) -> Action:
    return Action("activation", None, "Use relu or fewer layers, so that gradients reach the first ones.")


def _batch(e: Evidence) -> Action:
    size = e.record.run.settings.batch_size_for(e.record.instance.rows)
    value = float(min(16 * size, e.record.instance.rows))
    return Action("batch", value, f"Try batches of {value:.0f} rows, or a learning rate that decays.")


def _clip(e: Evidence) -> Action:
    norms = e.record.gradient_norms
    told = norms[np.isfinite(norms)]
    limit = next((one.change for one in e.siblings if one.kind == "clip"), float(np.median(told)) if len(told) else 1.0)
    return Action("clip", limit, f"Clip the gradient's norm at {limit:.3g}, its usual size.")


ACTIONS: Mapping[str, tuple[Callable[[Evidence], Action], str]] = MappingProxyType(
    {
        "saddle": (_escape, "The loss does not fall along the lowest curvature from there."),
        "bad local minimum": (_another_start, "Runs from other starts end no lower."),
        "plateau or saturation": (
            _standard,
            "The loss changes within a tenth of the way around, or few units are saturated.",
        ),
        "vanishing gradient": (_activation, "A shallower network, or one of relu, does no better."),
        "dead units": (_standard, "Revived units, as of a fresh start, do not lower the loss."),
        "cliff or exploding gradient": (_clip, "With clipped gradients the loss jumps as well."),
        "ill-conditioning": (_better_scaled, "An adaptive method, or standardised inputs, are as slow."),
        "noisy gradient": (_batch, "Sixteen times as many rows a step end no lower."),
        "rate too small": (lambda e: _rate(e, True), "At a larger rate the run ends no lower."),
        "rate too large": (lambda e: _rate(e, False), "At a smaller rate the run ends no lower."),
        "bad initialisation": (_standard, "A start of the usual variance ends no lower."),
        "lost plasticity": (_fresh, "Fresh weights learn the same rows no better."),
        "local slope misleads": (
            _another_start,
            "The way to the better end does not rise, or the run comes nearer to it.",
        ),
    }
)
