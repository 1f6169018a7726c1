"""A step of a kernel on NumPy arrays, and 16-bit numbers as their bits."""

import ml_dtypes
import numpy as np

from steepest import kernels
from steepest.kernels import Layout

DTYPES = {"float64": np.float64, "float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
MAXIMIZE = {"maximize": 1.0}


def layout(parameter="float64", gradient=None, *, at_random=False):
    """The layout whose state is as wide as drop-ins have it."""
    return Layout(parameter, gradient or parameter, "float64" if parameter == "float64" else "float32", at_random)


def fused_step(method, numbers, t, columns, scalars=(), *, of=None, **how):
    """Move ``columns = [parameters, gradients, *arrays of the state]``, lists of arrays, in place.

    Returns the new scalars.  how: key and threads, as ``kernels.run`` takes them.
    """
    compiled = kernels.compiled(method, tuple(numbers), of or layout())
    given = [np.float64(numbers[name]) for name in compiled.numbers]
    with np.errstate(all="ignore"):
        told = compiled.once(np.float64(t), *given, *map(np.float64, scalars))
    uniforms = len(told) - len(scalars)
    counts = [array.size for array in columns[0]]
    addresses = [[array.ctypes.data for array in column] for column in columns]
    todo = kernels.work(counts, addresses, tuple(column[0].itemsize for column in columns))
    kernels.run(compiled.kernel, todo, told[:uniforms], **how)
    return told[uniforms:]


def course(sizes, count, seed=0, dtype=np.float64):
    """(parameters, gradients of each step): normal numbers, with entries whose gradients are exactly zero."""
    random = np.random.default_rng(seed)
    parameters = [random.normal(size=size).astype(dtype) for size in sizes]
    steps = [[random.normal(size=size).astype(dtype) for size in sizes] for _ in range(count)]
    for gradients in steps:
        for g in gradients:
            g[::5] = 0.0
    return parameters, steps
