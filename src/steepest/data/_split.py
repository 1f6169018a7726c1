"""Rows for training, for validation and for the final test."""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ._dataset import Dataset

FEWEST_ROWS = 10


@dataclass(frozen=True, eq=False)
class Split:
    """Sorted row indices (int64) of three parts that share no row and together are all rows."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(
    dataset: Dataset, *, seed: int, validation: float = 0.2, test: float = 0.2, test_seed: int | None = None
) -> Split:
    """Deal the rows out at random, each class in proportion.

    validation, test: fractions of all rows, in [0, 1); together less than 1.
    seed: decides which of the remaining rows are for validation.  test_seed: decides alone which rows are for the test
    (0 where None), so that a race over seeds is judged on one test part. Sizes depend on neither.
    Raises InputError for a table of fewer than ten rows, or a class with too few rows to have one in each part.
    """
    groups, test_counts, validation_counts = _sizes(dataset, validation, test)
    tested, rest = _draw(groups, test_counts, test_seed or 0)
    validated, trained = _draw(rest, validation_counts, seed)
    return Split(*(np.sort(np.concatenate(part)) for part in (trained, validated, tested)))


def count_splits(dataset: Dataset, *, validation: float = 0.2, test: float = 0.2) -> int:
    """How many different validation parts seeds can draw, the test part being one.

    Raises InputError as ``split`` does.
    """
    groups, test_counts, validation_counts = _sizes(dataset, validation, test)
    left = [len(group) - tested for group, tested in zip(groups, test_counts.tolist(), strict=True)]
    return math.prod(math.comb(*pair) for pair in zip(left, validation_counts.tolist(), strict=True))


def _sizes(dataset: Dataset, validation: float, test: float) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """The rows of each class, and how many of them are for the test and for validation."""
    _check_fractions(validation, test)
    if dataset.rows < FEWEST_ROWS:
        raise InputError(f"{dataset.name} has {dataset.rows} rows. Give at least {FEWEST_ROWS}, to hold some back.")
    parts = 1 + (validation > 0) + (test > 0)
    groups = _groups(dataset)
    counts = np.array([len(group) for group in groups])
    if dataset.classes:
        _check_classes(dataset, counts, parts)
    test_counts = _deal(counts, test, spare=parts - 1)
    return groups, test_counts, _deal(counts, validation, spare=1, limit=counts - test_counts)


def _check_fractions(validation: float, test: float) -> None:
    for name, fraction in (("validation", validation), ("test", test)):
        if not 0 <= fraction < 1:
            raise InputError(f"{name} is a fraction of the rows, from 0 to below 1; received {fraction}. Try 0.2.")
    if validation + test >= 1:
        raise InputError(f"validation {validation} and test {test} leave no row to train on. Try 0.2 and 0.2.")


def _groups(dataset: Dataset) -> list[np.ndarray]:
    """The rows of each class; all rows where a number is predicted."""
    if not dataset.classes:
        return [np.arange(dataset.rows)]
    return [np.flatnonzero(dataset.target == code) for code in range(len(dataset.classes))]


def _check_classes(dataset: Dataset, counts: np.ndarray, parts: int) -> None:
    rarest = int(counts.argmin())
    if counts[rarest] >= parts:
        return
    crowd = len(counts) > dataset.rows / 3
    hint = (
        "Is the target a name or a number? Then choose another column, or task 'regression'."
        if crowd
        else ("Give more rows of it, join it with another class, or drop its rows.")
    )
    raise InputError(
        f"Class '{dataset.classes[rarest]}' of target '{dataset.target_name}' has {counts[rarest]} "
        f"row{'' if counts[rarest] == 1 else 's'}, and {parts} parts need one each. {hint}"
    )


def _deal(counts: np.ndarray, fraction: float, *, spare: int, limit: np.ndarray | None = None) -> np.ndarray:
    """How many rows of each group go to a part: in proportion, largest remainders first, at least one each.

    spare: rows that each group must keep back.  limit: rows that each has left, *counts* where None.
    """
    if fraction == 0:
        return np.zeros_like(counts)
    exact = counts * fraction
    most = (counts if limit is None else limit) - spare
    dealt = np.clip(np.floor(exact + 1e-9).astype(int), 1, most)
    total = round(fraction * counts.sum())
    for group in np.argsort(dealt - exact, kind="stable"):
        if dealt.sum() < total and dealt[group] < most[group]:
            dealt[group] += 1
    return dealt


def _draw(groups: list[np.ndarray], sizes: np.ndarray, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """From each group as many rows as *sizes* says, and the rest."""
    random = np.random.default_rng(seed)
    shuffled = [random.permutation(group) for group in groups]
    return (
        [rows[:size] for rows, size in zip(shuffled, sizes, strict=True)],
        [np.sort(rows[size:]) for rows, size in zip(shuffled, sizes, strict=True)],
    )
