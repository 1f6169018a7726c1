"""A table with its target and its task, and what was done on the way to it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from ..errors import InputError, unknown
from ._kinds import parse, reading_notes, recognise
from ._load import load
from ._task import find_target


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A table to learn from.

    features: columns of the four kinds (see ``_kinds``).  target: (rows,), codes 0, 1, ... into *classes* (int64), or
    numbers in the user's unit (float64).  classes: labels as the table spells them, sorted; empty for regression.
    task: ``binary``, ``multiclass`` or ``regression``.  weights: (rows,) non-negative float64, or None.
    weight_name: the column they came from.
    notes: a sentence for each thing that was done quietly.
    """

    features: pl.DataFrame
    target: np.ndarray
    classes: tuple
    task: str
    target_name: str
    name: str
    weights: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    weight_name: str | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.target)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content: the same wherever the file lies and whenever it was written."""
        digest = hashlib.sha256(repr((self.task, self.target_name, self.classes)).encode())
        for part in self._content():
            digest.update(part)
        return digest.hexdigest()

    def _content(self) -> Iterator[bytes]:
        yield self.target.tobytes()
        yield b"" if self.weights is None else b"weights" + self.weights.tobytes()
        for column in self.features:
            yield f"{column.name!r} {column.dtype}".encode()
            yield column.is_null().to_numpy().tobytes()
            if column.dtype == pl.String:
                # Lengths and letters together: neither ("ab", "c") and ("a", "bc") nor a gap and "" look alike.
                yield column.str.len_bytes().fill_null(0).to_numpy().tobytes()
                yield (column.fill_null("").str.join("").item() or "").encode()
            else:
                yield column.to_physical().fill_null(0).to_numpy().tobytes()

    def describe(self) -> str:
        """One line: name, size, task and target."""
        task = f"{len(self.classes)} classes" if self.classes else "a number to predict"
        rows, columns = f"{self.rows:,} rows", f"{self.features.width} column{'s' * (self.features.width != 1)}"
        return f"{self.name}: {rows}, {columns}, {task} (target '{self.target_name}')"

    __repr__ = describe


def read(
    source: Any,
    *,
    target: str | None = None,
    task: str | None = None,
    weight: str | None = None,
    name: str | None = None,
) -> Dataset:
    """Read a table to learn from.

    source: a .csv, .tsv, .parquet, .arrow, .feather or .ipc file; ``digits``, ``breast-cancer``, ``wine``, ``iris`` or
    ``diabetes``; or a Polars or pandas DataFrame.
    target: the column to predict; the built-in tables know theirs.  task: ``binary``, ``multiclass`` or
    ``regression``; found from the target where None.  weight: a column that says how much each row counts.
    Raises InputError, one sentence that says what to do, for anything that cannot be learned from.

    >>> read("wine")
    wine: 178 rows, 13 columns, 3 classes (target 'target')
    """
    table = load(source)
    # What a sentence about the table calls it: a file's whole name is found again more easily than its stem.
    said, name = name or table.source, name or table.name
    frame = table.frame
    target = _check_columns(frame, table.target if target is None else target, weight)
    if frame.height < 2:
        found = "no rows below its header" if frame.is_empty() else "one row only"
        raise InputError(f"{said} has {found}. Give at least ten rows to learn from.")
    values, classes, task = find_target(frame[target], task)
    notes = _target_notes(frame[target])
    weights = None
    if weight is not None:
        weights, of_weights = _weights(frame[weight])
        notes += of_weights
    features, of_features = _features(frame.drop([target] if weight is None else [target, weight]), said)
    told = (*table.notes, *notes, *of_features)
    return Dataset(features, values, classes, task, target, name, weights, told, weight)


def _check_columns(frame: pl.DataFrame, target: str | None, weight: str | None) -> str:
    shown = ", ".join(frame.columns[:10]) + (", ..." if frame.width > 10 else "")
    if target is None:
        raise InputError(
            f"Which column is to be predicted? Give it as target (--target COL on the command line); "
            f"the columns are {shown}."
        )
    for role, column in (("target", target), ("weight", weight)):
        if column is not None and column not in frame.columns:
            message = str(unknown(f"{role} column", column, frame.columns)).split(" Allowed: ")[0]
            raise InputError(f"{message} The columns are {shown}.")
    if target == weight:
        raise InputError(f"Column '{target}' cannot be both target and weight. Name two columns.")
    return target


def _target_notes(column: pl.Series) -> list[str]:
    return reading_notes(column, parse(column)) if column.dtype == pl.String else []


def _weights(column: pl.Series) -> tuple[np.ndarray, list[str]]:
    column, notes = recognise(column)
    if column.dtype != pl.Float64:
        raise InputError(f"Weight column '{column.name}' holds {column.dtype}, not numbers. Give numbers of 0 or more.")
    bad = column.is_null() | (column < 0).fill_null(True)
    if bad.any():
        row = bad.arg_true()[0]
        found = "missing" if column[row] is None else column[row]
        raise InputError(
            f"Weight column '{column.name}' is {found} in row {row + 1}. Weights are numbers of 0 or more."
        )
    if not column.sum():
        raise InputError(f"Weight column '{column.name}' is 0 everywhere. Some row has to count.")
    return column.to_numpy().copy(), notes


def _features(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    """The features as their kinds, without columns that cannot tell one row from another."""
    recognised = [recognise(column) for column in frame]
    notes = [note for _, of_column in recognised for note in of_column]
    empty = [column.name for column, _ in recognised if column.null_count() == len(column)]
    alike = [column.name for column, _ in recognised if column.name not in empty and column.n_unique() == 1]
    constant = [name for name in alike if _is_constant(frame[name])]
    close = [name for name in alike if name not in constant]
    notes += _left_out(empty, "has no entries", "have no entries") + _left_out(constant, "is constant", "are constant")
    limit = "by less than can be told apart (numbers are float64, times microseconds)"
    notes += _left_out(close, f"varies {limit}", f"vary {limit}")
    kept = [column for column, _ in recognised if column.name not in (*empty, *alike)]
    if not kept:
        why = "has no column besides its target" if not recognised else "has only constant or empty columns"
        raise InputError(f"{name} {why}. Give at least one column that varies.")
    return pl.DataFrame(kept), notes


def _is_constant(column: pl.Series) -> bool:
    """Whether all entries are equal as the table holds them: two large whole numbers may be one float64."""
    return (parse(column, dates=True) if column.dtype == pl.String else column).n_unique() == 1


def _left_out(columns: list[str], is_so: str, are_so: str) -> list[str]:
    if not columns:
        return []
    if len(columns) == 1:
        return [f"Column '{columns[0]}' {is_so} and was left out."]
    named = ", ".join(f"'{column}'" for column in columns[:10]) + (", ..." if len(columns) > 10 else "")
    return [f"{len(columns)} columns {are_so} and were left out: {named}."]
