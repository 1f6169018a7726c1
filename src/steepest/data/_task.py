"""What is to be predicted: the task, found from the target's values, and the classes."""

import numpy as np
import polars as pl

from ..errors import InputError, unknown
from ._kinds import parse

TASKS = ("binary", "multiclass", "regression")
# Whole numbers with up to this many distinct values name classes more often than they count something.
MOST_WHOLE_CLASSES = 20


def find_target(column: pl.Series, task: str | None) -> tuple[np.ndarray, tuple, str]:
    """The target's values, its classes and the task.

    Text, booleans and dates are classes; so are numbers with two distinct values, and whole numbers with up to twenty;
    other numbers are to be predicted as numbers. *task*, where given, decides instead.
    Returns values (rows,): int64 codes into the sorted classes, or float64 numbers and no classes.
    Raises InputError where a value is missing or infinite, all are equal, or they do not suit *task*.
    """
    if task is not None and task not in TASKS:
        raise unknown("task", task, TASKS)
    column = _plain(column)
    _check(column)
    distinct = column.n_unique()
    found = _find_task(column, distinct) if task is None else task
    if found == "regression":
        return _numbers(column), (), found
    if found == "binary" and distinct != 2:
        raise InputError(
            f"Target '{column.name}' has {distinct} distinct values, and task 'binary' needs two. "
            "Use task 'multiclass' or 'regression', or leave it to be found."
        )
    labels = column.unique().sort()
    codes = labels.search_sorted(column).to_numpy().astype(np.int64)
    return codes, tuple(labels.to_list()), found


def _plain(column: pl.Series) -> pl.Series:
    """Numbers, booleans, text or dates, missing as null; text that is numbers or booleans throughout becomes these."""
    dtype = column.dtype
    if dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    if dtype == pl.String:
        return parse(column)
    if dtype.is_float() or dtype.is_decimal():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype.is_integer() or dtype in (pl.Boolean, pl.Date, pl.Datetime, pl.Null):
        return column
    raise InputError(f"Target '{column.name}' holds {dtype}. Give numbers, text, booleans or dates.")


def _check(column: pl.Series) -> None:
    if missing := column.null_count():
        raise InputError(
            f"Target '{column.name}' is missing in {missing} of {len(column)} rows. Drop those rows or fill them in."
        )
    if column.dtype == pl.Float64 and (infinite := column.is_infinite()).any():
        raise InputError(
            f"Target '{column.name}' is infinite in {infinite.sum()} rows, first in row {infinite.arg_true()[0] + 1}. "
            "Drop those rows or give numbers."
        )
    if column.n_unique() == 1:
        raise InputError(
            f"Target '{column.name}' is '{column[0]}' in every row, so there is nothing to learn. "
            "Give rows with at least two different values."
        )


def _find_task(column: pl.Series, distinct: int) -> str:
    if distinct == 2:
        return "binary"
    if not column.dtype.is_numeric():
        return "multiclass"
    whole = column.dtype.is_integer() or bool((column == column.round()).all())
    return "multiclass" if whole and distinct <= MOST_WHOLE_CLASSES else "regression"


def _numbers(column: pl.Series) -> np.ndarray:
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).to_numpy().copy()
    example = column[0]
    if column.dtype == pl.String:
        example = column.filter(column.cast(pl.Float64, strict=False).is_null())[0]
    raise InputError(
        f"Target '{column.name}' holds '{example}', which is no number, so regression is not possible. "
        "Leave the task to be found, or mend the column."
    )
