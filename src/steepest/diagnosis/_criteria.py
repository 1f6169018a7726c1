"""When a trouble is taken as found: each criterion is a score from 0 to 1, the least of what it asks for.

Every threshold is on a number without a unit, so that neither the scale of the loss nor that of the parameters matters.
They were set on one half of the planted cases of the benchmark and are held to the other.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ._evidence import Evidence


class Score(NamedTuple):
    """How surely a trouble is there, the numbers that say so, and the strongest kind of evidence among them."""

    value: float
    numbers: tuple[str, ...]
    basis: str


def over(value: float, threshold: float, decades: float = 0.15) -> float:
    """1 far above a threshold, 0 far below or where the value is unknown; 0.73 a so-many-th of a decade above it.

    >>> over(0.1, 0.1), round(over(1.0, 0.1), 3), over(-1.0, 0.1), over(math.nan, 0.1)
    (0.5, 0.999, 0.0, 0.0)
    """
    if not value > 0:
        return 0.0
    if value == math.inf:
        return 1.0
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, math.log10(value / threshold) / decades))))


def under(value: float, threshold: float, decades: float = 0.15) -> float:
    """The opposite of ``over``; 0, too, where the value is unknown."""
    return 0.0 if math.isnan(value) else 1 - over(value, threshold, decades)


def trouble(e: Evidence) -> float:
    """Whether something is wrong at all: another run, one thing changed, does a good deal better."""
    return max(over(e["gain of any"], 0.1), over(e["gain of the best"], 0.1) if _functional(e) else 0.0, e["diverged"])


def _functional(e: Evidence) -> bool:
    """Whether the loss takes no data: losses can then be compared to the last digit."""
    return e["rows"] == 0


def _saddle(e: Evidence) -> Score:
    still = under(e["gradient at the end, of a better run's"], 0.05)
    down = over(-e["lowest curvature"], 0.02)
    falls = over(e["fall along the lowest curvature"], 0.01)
    return Score(
        min(still, down, falls, trouble(e)),
        ("gradient at the end, of a better run's", "lowest curvature", "fall along the lowest curvature"), "probes",
    )  # fmt: skip


def _local_minimum(e: Evidence) -> Score:
    still = under(e["gradient at the end, of a better run's"], 0.02)
    up = 1 - over(-e["lowest curvature"], 0.02)
    holds = under(e["fall along the lowest curvature"], 0.02)
    lower = over(e["gain of another start"], 0.1)
    return Score(
        min(still, up, holds, lower),
        ("gain of another start", "lowest curvature", "gradient at the end, of a better run's"),
        "siblings",
    )


def _plateau(e: Evidence) -> Score:
    still = under(e["gradient at the end, of a better run's"], 0.05)
    flat = under(e["rise around"], 0.02)
    saturated = over(e["saturated"], 0.5)
    quiet = under(abs(e["fall late on"]), 0.02)
    return Score(
        min(max(min(still, flat), saturated), quiet, trouble(e)),
        ("gradient at the end, of a better run's", "rise around", "saturated"), "probes",
    )  # fmt: skip


def _vanishing(e: Evidence) -> Score:
    ratio = "first layer's gradient of the last's, to begin with"
    return Score(min(under(e[ratio], 1e-2), trouble(e)), (ratio, "gain of any"), "thresholds")


def _dead(e: Evidence) -> Score:
    share = max(e["dead units"] if not math.isnan(e["dead units"]) else 0.0, e["idle units"])
    return Score(min(over(share, 0.5, 0.05), trouble(e)), ("dead units", "idle units", "gain of any"), "thresholds")


def _cliff(e: Evidence) -> Score:
    jump = over(e["spike of the gradient"], 10)
    rise = max(over(e["rise at the spike"], 0.05), e["diverged"])
    clip = over(e["gain of clipping"], 0.1)
    return Score(min(jump, rise, clip), ("spike of the gradient", "rise at the spike", "gain of clipping"), "siblings")


def _ill_conditioned(e: Evidence) -> Score:
    spread = over(e["condition"], 100)
    method = max(over(e["gain of an adaptive method"], 0.1), over(e["gain of a quasi-Newton method"], 0.1))
    rates = 1 - over(e["gain of a larger rate"], 0.1)
    return Score(
        min(spread, method, rates, trouble(e)),
        ("condition", "gain of an adaptive method", "gain of a larger rate"),
        "siblings",
    )


def _noisy(e: Evidence) -> Score:
    return Score(
        min(over(e["noise of a minibatch"], 1), over(e["gain of larger batches"], 0.05)),
        ("noise of a minibatch", "gain of larger batches", "gain of a smaller rate"), "siblings",
    )  # fmt: skip


def _too_small(e: Evidence) -> Score:
    moving = over(e["gradient at the end, of a better run's"], 0.05)
    return Score(
        min(over(e["gain of a larger rate"], 0.1), moving),
        ("gain of a larger rate", "gain of a smaller rate", "gradient at the end, of a better run's"), "siblings",
    )  # fmt: skip


def _too_large(e: Evidence) -> Score:
    return Score(
        over(e["gain of a smaller rate"], 0.1),
        ("gain of a smaller rate", "sharpness of its limit, to begin with", "best multiple of the last step"),
        "siblings",
    )  # fmt: skip


def _bad_start(e: Evidence) -> Score:
    return Score(
        over(e["gain of a standard start"], 0.1),
        ("gain of a standard start", "variance through the layers", "loss to begin with, of the best constant's"),
        "siblings",
    )  # fmt: skip


def _plasticity(e: Evidence) -> Score:
    return Score(
        min(over(e["gain of a fresh start"], 0.05), over(e["least gain of a fresh start"], 0.02)),
        ("gain of a fresh start", "dormant units", "effective rank"), "siblings",
    )  # fmt: skip


def _misled(e: Evidence) -> Score:
    away = over(e["distance to a better run's end, of the start's"] - 1, 0.05)
    return Score(
        min(away, over(e["gain of the best"], 0.1)),
        ("distance to a better run's end, of the start's", "gain of the best", "fall late on"), "siblings",
    )  # fmt: skip


CRITERIA: Mapping[str, Callable[[Evidence], Score]] = MappingProxyType(
    {
        "saddle": _saddle,
        "bad local minimum": _local_minimum,
        "plateau or saturation": _plateau,
        "vanishing gradient": _vanishing,
        "dead units": _dead,
        "cliff or exploding gradient": _cliff,
        "ill-conditioning": _ill_conditioned,
        "noisy gradient": _noisy,
        "rate too small": _too_small,
        "rate too large": _too_large,
        "bad initialisation": _bad_start,
        "lost plasticity": _plasticity,
        "local slope misleads": _misled,
    }
)
