"""After a race: why its winner went as it did, and one run of each kind of failure among the rest."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from ..diagnosis import Diagnosis, diagnose
from ..problems import NetworkProblem
from ..races import Plan, configured, parsed_knobs, rate
from ..reports import Record, read, report
from ..rules import proper_name
from ..training import Run, fit_instance
from ._diagnose import drawn, keep
from ._progress import progress
from ._reopen import as_the_winner, siblings_of

# About so long may the trainings beside each take: a race is not to take twice its time for them.
_SECONDS = 4.0
# One that keeps more of the way from its first loss to the winner's is a failure.
_FAILED = 0.1
# One that keeps so much of what it began with has learned nothing.
_STUCK = 0.9


class Picked(NamedTuple):
    """A run to look at: its place among the record's runs, and what it is an example of."""

    row: int
    what: str


def diagnose_race(console: Console, problem: NetworkProblem, plan: Plan, place: Path, *, quiet: bool) -> None:
    """Diagnose some runs of a race that has ended, say what was found, keep it, and draw the report again."""
    record = read(place)
    picked = worth_a_look(record)
    found: dict[int, Diagnosis] = {}
    pictures: dict[int, dict[str, str] | None] = {}
    with progress(console, len(picked), "diagnoses", quiet=quiet) as line:
        for done, one in enumerate(picked):
            line.show(done, one.what)
            run = rerun(record, one.row, problem, plan)
            siblings = siblings_of(record, one.row, problem)
            number = int(record.runs["run"][one.row])
            found[number] = diagnose(run, siblings=siblings, seconds=_SECONDS)
            pictures[number] = drawn(run)
    keep(place, found, pictures=pictures)
    report(place)
    for one, told in zip(picked, found.values(), strict=True):
        name = proper_name(str(record.runs["optimizer"][one.row]))
        at = rate(float(record.runs["learning_rate"][one.row]))
        console.print(f"{one.what}, {name} at {at}: {told.sentence}")


def rerun(record: Record, row: int, problem: NetworkProblem, plan: Plan) -> Run:
    """A run of the race once more, with its parameters."""
    runs = record.runs
    usual = plan.optimizers[str(runs["optimizer"][row])]
    knobs = parsed_knobs(str(record.hyperparameters[row]))
    chosen = configured(usual, float(runs["learning_rate"][row]), knobs)
    seed = int(runs["seed"][row])
    (instance,) = problem.instances([seed])
    return fit_instance(problem, instance, chosen, plan.settings, seed=seed)


def worth_a_look(record: Record) -> list[Picked]:
    """The model's run, then of each kind of failure the run nearest to the winner's rate, its optimizer's first."""
    if not record.model or not record.verdict:
        return []
    runs = record.runs
    own = int(np.flatnonzero(runs["run"] == record.model["run"])[0])
    picked = [Picked(own, "The winner")]
    for what, failed in _FAILURES.items():
        taken = {one.row for one in picked}
        among = np.flatnonzero(record.counted & ~record.fresh & ~as_the_winner(record))
        rows = [row for row in among if failed(record, int(row), own) and row not in taken]
        if rows:
            picked.append(Picked(int(min(rows, key=lambda row: _apart(record, int(row), own))), what))
    return picked


def _apart(record: Record, row: int, own: int) -> tuple[bool, float, int]:
    rates = record.runs["learning_rate"]
    other = record.runs["optimizer"][row] != record.runs["optimizer"][own]
    return bool(other), abs(math.log(rates[row] / rates[own])), int(record.runs["run"][row])


def _diverged(record: Record, row: int, own: int) -> bool:
    return bool(record.runs["status"][row] == "diverged")


def _stuck(record: Record, row: int, own: int) -> bool:
    ended = record.runs["status"][row] in ("ok", "stopped")
    return bool(ended and record.runs["best_validation_loss"][row] >= _STUCK * _first(record, row))


def _slow(record: Record, row: int, own: int) -> bool:
    runs = record.runs
    falling = runs["status"][row] == "ok" and runs["best_epoch"][row] == runs["epochs"][row]
    return bool(falling and _worse(record, row, own) and not _stuck(record, row, own))


def _unsteady(record: Record, row: int, own: int) -> bool:
    runs = record.runs
    ended = runs["status"][row] in ("ok", "stopped") and runs["best_epoch"][row] < runs["epochs"][row]
    return bool(ended and _worse(record, row, own) and not _stuck(record, row, own))


def _worse(record: Record, row: int, own: int) -> bool:
    losses = record.runs["best_validation_loss"]
    return bool(losses[row] - losses[own] > _FAILED * (_first(record, row) - losses[own]))


def _first(record: Record, row: int) -> float:
    """The validation loss before the first step; infinite where no curve tells."""
    curve = record.curves["validation_loss"][record.curves["run"] == record.runs["run"][row]]
    return float(curve[0]) if len(curve) else math.inf


_FAILURES: dict[str, Callable[[Record, int, int], bool]] = {
    "One that diverged": _diverged,
    "One that learned nothing": _stuck,
    "One that was still falling": _slow,
    "One that ended higher": _unsteady,
}
