"""What a loss looks like: slices through it, paths on it, and the points where its gradient vanishes."""

from ._critical import Critical as Critical
from ._critical import critical_points as critical_points
from ._directions import Principal as Principal
from ._directions import Projected as Projected
from ._directions import filter_normalised as filter_normalised
from ._directions import principal as principal
from ._directions import projected as projected
from ._slice import Slice as Slice
from ._slice import line as line
from ._slice import plane as plane
