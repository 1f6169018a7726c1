"""Lists of arrays of some library under a kernel: where they lie, and what must be copied first."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..dialects import Method
from ._compile import Compiled, compiled
from ._run import Team, Work, run, work
from ._source import Layout

Columns = list[list[Any]]  # parameters, gradients, then each array of the state, in one order


class Library(NamedTuple):
    """How to ask an array of some library where it lies.

    size: entries.  itemsize: bytes an entry.  address: where it begins.
    flat: whether its entries fill its memory in C's order.  order: entries from one to the next along each axis.
    flattened: a copy that is flat.  write: ``write(array, copy)`` puts the copy's entries into the array.
    """

    size: Callable[[Any], int]
    itemsize: Callable[[Any], int]
    address: Callable[[Any], int]
    flat: Callable[[Any], bool]
    order: Callable[[Any], tuple[float, ...]]
    flattened: Callable[[Any], Any]
    write: Callable[[Any, Any], object]


class Memory:
    """The arrays of one list of parameters as kernels see them; what was found is kept while the addresses stay."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._found: dict[tuple, tuple[np.ndarray, Work]] = {}

    def move(
        self,
        method: Method,
        numbers: dict[str, float],
        values: Sequence[float],
        layout: Layout,
        columns: Callable[[tuple[str, ...]], Columns],
        *,
        key: int | None = None,
        threads: int | None = None,
        team: Team | None = None,
    ) -> tuple[float, ...]:
        """Move parameters in place that share their dtypes, step count and scalars; returns the new scalars.

        values: the step count, then the scalars.  columns: the arrays, given the names of the state's.
        key: seeds rounding at random where the layout has it.  threads, team: as in ``run``.
        Raises RuntimeError where an array has another number of entries than its parameter.
        """
        known = compiled(method, tuple(numbers), layout)
        t, *scalars = values
        with np.errstate(all="ignore"):
            told = known.once(
                np.float64(t),
                *(np.float64(numbers[name]) for name in known.numbers),
                *(np.float64(scalar) for scalar in scalars),
            )
        uniforms = len(told) - len(scalars)
        with _Flat(self._library, columns(known.arrays)) as flat:
            todo = self._work(layout, known, flat)
            run(known.kernel, todo, told[:uniforms], key=key or 0, threads=threads, team=team)
        return told[uniforms:]

    def _work(self, layout: Layout, known: Compiled, columns: Columns) -> Work:
        library, many = self._library, len(columns[0])
        seen = np.empty((many, 1 + len(columns)), np.int64)
        seen[:, 0] = np.fromiter(map(library.size, columns[0]), np.int64, many)
        for place, column in enumerate(columns, start=1):
            sizes = np.fromiter(map(library.size, column), np.int64, many)
            if not np.array_equal(sizes, seen[:, 0]):  # a kernel would write beyond its end
                name = ("parameter", "gradient", *known.arrays)[place - 1]
                wrong = int(np.argmax(sizes != seen[:, 0]))
                raise RuntimeError(
                    f"{name} has {sizes[wrong]} entries where its parameter has {seen[wrong, 0]}. "
                    "Remove it from the optimizer's state, or give it the parameter's shape."
                )
            seen[:, place] = np.fromiter(map(library.address, column), np.int64, many)
        found = self._found.get((layout, known.arrays))
        if found is None or not np.array_equal(found[0], seen):
            bytes_each = tuple(library.itemsize(column[0]) for column in columns)
            found = self._found[layout, known.arrays] = seen, work(seen[:, 0], seen[:, 1:], bytes_each)
        return found[1]


class _Flat:
    """Columns of arrays for a kernel; those with gaps or in another order are copied, and written back at the end."""

    def __init__(self, library: Library, columns: Columns):
        self._library, self._columns, self._back = library, columns, list[tuple[Any, Any]]()

    def __enter__(self) -> Columns:
        if not all(all(map(self._library.flat, column)) for column in self._columns):
            for row in range(len(self._columns[0])):
                self._row(row)
        return self._columns

    def _row(self, row: int) -> None:
        arrays = [column[row] for column in self._columns]
        orders = {self._library.order(array) for array in arrays}
        if len(orders) == 1 and _dense(orders.pop(), arrays[0].shape):  # one order in all, channels last for example
            return
        for place, (column, array) in enumerate(zip(self._columns, arrays, strict=True)):
            if not self._library.flat(array):
                column[row] = self._library.flattened(array)
                if place != 1:  # a gradient is only read
                    self._back.append((array, column[row]))

    def __exit__(self, *failed: object) -> None:
        for array, copy in self._back:
            self._library.write(array, copy)


def _dense(order: Sequence[float], shape: Sequence[int]) -> bool:
    """Whether entries fill their memory without gap or overlap."""
    expected = 1
    for step, size in sorted((step, size) for step, size in zip(order, shape, strict=True) if size > 1):
        if step != expected:
            return False
        expected *= size
    return True
