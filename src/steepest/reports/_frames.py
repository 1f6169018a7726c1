"""A race's runs and curves as the tables that its own statistics take."""

from typing import NamedTuple

import polars as pl

from ._directory import Record

_RUNS = ("run", "optimizer", "learning_rate", "seed", "stage", "status", "steady_validation_loss")
_CURVES = ("run", "epoch", "step", "validation_loss")


class Frames(NamedTuple):
    """runs: a row a run.  curves: a row an epoch of a run."""

    runs: pl.DataFrame
    curves: pl.DataFrame


def frames(record: Record) -> Frames | None:
    """The tables of a race; None where it was kept before they had all that is asked of them, or nothing ran."""
    if record.kind != "race" or not len(record.runs["run"]):
        return None
    if not set(_RUNS) <= set(record.runs) or not set(_CURVES) <= set(record.curves):
        return None
    runs = pl.DataFrame({name: record.runs[name].tolist() for name in _RUNS})
    return Frames(runs, pl.DataFrame({name: record.curves[name] for name in _CURVES}))
