"""The threads that PyTorch computes with, for kernels to run on.

After each operation PyTorch's OpenMP threads wait for the next one by spinning, for milliseconds. Threads of our own
would share their cores with them; a step given to those very threads begins at once and has the cores to itself.
"""

import ctypes
import functools
import os
from collections.abc import Iterable
from pathlib import Path

import torch

from ..kernels import Team


def torch_team() -> Team | None:
    """Runs a C function on PyTorch's threads; None where they are not OpenMP's, or not of this process."""
    found = _openmp()
    if found is None or found[0] != os.getpid():  # a forked child has none of its parent's threads, and would hang
        return None
    return _run


def _run(function: int, block: int, threads: int) -> None:
    found = _openmp()
    assert found is not None
    found[1](function, block, threads, 0)


@functools.cache
def _openmp() -> tuple[int, ctypes._CFuncPtr] | None:  # type: ignore[name-defined]
    """This process, and GCC's entry point to the OpenMP library that PyTorch has loaded; Intel's has it as well."""
    if not hasattr(os, "RTLD_NOLOAD") or "OpenMP" not in torch.__config__.parallel_info():
        return None
    for name in _names():
        try:
            parallel = ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_LAZY).GOMP_parallel
        except (OSError, AttributeError):
            continue
        parallel.argtypes, parallel.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
        return os.getpid(), parallel
    return None


def _names() -> Iterable[str]:
    home = Path(torch.__file__).parent
    for folder in (home / "lib", home.parent / "torch.libs"):
        yield from map(str, sorted([*folder.glob("lib*omp*.so*")]))
    yield from ("libgomp.so.1", "libiomp5.so")
