"""A run of a directory once more: its table read again, its network built again, and trained from the same seed."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ..data import BUILT_IN
from ..diagnosis import Sibling, fresh_start, late_of, watched_of
from ..errors import InputError
from ..problems import NetworkProblem
from ..races import kept_start, parsed_knobs
from ..reports import Record
from ..rules import proper_name
from ..training import Run, fit_instance, steps_per_epoch
from ._fit import chosen_optimizer, settings_of, table_like
from ._like import like

# What ``like`` leaves to the command line's own defaults.
_OPTIONS: dict[str, Any] = {
    "optimizer": "adam", "learning_rate": None, "schedule": "constant", "warmup": 0, "set_": None, "clip_norm": None,
    "clip_value": None, "noise": None, "sampling": "shuffled", "task": None, "weight": None, "class_weight": None,
    "hidden": (128,), "activation": "relu", "initializer": None, "scale": 1.0, "loss": None, "epochs": 100,
    "batch_size": None, "patience": 10, "target": None,
}  # fmt: skip


class Reopened(NamedTuple):
    """number: of the run in its directory.  run: trained again.  siblings: those of its race, from what it kept."""

    number: int
    run: Run
    siblings: tuple[Sibling, ...]


def reopen(
    record: Record, data: str | None, number: int | None = None, told: Callable[[int, int, float], None] | None = None
) -> Reopened:
    """Train a run of a directory again: the same data, settings and seed give the same run.

    data: the table, where it is no longer where it was.  number: the run's; that of the model unless given.
    told: called with the epoch, of how many, and the watched loss.
    Raises InputError where the table is not to be found or is another, where it is a loss of one's own, and for a
    number that is not in the directory.
    """
    if "network" not in record.facts["spec"]:
        raise InputError(f"'{record.path}' is of a loss of one's own, which only Python knows: give its Run there.")
    row = _row(record, number)
    given: dict[str, Any] = {"optimizer": str(record.runs["optimizer"][row])} if record.kind == "race" else {}
    asked = {**_OPTIONS, **like(record.path, given), **given}
    if record.kind == "race":
        asked |= _of_row(record, row)
    source = data or _source(record)
    table, problem = table_like(source, asked, record.path, frozenset())
    if table.fingerprint != record.facts["data"].get("fingerprint", table.fingerprint):
        raise InputError(
            f"'{source}' is not the table that '{record.path}' was trained on: its content differs. "
            "Give that by --data."
        )
    seed, settings = int(record.runs["seed"][row]), settings_of(asked)
    (instance,) = problem.instances([seed])
    steps = settings.epochs * steps_per_epoch(instance.rows, settings.batch_size_for(instance.rows))

    def watch(epoch: int, train_loss: float, watched: float) -> bool:
        if told is not None:
            told(epoch, settings.epochs, float(problem.reported(watched, seed)))
        return True

    warm = kept_start(record.path, fresh_start(instance, seed)) if record.kind == "fit" else None
    run = fit_instance(problem, instance, chosen_optimizer(asked, steps), settings, seed=seed, warm=warm, watch=watch)
    return Reopened(int(record.runs["run"][row]), run, siblings_of(record, row, problem))


def _row(record: Record, number: int | None) -> int:
    runs = record.runs["run"]
    if not len(runs):
        raise InputError(f"'{record.path}' has no run, so that there is nothing to look at. Race or fit again.")
    if number is None:
        number = int(record.model["run"]) if record.model and "run" in record.model else int(runs[0])
    there = np.flatnonzero(runs == number)
    if not len(there):
        raise InputError(
            f"'{record.path}' has no run {number}; its {len(runs)} are numbered {runs.min()} to {runs.max()}."
        )
    return int(there[0])


def _source(record: Record) -> str:
    """Where the table was read; InputError where nobody wrote it down, or it is there no longer."""
    try:
        told = json.loads((record.path / "made.json").read_text(encoding="utf-8")).get("source") or ""
    except (OSError, ValueError, AttributeError):
        told = ""
    name = str(record.facts["data"].get("name", ""))
    told = told or (name if name in BUILT_IN else "")
    if told in BUILT_IN or Path(told or "/nowhere").is_file():
        return told
    where = f"'{told}' is there no longer" if told else "it does not say where its table was read"
    raise InputError(f"The run in '{record.path}' cannot be trained again: {where}. Give the table by --data.")


def _of_row(record: Record, row: int) -> dict[str, Any]:
    """The rate, searched hyperparameters and length of a race's run."""
    spec, knobs = record.facts["spec"], parsed_knobs(str(record.hyperparameters[row]))
    usual = spec["optimizers"].get(str(record.runs["optimizer"][row]), {})
    usual = {name: math.inf if value is None else value for name, value in usual.items()}
    return {
        "learning_rate": float(record.runs["learning_rate"][row]),
        "epochs": spec["epochs"],
        "set_": [f"{name}={value!r}" for name, value in {**usual, **knobs}.items()],
    }


def siblings_of(record: Record, row: int, problem: NetworkProblem) -> tuple[Sibling, ...]:
    """The race's whole runs of the same optimizer: at other rates with the same seed, and at the same rate with others;
    and, where it is another optimizer's, the winner's run of the same seed.

    row: of the run among the record's runs. Losses are as they are minimised.
    """
    runs = record.runs
    if not len(record.curves["run"]):
        return ()
    ended = np.isin(runs["status"], ["ok", "stopped", "diverged"])
    alike = ended & (runs["optimizer"] == runs["optimizer"][row])
    alike &= record.hyperparameters == record.hyperparameters[row]
    same_seed = runs["seed"] == runs["seed"][row]
    same_rate = np.isclose(runs["learning_rate"], runs["learning_rate"][row])
    own = float(runs["learning_rate"][row])
    rates = [
        _sibling(record, int(place), problem, "rate", float(runs["learning_rate"][place]) / own)
        for place in np.flatnonzero(alike & same_seed & ~same_rate)
    ]
    seeds = [
        _sibling(record, int(place), problem, "seed", float(runs["seed"][place]))
        for place in np.flatnonzero(alike & same_rate & ~same_seed)
    ]
    best = [
        _sibling(record, int(place), problem, "method", float(runs["learning_rate"][place]))
        for place in np.flatnonzero(ended & same_seed & as_the_winner(record))
        if runs["optimizer"][place] != runs["optimizer"][row]
    ]
    return (*rates, *seeds, *best)


def as_the_winner(record: Record) -> np.ndarray:
    """Which runs are of the winner's optimizer, rate and hyperparameters."""
    runs = record.runs
    won = np.flatnonzero(runs["run"] == (record.model or {}).get("run"))
    if not len(won):
        return np.zeros(len(runs["run"]), bool)
    own = int(won[0])
    same = (runs["optimizer"] == runs["optimizer"][own]) & (record.hyperparameters == record.hyperparameters[own])
    return same & np.isclose(runs["learning_rate"], runs["learning_rate"][own])


def _sibling(
    record: Record, place: int, problem: NetworkProblem, kind: Literal["rate", "seed", "method"], change: float
) -> Sibling:
    """A run of the record, as one beside another."""
    seed, of_run = int(record.runs["seed"][place]), record.curves["run"] == record.runs["run"][place]
    by = proper_name(str(record.runs["optimizer"][place]))
    names = ("train_loss", "validation_loss")
    train, watched = (problem.minimised(record.curves[name][of_run], seed) for name in names)
    if record.runs["status"][place] == "diverged" or not len(train):
        return Sibling(kind, change, math.inf, math.inf, by=by)
    return Sibling(kind, change, late_of(train), watched_of(watched), by=by, curves=(train, watched))
