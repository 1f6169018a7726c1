"""Cross-entropy against squared error where the output saturates."""

import jax
import jax.numpy as jnp
import numpy as np

from .. import pictures
from ..functions import Surface
from ..losses import binary_cross_entropy, squared_error
from ..optimizer import SGD
from ..pictures import STYLES, number
from ._figure import Figure
from ._parts import way_of

_START = -5.0  # logits: a probability of 0.7 % for the true class
_STEPS, _RATE = 60, 1.0


def _cross_entropy(p: jax.Array) -> jax.Array:
    """Of one example of class 1, at a logit."""
    return binary_cross_entropy(p[None], jnp.ones(1))[0]


def _squared_error(p: jax.Array) -> jax.Array:
    """Of the probability of one example of class 1, at a logit."""
    return squared_error(jax.nn.sigmoid(p)[None], jnp.ones(1))[0]


def saturation() -> Figure:
    """Both losses of one example, their gradients, and descent on either from a saturated start."""
    losses = {"cross-entropy": (_cross_entropy, STYLES[1]), "squared error": (_squared_error, STYLES[6])}
    z = np.linspace(-8, 8, 321)
    figure = pictures.canvas(9.6, 3.1)
    left, middle, right = figure.subplots(1, 3)
    figure.subplots_adjust(0.06, 0.17, 0.985, 0.89, wspace=0.3)
    ends = {}
    for name, (loss, style) in losses.items():
        points = jnp.asarray(z, jnp.float32)[:, None]
        left.plot(z, jax.vmap(loss)(points), color=style.color, label=name, **_line(style))
        slopes = np.abs(np.asarray(jax.vmap(jax.grad(loss))(points)))[:, 0]
        middle.plot(z, slopes, color=style.color, label=name, **_line(style))
        one = Surface(loss, name=name, formula="", source="", start=(_START,), box=((-8, 8),))
        way = way_of(one, SGD(_RATE), _STEPS)
        probability = np.asarray(jax.nn.sigmoid(way[:, 0]))
        pictures.draw_path(
            right, np.arange(_STEPS + 1), probability, style, label=name, end=False, dash=_line(style)["linestyle"]
        )
        ends[name] = (float(slopes[np.argmin(np.abs(z - _START))]), float(probability[-1]))
    for ax, title, x, y in (
        (left, "Loss", "logit z of the true class", "loss"),
        (middle, "Slope", "logit z of the true class", "|∂ loss / ∂z|"),
        (right, f"Descent from z = −{-_START:g}", "step", "probability of the true class"),
    ):
        pictures.axes(ax, x, y, grid=True)
        pictures.title(ax, title)
    left.axvspan(-8, -4, color=pictures.STRIP)
    middle.axvspan(-8, -4, color=pictures.STRIP)
    middle.annotate("saturated\nand wrong", (-6, 0.55), ha="center", fontsize=8, color=pictures.DIVERGED)
    right.set_ylim(-0.03, 1.03)
    left.legend(fontsize=8, frameon=False)
    (ce_slope, ce_end), (se_slope, se_end) = ends["cross-entropy"], ends["squared error"]
    return Figure(
        "saturation", "Cross-entropy against squared error under saturation",
        "The loss of one example of class 1 whose output is the logistic function of a logit z. Where the output "
        "saturates at the wrong end, the squared error goes flat and its slope vanishes; the logarithm of the "
        "cross-entropy undoes the exponential, and its slope stays near 1. Steepest descent from there "
        f"({_STEPS} steps at a rate of {_RATE:g}) gets away on the cross-entropy and hardly moves on the squared "
        "error.",
        f"Three panels over a logit from -8 to 8. At z = {_START:g} the slope of the cross-entropy is "
        f"{number(ce_slope)}, that of the squared error {number(se_slope)}. After {_STEPS} steps the probability of "
        f"the true class is {number(ce_end)} with the cross-entropy and {number(se_end)} with the squared error.",
        figure,
    )  # fmt: skip


def _line(style: pictures.Style) -> dict:
    return {"linewidth": 1.8, "linestyle": "-" if style == STYLES[1] else (0, (5, 1.6))}
