"""Draws a run directory as one HTML page that works from disk."""

from ._page import report as report
