"""Makers of runs with a known trouble: each draws its parameters and refuses a draw without the trouble."""
