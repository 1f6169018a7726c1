"""Gradient-based learning, whole and honest."""
