"""Rows with weights: which count, which are the same, which are held back."""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """x: (rows, columns) float64.  y: (rows,) class codes or numbers.  weights: (rows,) positive float64."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    def take(self, rows: np.ndarray) -> "Rows":
        """The rows with these numbers, or where a mask is true."""
        return Rows(self.x[rows], self.y[rows], self.weights[rows])


def merge_equal(rows: Rows) -> Rows:
    """Each distinct row once, with the sum of its weights, in an order that depends on nothing but the rows.

    >>> x, y, weights = merge_equal(Rows(np.array([[2.0], [2.0], [1.0]]), np.array([0, 0, 1]), np.ones(3)))
    >>> sorted(zip(x[:, 0].tolist(), y.tolist(), weights.tolist()))
    [(1.0, 1, 1.0), (2.0, 0, 2.0)]
    """
    table = np.column_stack([rows.x, rows.y]) + 0.0  # -0.0 becomes 0.0: what compares equal has equal bytes
    table[np.isnan(table)] = np.nan
    whole = np.ascontiguousarray(table).view(np.dtype((np.void, table.itemsize * table.shape[1])))[:, 0]
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    return Rows(rows.x[first], rows.y[first], np.bincount(group, weights=rows.weights))


def hold_back(groups: np.ndarray, fraction: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Deal row numbers out to training and validation, each group in proportion.

    groups: (rows,) integers, the class of each row; all equal where rows are simply drawn.  fraction: of all rows.
    One row of each group stays in training whatever the fraction; every so-manieth of the others, lined up group by
    group in random order, is held back. So a group of any size is allowed, down to a single row.

    >>> train, held = hold_back(np.array([0] * 10 + [1] * 5 + [2]), 0.2, np.random.default_rng(0))
    >>> len(held), np.bincount(np.array([0] * 10 + [1] * 5 + [2])[train]).tolist()
    (3, [8, 4, 1])
    """
    shuffled = random.permutation(len(groups))
    lined_up = shuffled[np.argsort(groups[shuffled], kind="stable")]
    _, firsts = np.unique(groups[lined_up], return_index=True)
    free = np.delete(lined_up, firsts)
    count = min(round(fraction * len(groups)), len(free))
    held = free[((np.arange(count) + 0.5) * len(free) / max(count, 1)).astype(int)]
    return np.setdiff1d(lined_up, held), np.sort(held)


def relative(weights: np.ndarray) -> np.ndarray | None:
    """Weights scaled to a mean of 1, float32, so that the loss keeps its size; None where all are equal."""
    if np.ptp(weights) == 0:
        return None
    return (weights / weights.mean()).astype(np.float32)
