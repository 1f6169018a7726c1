"""Heights as they are drawn: as they are, or by their logarithm above the lowest where that shows more."""

from typing import Any, NamedTuple

import numpy as np

from ._looks import number

# Half of the area below that share of the range: linear contours would leave it blank.
_FLAT = 0.2
# The logarithm ends at that share of the range, and is above it by no more than so many decades.
_QUANTILE = 0.008
_DECADES = 6.0
# Names of heights are that share of the scale apart, so that they do not touch.
_APART = 0.07


class Heights(NamedTuple):
    """A scale of heights.

    lowest, highest: what is drawn between.  offset: c of log10(f - lowest + c); 0 where the scale is linear.
    """

    lowest: float
    highest: float
    offset: float = 0.0

    @property
    def logarithmic(self) -> bool:
        """Whether heights are drawn by their logarithm."""
        return self.offset > 0

    def of(self, heights: Any) -> np.ndarray:
        """Where heights stand on the scale; those above the highest at its end, those not finite as well."""
        told = np.asarray(heights, float)
        told = np.clip(np.where(np.isfinite(told), told, np.where(told == -np.inf, self.lowest, self.highest)),
                       self.lowest, self.highest)  # fmt: skip
        return np.log10(told - self.lowest + self.offset) if self.logarithmic else told

    def levels(self, count: int = 24) -> np.ndarray:
        """Ends of equal bands on the scale, (count + 1,)."""
        low, high = self.of([self.lowest, self.highest])
        return np.linspace(low, high if high > low else low + 1.0, count + 1)

    def ticks(self, most: int = 6) -> tuple[np.ndarray, list[str]]:
        """Places on the scale to name, and the heights that stand there."""
        if not self.logarithmic:
            from matplotlib.ticker import MaxNLocator

            values = np.asarray(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(self.lowest, self.highest))
            values = values[(values >= self.lowest) & (values <= self.highest)]
            return values, [number(round(value, 12)) for value in values]
        # Powers of ten of the heights themselves where these are positive, else of how far they are above the lowest.
        base = 0.0 if self.lowest >= 0 else self.lowest
        first, last = np.log10([self.lowest - base + self.offset, self.highest - base])
        decades = np.arange(np.ceil(first), np.floor(last) + 1)
        rises = base + 10.0 ** decades[:: max(1, -(-len(decades) // (most - 1)))]
        kept = [self.lowest]
        for height in rises:
            if self.of(height) - self.of(kept[-1]) > _APART * float(np.ptp(self.of([self.lowest, self.highest]))):
                kept.append(float(height))
        return self.of(kept), [number(height) for height in kept]


def heights_of(losses: Any, lowest: float | None = None, *, logarithmic: bool | None = None) -> Heights:
    """The scale for a surface.

    losses: heights on a grid, not all infinite.  lowest: known to be the lowest; that of the grid unless given.
    logarithmic: None takes the logarithm where more than half of the area is next to the lowest on a linear scale.
    """
    told = np.asarray(losses, float)
    told = told[np.isfinite(told)]
    if not told.size:
        return Heights(0.0, 1.0)
    low = min(float(told.min()), np.inf if lowest is None else lowest)
    high = float(np.quantile(told, 0.995)) if logarithmic is False else float(told.max())
    if high <= low:
        return Heights(low, low + 1.0)
    flat = (float(np.median(told)) - low) / (float(np.quantile(told, 0.98)) - low + 1e-300) < _FLAT
    if logarithmic is False or (logarithmic is None and not flat):
        return Heights(low, high)
    offset = max(float(np.quantile(told, _QUANTILE)) - low, (high - low) * 10**-_DECADES)
    return Heights(low, high, offset)
