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
    gains = ("gain of any", "gain of another basin", "gain of going on", "gain of a shallower network")
    return max(e["diverged"], *(over(e[name], 0.05) for name in gains))


def _functional(e: Evidence) -> bool:
    """Whether the loss takes no data: it can then be compared to the last digit."""
    return e["rows"] == 0


def _known(value: float, otherwise: float) -> float:
    """A number, or what to take where it is not known."""
    return otherwise if math.isnan(value) else value


def _hidden(e: Evidence) -> float:
    """The larger share of a layer's units that are dead or saturated."""
    return max(_known(e["dead units"], 0.0), _known(e["saturated"], 0.0), _known(e["idle units"], 0.0))


_LIMIT = "sharpness over its limit of stability, "
_STILL = "gradient at the end over a better run's largest"


def _saddle(e: Evidence) -> Score:
    down = over(-e["lowest curvature over the largest"], 0.05)
    curved = over(e["curvature at the end over a better run's"], 0.02)
    falls = max(over(e["fall along the lowest curvature"], 0.01), over(e["gain of going on"], 0.05))
    return Score(
        min(under(e[_STILL], 0.05), down, curved, falls, trouble(e), under(_hidden(e), 0.85, 0.02), 1 - e["diverged"]),
        (_STILL, "lowest curvature over the largest", "fall along the lowest curvature"), "probes",
    )  # fmt: skip


def _local_minimum(e: Evidence) -> Score:
    up = 1 - over(-e["lowest curvature over the largest"], 0.01)
    holds = min(under(e["gain of going on"], 0.02), under(e["fall along the lowest curvature"], 0.03))
    lower = max(over(e[f"gain of another {one}"], 0.1) for one in ("start", "basin", "seed"))
    walls = min(over(e["rise around"], 1e-3), under(_hidden(e), 0.9, 0.02))
    return Score(
        min(under(e[_STILL], 0.03), up, holds, lower, walls, 1 - e["diverged"]),
        ("gain of another start", "lowest curvature over the largest", _STILL), "siblings",
    )  # fmt: skip


def _plateau(e: Evidence) -> Score:
    flat = min(
        under(e[_STILL], 0.03),
        under(e["rise around"], 0.02),
        under(e["curvature at the end over a better run's"], 0.01),
        under(max(e["fall late on"], 0.0), 5e-3),
        1 - e["diverged"],
    )
    saturated = over(e["saturated"], 0.85, 0.02)
    return Score(min(max(flat, saturated), trouble(e)), (_STILL, "rise around", "saturated"), "probes")


def _vanishing(e: Evidence) -> Score:
    ratio = "first layer's gradient over the last's, at the end"
    share = e[ratio]
    return Score(
        min(1.0 if share == 0 else under(share, 1e-3), trouble(e), 1 - e["diverged"]),
        (ratio, "gain of a shallower network", "gain of any"),
        "siblings",
    )


def _dead(e: Evidence) -> Score:
    share = max(_known(e["dead units"], 0.0), 0.0)
    return Score(
        min(over(share, 0.5, 0.05), trouble(e), 1 - e["diverged"]),
        ("dead units", "idle units", "gain of any"),
        "thresholds",
    )


def _cliff(e: Evidence) -> Score:
    """Of methods whose steps follow the gradient's size, where the rate was stable to begin with, or a network's loss
    explodes at once.
    """
    high = over(e["loss to begin with over the best constant's"], 5)
    jump = max(over(e["spike of the gradient"], 6), min(over(e["largest gradient of the median"], 30), high))
    rise = max(over(e["rise at the spike"], 0.05), high, e["diverged"])
    stable = max(under(_known(e[_LIMIT + "at the start"], 0.0), 5), high)
    steeper = max(over(e["spread of the curvature along steps"], 3), high)
    return Score(
        min(jump, rise, over(e["gain of clipping"], 0.1), stable, steeper, 1 - _known(e["adaptive"], 0.0)),
        ("spike of the gradient", "gain of clipping", "fall of a replay from before the spike"), "siblings",
    )  # fmt: skip


def _limited(e: Evidence) -> float:
    """Whether the rate is near its largest stable one, or no larger one gains."""
    ratio = max(_known(e[_LIMIT + place], 0.0) for place in ("early on", "at the end"))
    return max(over(ratio, 0.05), 1 - over(e["gain of a larger rate"], 0.1))


def _ill_conditioned(e: Evidence) -> Score:
    """Also of a function whose loss is next to its lowest while its parameters are far from there: the flat directions
    have little share in the loss.
    """
    left = min(
        over(e["left of the way to where it would go on to"], 0.3),
        1.0 if _functional(e) else 0.0,
        over(e["gain of going on"], 1e-7),
    )
    on = over(e["gain of going on"], 0.1)
    if not _functional(e):  # to go on may be to learn the rows by heart: a method that watches held-out rows must gain
        on = min(on, over(e["gain of an adaptive method"], 0.04))
    on = max(on, left)
    calm = min(
        1 - over(e["gain of larger batches"], 0.1),
        1 - over(e["gain of a smaller rate"], 0.1),
        under(_hidden(e), 0.8, 0.02),
    )
    up = 1 - over(-e["lowest curvature over the largest"], 0.1)
    return Score(
        min(over(e["condition"], 20), on, _limited(e), calm, up, 1 - e["diverged"], 1 - _misled(e).value),
        ("condition", "gain of going on", "gain of a larger rate"), "siblings",
    )  # fmt: skip


def _noisy(e: Evidence) -> Score:
    return Score(
        min(over(e["noise of a minibatch over its gradient"], 0.5), over(e["gain of larger batches"], 0.1)),
        ("noise of a minibatch over its gradient", "gain of larger batches", "gain of a smaller rate"), "siblings",
    )  # fmt: skip


def _too_small(e: Evidence) -> Score:
    moving = over(e[_STILL], 0.04)
    slow = min(
        under(_known(e[_LIMIT + "early on"], 0.0), 0.1),
        under(_known(e[_LIMIT + "at the end"], 0.0), 0.1),
    )
    worse = 1 - over(e["gain of a smaller rate"], 0.05)
    return Score(
        min(over(e["gain of a larger rate"], 0.1), moving, slow, worse, 1 - _misled(e).value),
        ("gain of a larger rate", "gain of a smaller rate", _LIMIT + "early on"), "siblings",
    )  # fmt: skip


def _too_large(e: Evidence) -> Score:
    return Score(
        over(e["gain of a smaller rate"], 0.1),
        ("gain of a smaller rate", _LIMIT + "early on", "best multiple of the last step"),
        "siblings",
    )


def _bad_start(e: Evidence) -> Score:
    through, first = e["variance through the layers"], e["variance of the first layer to begin with"]
    twins = over(e["duplicate units to begin with"], 0.5, 0.05)
    odd = max(twins, over(through, 10), under(through, 0.1), over(first, 30), under(first, 0.01))
    gains = max(over(e["gain of a standard start"], 0.05), min(twins, over(e["gain of a fresh start"], 0.05)))
    return Score(
        max(min(odd, gains), over(e["duplicate units to begin with"], 0.95, 0.01)),
        ("gain of a standard start", "variance through the layers", "duplicate units to begin with"),
        "siblings",
    )


def _plasticity(e: Evidence) -> Score:
    grown = over(e["weights to begin with over fresh ones"], 1.4, 0.05)
    gains = min(over(e["gain of a fresh start"], 0.05), over(e["least gain of a fresh start"], 0.02))
    twins = over(e["duplicate units to begin with"], 0.5, 0.05)
    return Score(
        min(grown, gains, 1 - twins, 1 - _local_minimum(e).value),
        ("gain of a fresh start", "weights to begin with over fresh ones", "effective rank"), "siblings",
    )  # fmt: skip


def _misled(e: Evidence) -> Score:
    basin = e["gain of another basin"]
    away = under(1 + e["way's angle to the better basin"], 1.75, 0.02)
    short = under(max(_known(e["gain of going on"], 0.0), 1e-9) / basin if basin > 0 else math.nan, 0.6, 0.1)
    moving = min(over(e["fall late on"], 5e-3), over(e["gradient at the end"], 0.02))
    calm = min(1 - over(e["gain of a smaller rate"], 0.05), 1 - e["diverged"], under(_hidden(e), 0.7, 0.05))
    return Score(
        min(away, short, moving, calm, over(basin, 0.1)),
        ("way's angle to the better basin", "gain of another basin", "gain of going on"), "siblings",
    )  # fmt: skip


# What explains others: where the first is found, these are its effects and are not told beside it.
_EXPLAINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "lost plasticity": (
            "noisy gradient", "rate too large", "rate too small", "cliff or exploding gradient", "saddle",
            "local slope misleads", "ill-conditioning",
        ),
        "bad initialisation": (
            "rate too small", "rate too large", "noisy gradient", "ill-conditioning", "local slope misleads",
            "bad local minimum",
        ),
        "saddle": (
            "local slope misleads", "rate too large", "rate too small", "ill-conditioning",
            "cliff or exploding gradient",
        ),
        "cliff or exploding gradient": ("plateau or saturation", "bad local minimum"),
        "plateau or saturation": ("noisy gradient", "local slope misleads"),
        "dead units": ("noisy gradient", "local slope misleads"),
        "vanishing gradient": (
            "noisy gradient", "ill-conditioning", "local slope misleads", "saddle", "cliff or exploding gradient",
        ),
        "rate too small": ("noisy gradient",),
    }
)  # fmt: skip


def found(e: Evidence, sure: float = 0.5) -> dict[str, Score]:
    """The troubles that are there at least so surely, without those that another of them explains; the surest first."""
    there = {name: score for name, score in scores_of(e).items() if score.value >= sure}
    explained = {effect for name in there for effect in _EXPLAINS.get(name, ())}
    idle = max(_known(e["saturated to begin with"], 0.0), _known(e["dead units to begin with"], 0.0)) > 0.8
    vanished = "vanishing gradient" in there and e["first layer's gradient over the last's, to begin with"] < 1e-2
    if idle or vanished:
        explained.add("rate too large")  # what began so was not driven there
    if "rate too large" in there and e["diverged"]:
        explained.add("noisy gradient")  # larger batches, too, only keep it from diverging
    if "bad initialisation" in there and e["duplicate units to begin with"] > 0.9:
        explained.add("cliff or exploding gradient")  # of copies all gradients add up
    told = {name: score for name, score in there.items() if name not in explained}
    return dict(sorted(told.items(), key=lambda one: -one[1].value))


def scores_of(e: Evidence) -> dict[str, Score]:
    """How surely each trouble is there."""
    return {name: criterion(e) for name, criterion in CRITERIA.items()}


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
