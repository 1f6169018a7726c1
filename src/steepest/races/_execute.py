"""Run the runs of a race, one a core, each a call of the same compiled program."""

import dataclasses
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from ..problems import Instance, Minimised
from ..training import DROPPED, INTERRUPTED, Run, Training
from ._plan import Entry, Plan, workers
from ._space import told_knobs
from ._together import together

# Epochs over which a step is timed, at most.
_MOST_TIMED = 100


class Ended(NamedTuple):
    """A run that ended.

    number: in the order of the race.  row: as in the table of runs.  curves: a row an epoch, losses as reported.
    """

    number: int
    row: dict[str, Any]
    curves: pl.DataFrame


class Crew:
    """Trains the runs of a race on all cores, a stretch at a time, and keeps what has ended.

    One thread a core calls the compiled program, which leaves Python while it runs. Ctrl-C stops the runs at their next
    return to Python; ``stopped`` is then set, and what has ended is kept.
    ended: by run number; what is there to begin with is not run again.  on_end: called, from the thread of whoever
    waits, as each further run ends.
    """

    def __init__(
        self,
        problem: Minimised,
        plan: Plan,
        *,
        known: Mapping[int, Ended],
        on_end: Callable[[Ended], None] | None = None,
    ):
        self.ended: dict[int, Ended] = dict(known)
        self._problem, self._plan, self._on_end = problem, plan, on_end
        self._stop = threading.Event()
        self._as_one = together(plan.optimizers.values())
        self._waiting: dict[int, tuple[Entry, Training]] = {}
        self._instances: dict[int, Instance] = {}

    @property
    def stopped(self) -> bool:
        """Whether somebody has said Ctrl-C."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Train no more."""
        self._stop.set()

    def instance(self, seed: int) -> Instance:
        """The problem at a seed, made once."""
        if seed not in self._instances:
            (self._instances[seed],) = self._problem.instances([seed])
        return self._instances[seed]

    def train(self, entries: Sequence[Entry], until: int) -> None:
        """Train every entry that has not ended until that epoch or its end."""
        pool, pending = ThreadPoolExecutor(workers()), list[Future[tuple[Entry, Training]]]()
        try:
            for entry in entries:
                if entry.run not in self.ended:
                    self.instance(entry.seed)
                    pending.append(pool.submit(self._train, entry, until))
            for future in _as_they_end(pending):
                self._take(*future.result())
        except KeyboardInterrupt:
            self._stop.set()
        finally:
            if sys.exc_info()[0] is not None:
                self._stop.set()
            _close(pool)
        if self.stopped:  # of those that were not waited for some have ended
            for future in pending:
                if future.done() and not future.cancelled() and future.exception() is None:
                    self._take(*future.result())

    def _train(self, entry: Entry, until: int) -> tuple[Entry, Training]:
        _, training = self._waiting.pop(entry.run, (entry, None))
        if training is None:
            instance, optimizer = self.instance(entry.seed), self._as_one(entry.optimizer)
            training = Training(self._problem, instance, optimizer, self._plan.settings, seed=entry.seed)
        training.go(until, lambda *_: not self._stop.is_set())
        return entry, training

    def _take(self, entry: Entry, training: Training) -> None:
        """Keep a run that ended; one that has not waits for a decision, and one that was cut short is forgotten."""
        if entry.run in self.ended:
            return
        if training.ended:
            run = training.run()
            if run.status != INTERRUPTED:
                self._keep(entry, run)
        else:
            self._waiting[entry.run] = entry, training

    def watched(self, entry: Entry) -> np.ndarray:
        """The watched loss after each epoch so far, as reported: (epochs,)."""
        if entry.run in self.ended:
            return self.ended[entry.run].curves["validation_loss"].to_numpy()[1:]
        return self._problem.reported(self._waiting[entry.run][1].watched, entry.seed)[1:]

    def of(self, entries: Sequence[Entry]) -> list[Ended]:
        """Those of the entries that have ended, in their order."""
        return [self.ended[entry.run] for entry in entries if entry.run in self.ended]

    def all_ended(self) -> list[Ended]:
        """All that has ended, in the order of the race."""
        return [self.ended[number] for number in sorted(self.ended)]

    def step_seconds(self, name: str, learning_rate: float, about: float) -> float | None:
        """Seconds of a step of an optimizer alone on the machine, its program compiled; None where it takes none."""
        seed = self._plan.seeds[0]
        optimizer = self._as_one(self._plan.optimizers[name].with_learning_rate(learning_rate))
        settings = dataclasses.replace(self._plan.settings, epochs=1 + _MOST_TIMED, patience=None)
        epochs = 1
        try:
            while True:
                training = Training(self._problem, self.instance(seed), optimizer, settings, seed=seed)
                training.go(1)  # compiles
                began, steps = time.perf_counter(), training.run().steps
                training.go(1 + epochs)
                took, ran = time.perf_counter() - began, training.run().steps - steps
                if took >= about or epochs == _MOST_TIMED or training.ended:
                    return took / ran if ran else None
                epochs = int(np.clip(2 * epochs * about / took, epochs + 1, _MOST_TIMED))
        except KeyboardInterrupt:
            return None

    def size_of(self, entry: Entry) -> int:
        """Bytes that a run of this optimizer holds on to while it waits."""
        instance, optimizer = self.instance(entry.seed), self._as_one(entry.optimizer)
        return Training(self._problem, instance, optimizer, self._plan.settings, seed=entry.seed).size

    def drop(self, entry: Entry) -> None:
        """End a run that waits, since it cannot win."""
        if entry.run not in self.ended:
            self._keep(entry, self._waiting.pop(entry.run)[1].run(DROPPED))

    def _keep(self, entry: Entry, run: Run) -> None:
        # A race of hundreds of runs keeps what they tell, not their parameters; any can be trained again to the bit.
        run = dataclasses.replace(run, optimizer=entry.optimizer, parameters=None, last=None)
        knobs = told_knobs(entry.optimizer, self._plan.optimizers[entry.optimizer.name])
        row = {"run": entry.run, "stage": entry.stage, "hyperparameters": knobs, **run.row()}
        ended = Ended(entry.run, row, run.reported_curves())
        self.ended[entry.run] = ended
        if self._on_end is not None:
            self._on_end(ended)


def _close(pool: ThreadPoolExecutor) -> None:
    """Wait for the runs under way, which end within a second or so of being told; further Ctrl-C changes nothing."""
    while True:
        try:
            return pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:
            continue


def _as_they_end(pending: Sequence[Future]) -> Iterable[Future]:
    """Futures as they complete; short waits keep Ctrl-C quick."""
    left = set(pending)
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
        yield from done
