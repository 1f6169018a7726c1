"""The figures of a lecture on gradient-based learning, each computed by the library itself and drawn by one command."""

from ._all import FIGURES as FIGURES
from ._all import FORMATS as FORMATS
from ._all import checked as checked
from ._all import draw_figures as draw_figures
from ._figure import Figure as Figure
