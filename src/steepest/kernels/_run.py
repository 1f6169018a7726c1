"""Run a kernel over a list of arrays, on all cores."""

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

# Entries in one row of a table: a megabyte of each float32 array, long enough for the memory's prefetching, short
# enough for cores to share even one large array evenly.
_ROW = 2**18
# Fewer entries than this are done before another thread would have woken.
_ALONE = 2**15


class Work(NamedTuple):
    """table: rows for the kernel (see ``source``).  ends: entries up to the end of each row."""

    table: np.ndarray
    ends: np.ndarray


def work(counts: np.ndarray, addresses: np.ndarray, itemsizes: tuple[int, ...]) -> Work:
    """The rows for some parameters.

    counts: (parameters,) entries of each.  addresses: (parameters, arrays) where it, its gradient and each array of
    its state begin, int64.  itemsizes: bytes an entry of each of those arrays.
    """
    pieces = -(-counts // _ROW)
    owner = np.repeat(np.arange(len(counts)), pieces)
    begin = (np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) * _ROW
    lengths = np.minimum(_ROW, counts[owner] - begin)
    ends = np.cumsum(lengths)
    table = np.empty((len(owner), 2 + len(itemsizes)), np.int64)
    table[:, 0], table[:, 1] = lengths, ends - lengths
    table[:, 2:] = addresses[owner] + begin[:, None] * np.array(itemsizes)
    return Work(table, ends)


def run(
    kernel: Callable[..., None], todo: Work, uniforms: tuple[float, ...], *, key: int = 0, threads: int | None = None
) -> None:
    """Call the kernel on every row, the rows shared out evenly among threads.

    key: seeds the rounding at random of this step.  threads: as many as this process may use cores if None. The result
    does not depend on them: each entry is computed by itself, and random bits by its number among all.
    """
    rows, entries = len(todo.table), int(todo.ends[-1]) if len(todo.ends) else 0
    seed = np.uint64(key)
    count = min(threads or cores(), rows) if entries > _ALONE else 1
    if count <= 1:
        kernel(todo.table, 0, rows, seed, *uniforms)
        return
    cuts = [0, *(np.searchsorted(todo.ends, np.arange(1, count) * (entries / count)) + 1).tolist(), rows]
    others = [
        _pool().submit(kernel, todo.table, first, last, seed, *uniforms) for first, last in itertools.pairwise(cuts[1:])
    ]
    kernel(todo.table, 0, cuts[1], seed, *uniforms)
    for other in others:
        other.result()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, cores() - 1), thread_name_prefix="steepest-kernel")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
