"""What a loss looks like: slices through it, paths on it, and the points where its gradient vanishes."""

from ._critical import Critical as Critical
from ._critical import critical_points as critical_points
from ._directions import Principal as Principal
from ._directions import Projected as Projected
from ._directions import filter_normalised as filter_normalised
from ._directions import principal as principal
from ._directions import projected as projected
from ._landscape import Between as Between
from ._landscape import Landscape as Landscape
from ._landscape import Path as Path
from ._landscape import Point as Point
from ._make import landscape as landscape
from ._picture import MOVING as MOVING
from ._picture import SUFFIXES as SUFFIXES
from ._picture import Picture as Picture
from ._picture import check_suffix as check_suffix
from ._slice import Slice as Slice
from ._slice import line as line
from ._slice import plane as plane
from ._walk import Way as Way
from ._walk import walk as walk
