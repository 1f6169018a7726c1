"""Draws a run directory, and how far dialects walk apart, as HTML pages that work from disk."""

from ._page import report as report
from ._walks import distance_table as distance_table
from ._walks import draw_walks as draw_walks
