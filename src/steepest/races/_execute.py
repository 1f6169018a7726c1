"""Run the runs of a plan, one a core, each a call of the same compiled program."""

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import numpy as np

from ..problems import Instance, Minimised
from ..training import Run, Settings, fit_instance
from ._plan import Entry, workers
from ._together import together


class Ended(NamedTuple):
    """A run that ended, with its number in the plan."""

    number: int
    run: Run


def execute(
    problem: Minimised,
    instances: dict[int, Instance],
    entries: Sequence[Entry],
    settings: Settings,
    on_end: Callable[[Ended], None] | None = None,
) -> tuple[list[Ended], bool]:
    """Run every entry; returns the runs in the plan's order and whether all ended.

    One thread a core calls the compiled program, which leaves Python while it runs. Ctrl-C stops the runs at their
    next return to Python; what has ended is returned.
    on_end: called from this thread as each run ends.
    """
    stop = threading.Event()
    as_one = together(entry.optimizer for entry in entries)

    def one(entry: Entry) -> Ended:
        def go_on(*_: object) -> bool:
            return not stop.is_set()

        instance = instances[entry.seed]
        shared = as_one(entry.optimizer)
        run = fit_instance(problem, instance, shared, settings, seed=entry.seed, watch=go_on, watch_seconds=np.inf)
        # A race of hundreds of runs keeps what they tell, not their parameters; any can be trained again to the bit.
        return Ended(entry.run, dataclasses.replace(run, optimizer=entry.optimizer, parameters=None, last=None))

    ended: list[Ended] = []
    pool, pending = ThreadPoolExecutor(workers()), list[Future[Ended]]()
    try:
        for entry in entries:
            pending.append(pool.submit(one, entry))
        for future in _as_they_end(pending):
            ended.append(future.result())
            if on_end is not None:
                on_end(ended[-1])
    except KeyboardInterrupt:
        stop.set()
    finally:
        failed = sys.exc_info()[0] is not None
        if failed:
            stop.set()
        _close(pool)
    return sorted(ended, key=lambda one: one.number), not stop.is_set()


def _close(pool: ThreadPoolExecutor) -> None:
    """Wait for the runs under way, which end within a second or so of being told; further Ctrl-C changes nothing."""
    while True:
        try:
            return pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:
            continue


def _as_they_end(pending: Sequence[Future[Ended]]) -> Iterable[Future[Ended]]:
    """Futures as they complete; short waits keep Ctrl-C quick."""
    left = set(pending)
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
        yield from done
