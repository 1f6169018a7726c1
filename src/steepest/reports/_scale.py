"""Where a loss stands on a chart: the axis, and the strip above it for runs that left it."""

from typing import Any, NamedTuple

import numpy as np

from ._directory import Record
from ._format import rate

# Where in the strip above the axis, as shares of its height, the marks stand of runs that left it.
STRIP_FROM, ABOVE_AT, DIVERGED_AT, STRIP_TO = 1.06, 1.13, 1.26, 1.34
# A run that ends above twice the loss before training has learned nothing; how far above it ended tells no more, and
# drawing it to scale would squash the runs that did learn.
HOPELESS = 2.0
# Losses may fall to nothing, or to exactly zero, which no logarithm can show: below this share of the greatest loss
# they stand on the axis' floor.
NOTHING = 1e-6


class Scale(NamedTuple):
    """The loss axis. low, cap: the losses between which it is drawn to scale, cap included.

    logarithmic: False where a loss is negative, or none is positive.
    """

    low: float
    cap: float
    logarithmic: bool

    def at(self, share: float) -> float:
        """The loss at a share of the axis' height: 0 is low, 1 is cap, above 1 lies the strip."""
        if self.logarithmic:
            return float(self.low * (self.cap / self.low) ** share)
        return float(self.low + (self.cap - self.low) * share)

    def share(self, loss: float) -> float:
        """The inverse of ``at``."""
        if self.logarithmic:
            return float(np.log(max(loss, self.low) / self.low) / np.log(self.cap / self.low))
        return float((loss - self.low) / (self.cap - self.low))

    def drawn(self, losses: np.ndarray) -> np.ndarray:
        """Losses where they are drawn: those under a logarithmic axis' floor stand on it."""
        return np.maximum(losses, self.low) if self.logarithmic else losses

    def axis(self, top: float = 1.05) -> dict[str, Any]:
        """Plotly's settings for this axis, up to a share *top* of its height, with ticks up to the cap."""
        low, high = self.at(-0.06), self.at(top)
        if self.logarithmic:
            return log_axis(low, high, last_tick=self.cap)
        return {"type": "linear", "range": [low, high], "nticks": 6}


def scores(record: Record) -> np.ndarray:
    """What each run is judged by: its validation loss, or its training loss where nothing was held out.

    In a race that is the steady loss, of the epochs around the best one; for a fit the best one's.

    Shape (runs,), in the loss's unit; infinite where the run diverged, NaN where it was interrupted without a loss.
    """
    best = record.runs["best_validation_loss"]
    if record.kind == "race":
        best = record.runs.get("steady_validation_loss", best)
    loss = best if np.isfinite(best).any() else record.runs["train_loss"]
    status = record.runs["status"]
    ended = np.where(np.isnan(loss), np.inf, loss)
    return np.where(status == "diverged", np.inf, np.where(status == "interrupted", loss, ended))


def scale(record: Record, losses: np.ndarray) -> Scale:
    """The axis that shows *losses*, from the least to the greatest that is not hopeless."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return Scale(0.0, 1.0, logarithmic=False)
    least, greatest = float(finite.min()), float(finite.max())
    start = _loss_before_training(record)
    if start > least:
        greatest = min(greatest, HOPELESS * start)
    logarithmic = least >= 0 and greatest > 0
    if logarithmic:
        least = max(least, NOTHING * greatest)
    # Closer than this, ticks of three digits could not tell the losses apart.
    narrowest = 0.04 * abs(least) or 1.0
    if greatest - least < narrowest:
        least, greatest = least - narrowest / 2, greatest + narrowest / 2
    return Scale(least, greatest, logarithmic)


def _loss_before_training(record: Record) -> float:
    first = record.curves["epoch"] == 0
    for part in ("validation_loss", "train_loss"):
        losses = record.curves[part][first]
        losses = losses[np.isfinite(losses)]
        if len(losses):
            return float(np.median(losses))
    return np.inf


def log_axis(low: float, high: float, *, last_tick: float = np.inf, most: int = 7) -> dict[str, Any]:
    """A logarithmic axis from low to high (both positive) with ticks at round values, written as the page does.

    Whole decades where there are three or more, else 1, 2 and 5 in each, else evenly spaced; at most *most* decades.
    """
    end = min(high, last_tick)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    decades = [10.0**power for power in powers if low <= 10.0**power <= end]
    finer = [10.0**power * times for power in powers for times in (1, 2, 5)]
    every = max(1, -(-len(decades) // most))
    choices = [decades[::every] if len(decades) > 2 else [], finer, _even(low, end)]
    inside = [sorted({tick for tick in ticks if low <= tick <= end}) for ticks in choices]
    ticks = next((ticks for ticks in inside if len(ticks) > 2), inside[-1])
    limits = [float(np.log10(low)), float(np.log10(high))]
    return {"type": "log", "range": limits, "tickvals": ticks, "ticktext": [rate(tick) for tick in ticks]}


def _even(low: float, high: float) -> list[float]:
    """The multiples of 1, 2 or 5 times a power of ten between two positive numbers that differ: two to five.

    >>> _even(0.51, 0.59), _even(0.033, 0.17)
    ([0.52, 0.54, 0.56, 0.58], [0.05, 0.1, 0.15])
    """
    rough = (high - low) / 5 or high
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    places = range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)
    return [float(f"{place * step:.10g}") for place in places if place]
