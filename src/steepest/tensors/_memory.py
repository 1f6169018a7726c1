"""CPU tensors under a fused kernel."""

import ctypes
import functools
import mmap
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from .. import kernels
from ..dialects import Method
from ..kernels import Columns, Layout, Library
from ._threads import torch_team
from ._untraced import untraced

State = dict[str, Any]
_LARGE = 2**22  # bytes from which on an array's memory is asked for in huge pages, as in NumPy
_NAMES = {
    torch.float64: "float64",
    torch.float32: "float32",
    torch.bfloat16: "bfloat16",
    torch.float16: "float16",
}


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype of the state of a parameter: its own, or float32 where that has 16 bits."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def empty_like(p: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Memory for an array of the state, laid out like p, in huge pages where the system has them for the asking.

    A step through a large array in small pages takes a twentieth longer. NumPy asks for its arrays likewise.
    """
    made = torch.empty_like(p, dtype=dtype, memory_format=torch.preserve_format)
    size = made.numel() * made.element_size()
    if made.is_cpu and size >= _LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        begin = -(-made.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
        whole = (made.data_ptr() + size - begin) // mmap.PAGESIZE * mmap.PAGESIZE
        _madvise()(begin, whole, mmap.MADV_HUGEPAGE)  # advice: nothing is lost where it is not taken
    return made


@functools.cache
def _madvise() -> Callable[[int, int, int], int]:
    advise = ctypes.CDLL(None).madvise
    advise.argtypes, advise.restype = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int], ctypes.c_int
    return advise


_TORCH = Library(
    size=torch.Tensor.numel,
    itemsize=torch.Tensor.element_size,
    address=torch.Tensor.data_ptr,
    flat=torch.Tensor.is_contiguous,
    order=torch.Tensor.stride,
    flattened=torch.Tensor.contiguous,
    write=torch.Tensor.copy_,
)


class Memory:
    """The tensors of one parameter group as kernels see them; what was found is kept while the addresses stay."""

    def __init__(self) -> None:
        self._kernels = kernels.Memory(_TORCH)

    @untraced
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
        threads, team = torch.get_num_threads(), torch_team()
        return self._kernels.move(
            method, numbers, values, layout, alike.columns, admit=alike.admit, key=key, threads=threads, team=team
        )


class Alike:
    """Parameters of one dtype with their gradients and states."""

    def __init__(self, parameters: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor], states: Sequence[State]):
        self.parameters, self.gradients, self.states = parameters, gradients, states

    def layout(self, *, at_random: bool) -> Layout:
        """The dtypes in memory."""
        p, g = self.parameters[0].dtype, self.gradients[0].dtype
        return Layout(_NAMES[p], _NAMES[g], _NAMES[wide(p)], at_random and wide(p) != p)

    def columns(self, arrays: Iterable[str]) -> Columns:
        """Parameters, gradients and the state's arrays by these names, in one order."""
        gradients = list(self.gradients)
        if any(map(torch.Tensor.is_neg, gradients)):  # what lies in memory is the negative of what they read
            gradients = [g.resolve_neg() for g in gradients]
        return [list(self.parameters), gradients, *([one[name] for one in self.states] for name in arrays)]

    def admit(self, arrays: Iterable[str]) -> None:
        """Make wide what somebody has put among the state's arrays with another dtype, on another device or negated."""
        kind = wide(self.parameters[0].dtype)
        for name in arrays:
            for state in self.states:
                state[name] = state[name].to("cpu", kind).resolve_neg()


class Scalars:
    """One number a parameter for each name: step counts, Nadam's product. They lie in one block, to advance at once."""

    def __init__(self) -> None:
        self._views: list[torch.Tensor] = []
        self._block = torch.empty(0, 0)

    def gather(self, states: Sequence[State], names: Sequence[str]) -> np.ndarray:
        """The numbers, (parameters, names); what is written there stands in the states."""
        views = [state[name] for state in states for name in names]
        if len(views) != len(self._views) or not all(map(operator.is_, views, self._views)):
            double = any(
                torch.is_tensor(view) and view.dtype is torch.float64 for view in views
            )  # once they were numbers
            values = torch.tensor([float(view) for view in views], dtype=torch.float64 if double else torch.float32)
            self._block = values.reshape(len(states), len(names))
            rows = [row.unbind() for row in self._block.unbind()]
            for state, row in zip(states, rows, strict=True):
                state.update(zip(names, row, strict=True))
            self._views = [view for row in rows for view in row]
        return self._block.numpy()
