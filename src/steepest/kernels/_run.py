"""Run a kernel over a list of arrays, on all cores."""

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

import numpy as np

from ._compile import Kernel
from ._source import BLOCK

# Entries in one row of a table: a megabyte of each float32 array, long enough for the memory's prefetching, short
# enough for cores to share even one large array evenly.
_ROW = 2**18
# Entries that a thread takes at a time, at least: some ten microseconds of work.
_CHUNK = 2**15

Team = Callable[[int, int, int], None]  # (address of a C function, address of its block, threads)


class Work(NamedTuple):
    """What a kernel is to do.

    table: rows for the kernel (see ``source``).  cuts: rows at which one chunk ends and the next begins.
    owner: whose each row is.  begin: at which of its entries the row begins.  itemsizes: bytes an entry of each array.
    where: addresses of table and cuts.
    """

    table: np.ndarray
    cuts: np.ndarray
    owner: np.ndarray
    begin: np.ndarray
    itemsizes: tuple[int, ...]
    where: tuple[int, int]

    def aim(self, place: int, addresses: Sequence[int]) -> None:
        """Have the rows point to other arrays of the same sizes.

        addresses: (parameters,) where each begins of those that stand at this place among the arrays.
        """
        if len(self.table) == len(addresses):  # a row each
            self.table[:, 2 + place] = addresses
        else:
            self.table[:, 2 + place] = np.array(addresses, np.int64)[self.owner] + self.begin * self.itemsizes[place]


def work(counts: Sequence[int], addresses: Sequence[Sequence[int]], itemsizes: tuple[int, ...]) -> Work:
    """The rows for some parameters.

    counts: (parameters,) entries of each.  addresses: (arrays, parameters) where every parameter begins, then every
    gradient and each array of the state.  itemsizes: bytes an entry of each of those arrays.
    """
    entries = np.array(counts, np.int64)
    pieces = -(-entries // _ROW)
    owner = np.repeat(np.arange(len(entries)), pieces)
    begin = (np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) * _ROW
    lengths = np.minimum(_ROW, entries[owner] - begin)
    ends = np.cumsum(lengths)
    table = np.empty((len(owner), 2 + len(itemsizes)), np.int64)
    table[:, 0], table[:, 1] = lengths, ends - lengths
    _, first = np.unique((ends - lengths) // _CHUNK, return_index=True)
    cuts = np.append(first, len(table)).astype(np.int64)
    made = Work(table, cuts, owner, begin, itemsizes, (table.ctypes.data, cuts.ctypes.data))
    for place, column in enumerate(addresses):
        made.aim(place, column)
    return made


def run(
    kernel: Kernel,
    todo: Work,
    uniforms: tuple[float, ...],
    *,
    key: int = 0,
    threads: int | None = None,
    team: Team | None = None,
) -> None:
    """Call the kernel on every row. Each thread takes chunk after chunk, so that one that is held up holds up no other.

    key: seeds the rounding at random of this step.  threads: as many as this process may use cores if None. The result
    does not depend on them: each entry is computed by itself, and random bits by its number among all.
    team: threads of another library to run on; ones of our own if None.
    """
    chunks = len(todo.cuts) - 1
    block = np.empty(len(BLOCK) + len(uniforms), np.int64)
    block[: len(BLOCK)] = (*todo.where, chunks, key, 0)
    block[len(BLOCK) :].view(np.float64)[:] = uniforms
    address, count = block.ctypes.data, min(threads or cores(), chunks)
    if count <= 1:
        kernel(address)
    elif team is not None:
        team(kernel.address, address, count)
    else:
        others = [_pool().submit(_work_on, kernel, block, todo) for _ in range(count - 1)]
        try:
            kernel(address)
        finally:  # Ctrl-C is heard here; nobody must leave while arrays are being written
            wait(others)


def _work_on(kernel: Kernel, block: np.ndarray, todo: Work) -> None:
    """Do the block's work, holding on to the memory that it is in should the caller be interrupted twice."""
    kernel(block.ctypes.data)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, cores() - 1), thread_name_prefix="steepest-kernel")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
