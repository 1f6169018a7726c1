"""Heights as they are drawn: as they are, or by their logarithm above the lowest where that shows more."""

from typing import Any, NamedTuple

import numpy as np

from ._looks import number

# Half of the area below that share of the range: linear contours would leave it blank.
_FLAT = 0.12
# The logarithm ends at that share of the range, and is above it by no more than so many decades.
_QUANTILE = 0.008
_DECADES = 6.0


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
        above = self.highest - self.lowest
        decades = np.arange(np.ceil(np.log10(self.offset)), np.floor(np.log10(above)) + 1)
        rises = np.concatenate([[0.0], 10.0 ** decades[:: max(1, -(-len(decades) // (most - 1)))]])
        return np.log10(rises + self.offset), [number(self.lowest + rise) for rise in rises]

    @property
    def label(self) -> str:
        """Words for an axis of the scale."""
        return "logarithmic above the lowest" if self.logarithmic else "linear"


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
