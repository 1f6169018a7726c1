"""CPU tensors under a fused kernel: where they lie, and what must be copied first."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from .. import kernels
from ..dialects import Method
from ..kernels import Compiled, Layout, Work

State = dict[str, Any]
_NAMES = {
    torch.float64: "float64",
    torch.float32: "float32",
    torch.bfloat16: "bfloat16",
    torch.float16: "float16",
}


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype of the state of a parameter: its own, or float32 where that has 16 bits."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


class Memory:
    """The tensors of one parameter group as kernels see them; what was found is kept while the addresses stay."""

    def __init__(self) -> None:
        self._found: dict[tuple, tuple[np.ndarray, Work]] = {}

    def move(
        self,
        method: Method,
        numbers: dict[str, float],
        alike: "Alike",
        values: tuple[float, ...],
        key: int | None,
    ) -> tuple[float, ...]:
        """Move parameters of one dtype that share their step count and scalars; returns the new scalars.

        values: the step count, then the scalars.  key: seeds stochastic rounding, None for the nearest.
        """
        layout = alike.layout(at_random=key is not None)
        compiled = kernels.compiled(method, tuple(numbers), layout)
        t, *scalars = values
        with np.errstate(all="ignore"):
            told = compiled.once(
                np.float64(t),
                *(np.float64(numbers[name]) for name in compiled.numbers),
                *(np.float64(scalar) for scalar in scalars),
            )
        uniforms = len(told) - len(scalars)
        with alike.flat(compiled.arrays) as columns:
            todo = self._work(layout, compiled, columns)
            kernels.run(compiled.kernel, todo, told[:uniforms], key=key or 0, threads=torch.get_num_threads())
        return told[uniforms:]

    def _work(self, layout: Layout, compiled: Compiled, columns: Sequence[Sequence[torch.Tensor]]) -> Work:
        many = len(columns[0])
        seen = np.empty((many, 1 + len(columns)), np.int64)
        seen[:, 0] = np.fromiter(map(torch.Tensor.numel, columns[0]), np.int64, many)
        for place, column in enumerate(columns, start=1):
            sizes = np.fromiter(map(torch.Tensor.numel, column), np.int64, many)
            if not np.array_equal(sizes, seen[:, 0]):  # a kernel would write beyond its end
                name = ("parameter", "gradient", *compiled.arrays)[place - 1]
                wrong = int(np.argmax(sizes != seen[:, 0]))
                raise RuntimeError(
                    f"{name} has {sizes[wrong]} entries where its parameter has {seen[wrong, 0]}. "
                    "Remove it from the optimizer's state, or give it the parameter's shape."
                )
            seen[:, place] = np.fromiter(map(torch.Tensor.data_ptr, column), np.int64, many)
        found = self._found.get((layout, compiled.arrays))
        if found is None or not np.array_equal(found[0], seen):
            bytes_each = tuple(column[0].element_size() for column in columns)
            found = self._found[layout, compiled.arrays] = seen, kernels.work(seen[:, 0], seen[:, 1:], bytes_each)
        return found[1]


class Alike:
    """Parameters of one dtype with their gradients and states."""

    def __init__(self, parameters: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor], states: Sequence[State]):
        self.parameters, self.gradients, self.states = parameters, gradients, states

    def layout(self, *, at_random: bool) -> Layout:
        """The dtypes in memory."""
        p, g = self.parameters[0].dtype, self.gradients[0].dtype
        return Layout(_NAMES[p], _NAMES[g], _NAMES[wide(p)], at_random and wide(p) != p)

    def flat(self, arrays: Iterable[str]) -> "_Flat":
        """Parameters, gradients and the state's arrays, as tensors that lie in memory without gaps, in one order."""
        kind = wide(self.parameters[0].dtype)
        kept = []
        for name in arrays:
            column = [state[name] for state in self.states]
            if {tensor.dtype for tensor in column} != {kind}:  # somebody replaced a state
                for place, tensor in enumerate(column):
                    column[place] = self.states[place][name] = tensor.to(kind)
            kept.append(column)
        return _Flat([list(self.parameters), list(self.gradients), *kept])


class _Flat:
    """Columns of tensors for a kernel; those with gaps or in another order are copied, and written back at the end."""

    def __init__(self, columns: list[list[torch.Tensor]]):
        self._columns, self._back = columns, list[tuple[torch.Tensor, torch.Tensor]]()

    def __enter__(self) -> list[list[torch.Tensor]]:
        if not all(all(map(torch.Tensor.is_contiguous, column)) for column in self._columns):
            for row in range(len(self._columns[0])):
                self._row(row)
        return self._columns

    def _row(self, row: int) -> None:
        tensors = [column[row] for column in self._columns]
        strides = {tensor.stride() for tensor in tensors}
        if len(strides) == 1 and _dense(tensors[0]):  # the same order in all of them, channels last for example
            return
        for place, (column, tensor) in enumerate(zip(self._columns, tensors, strict=True)):
            if not tensor.is_contiguous():
                column[row] = tensor.contiguous()
                if place != 1:  # a gradient is only read
                    self._back.append((tensor, column[row]))

    def __exit__(self, *failed: object) -> None:
        for tensor, copy in self._back:
            tensor.copy_(copy)


def _dense(tensor: torch.Tensor) -> bool:
    """Whether a tensor's entries fill its memory without gap or overlap."""
    steps = sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1)
    expected = 1
    for stride, size in steps:
        if stride != expected:
            return False
        expected *= size
    return True


class Scalars:
    """One number a parameter for each name: step counts, Nadam's product. They lie in one block, to advance at once."""

    def __init__(self) -> None:
        self._views: list[torch.Tensor] = []
        self._block = torch.empty(0, 0)

    def gather(self, states: Sequence[State], names: Sequence[str]) -> np.ndarray:
        """The numbers, (parameters, names); what is written there stands in the states."""
        views = [state[name] for state in states for name in names]
        if len(views) != len(self._views) or not all(map(operator.is_, views, self._views)):
            double = any(view.dtype is torch.float64 for view in views)
            values = torch.tensor([float(view) for view in views], dtype=torch.float64 if double else torch.float32)
            self._block = values.reshape(len(states), len(names))
            rows = [row.unbind() for row in self._block.unbind()]
            for state, row in zip(states, rows, strict=True):
                state.update(zip(names, row, strict=True))
            self._views = [view for row in rows for view in row]
        return self._block.numpy()
