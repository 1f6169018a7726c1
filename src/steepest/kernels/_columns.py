"""Lists of arrays of some library under a kernel: where they lie, and what must be copied first."""

import operator
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


class _Seen(NamedTuple):
    """What lay flat when last looked at, and the work that it makes.

    kept: columns without the gradients, which nobody may keep from being freed.  addresses, kinds: theirs, and dtypes.
    sizes: entries of each parameter.  gradients: where they lay.
    """

    kept: Columns
    addresses: list[list[int]]
    kinds: set[Any]
    sizes: list[int]
    gradients: list[int]
    work: Work


class Memory:
    """The arrays of one list of parameters as kernels see them; what was found is kept while the addresses stay.

    Of an array of the state that was there last time only the address is asked again: thousands of small arrays are
    sooner computed than looked at.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._seen: dict[tuple, _Seen] = {}
        self._last: tuple[Method, tuple, Compiled] | None = None

    def __reduce__(self) -> tuple:
        """A copy, or one in another process, has other arrays: it begins with nothing found."""
        return Memory, (self._library,)

    def move(
        self,
        method: Method,
        numbers: dict[str, float],
        values: Sequence[float],
        layout: Layout,
        columns: Callable[[tuple[str, ...]], Columns],
        *,
        admit: Callable[[tuple[str, ...]], object] | None = None,
        key: int | None = None,
        threads: int | None = None,
        team: Team | None = None,
    ) -> tuple[float, ...]:
        """Move parameters in place that share their dtypes, step count and scalars; returns the new scalars.

        values: the step count, then the scalars.  columns: the arrays, given the names of the state's.
        admit: called with those names before arrays of the state are looked at that were not there last time.
        key: seeds rounding at random where the layout has it.  threads, team: as in ``run``.
        Raises RuntimeError where an array has another number of entries than its parameter.
        """
        known = self._compiled(method, numbers, layout)
        t, *scalars = values
        with np.errstate(all="ignore"):
            told = known.once(
                np.float64(t),
                *(np.float64(numbers[name]) for name in known.numbers),
                *(np.float64(scalar) for scalar in scalars),
            )
        uniforms = len(told) - len(scalars)
        here, place = columns(known.arrays), (layout, known.arrays)
        seen = self._seen.pop(place, None)
        if seen is not None and not self._stays(seen, _without_gradients(here)):
            seen = None
        if seen is None and admit is not None:
            admit(known.arrays)
            here = columns(known.arrays)
        flat = self._lies_flat(here if seen is None else here[:2])
        with _Flat(self._library, here, flat=flat) as lying:
            looked = self._look(lying, known, seen if flat else None)
            if flat:  # copies are gone after this step
                self._seen[place] = looked
            run(known.kernel, looked.work, told[:uniforms], key=key or 0, threads=threads, team=team)
        return told[uniforms:]

    def _compiled(self, method: Method, numbers: dict[str, float], layout: Layout) -> Compiled:
        """The kernel; the last one is found without the work of hashing what it is for."""
        asked = tuple(numbers), layout
        if self._last is None or self._last[0] is not method or self._last[1] != asked:
            self._last = method, asked, compiled(method, *asked)
        return self._last[2]

    def _lies_flat(self, columns: Columns) -> bool:
        return all(all(map(self._library.flat, column)) for column in columns)

    def _stays(self, seen: _Seen, kept: Columns) -> bool:
        """Whether these are the very arrays of last time, none of them moved or cast in place."""
        return (
            all(
                len(old) == len(new) and all(map(operator.is_, old, new))
                for old, new in zip(seen.kept, kept, strict=True)
            )
            and self._addresses(kept) == seen.addresses
            and _kinds(kept) == seen.kinds
        )

    def _addresses(self, columns: Columns) -> list[list[int]]:
        return [list(map(self._library.address, column)) for column in columns]

    def _look(self, columns: Columns, known: Compiled, seen: _Seen | None) -> _Seen:
        """Sizes, addresses and work; of what was seen before and stays only the gradients can lie elsewhere."""
        (gradients,) = self._addresses(columns[1:2])
        if seen is not None and list(map(self._library.size, columns[1])) == seen.sizes:
            if gradients != seen.gradients:
                seen.work.aim(1, gradients)
            return seen._replace(gradients=gradients)
        sizes = list(map(self._library.size, columns[0]))
        for name, column in zip(("gradient", *known.arrays), columns[1:], strict=True):
            for size, found in zip(sizes, map(self._library.size, column), strict=True):
                if found != size:  # a kernel would write beyond its end
                    raise RuntimeError(
                        f"{name} has {found} entries where its parameter has {size}. Remove it from the optimizer's "
                        "state, or give it the parameter's shape."
                    )
        bytes_each = tuple(self._library.itemsize(column[0]) for column in columns)
        kept = _without_gradients(columns)
        addresses = self._addresses(kept)
        todo = work(sizes, [addresses[0], gradients, *addresses[1:]], bytes_each)
        return _Seen(kept, addresses, _kinds(kept), sizes, gradients, todo)


def _without_gradients(columns: Columns) -> Columns:
    return [columns[0], *columns[2:]]


def _kinds(kept: Columns) -> set[Any]:
    """The dtypes of the state's arrays; whoever asks for a step tells the parameters'."""
    return {array.dtype for column in kept[1:] for array in column}


class _Flat:
    """Columns of arrays for a kernel; those with gaps or in another order are copied, and written back at the end."""

    def __init__(self, library: Library, columns: Columns, *, flat: bool):
        self._library, self._columns, self._is_flat = library, columns, flat
        self._back = list[tuple[Any, Any]]()

    def __enter__(self) -> Columns:
        if not self._is_flat:
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
