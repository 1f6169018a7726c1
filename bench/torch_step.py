"""Milliseconds of an optimizer's step in torch: the drop-in beside torch's own default, foreach and fused forms.

One tensor of 20 million float32, which is memory's speed, and a thousand tensors of a thousand, which is the overhead
of each. Forms take turns step by step, so that whatever else the machine does meets all alike; a figure is the median.
Before each measurement is a step that is not measured and, for the large tensor, a rest: idle threads of one library
wait by spinning, on the cores that the next one needs, and Numba has threads of its own. All forms of a thousand
tensors compute on PyTorch's threads, which a backward pass leaves awake; they are kept so here. The floor of a large
step is a Numba loop on all cores that reads and writes the same arrays with an operation or two.
Besides: the memory of a step, and the first step of a process, with its compilation and with what the disk has kept.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Claim, Figures, arguments, compete, figure, median, missing, table

LARGE, MANY = "one of 20 million", "a thousand of a thousand"
OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "Adagrad": ("Adagrad", {}),
    "RMSprop": ("RMSprop", {}),
    "Adadelta": ("Adadelta", {}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    "Adamax": ("Adamax", {}),
    "NAdam": ("NAdam", {}),
    "RAdam": ("RAdam", {}),
}
FORMS = ("steepest", "default", "foreach", "fused", "loop")
FUSED = ("Nesterov", "Adagrad", "Adam", "AdamW")
# The rules whose default is to be beaten five times over, one large tensor.
FIVE_TIMES = ("Nesterov", "RMSprop", "Adadelta", "Adam", "NAdam", "Adamax")
OURS, LOOP = "steepest", "loop"
# Arrays of the state, which a step reads and writes besides the parameter; the gradient it reads.
STATES = {"Nesterov": 1, "Adagrad": 1, "RMSprop": 1}
_REST_SECONDS = 0.03


def _forms(rule: str, shape: str, short: bool) -> dict[str, Callable[[], object]]:
    """A step of each form, on parameters of its own."""
    import torch

    import steepest.torch

    name, options = OPTIONS[rule]
    count, size = {LARGE: (1, 20_000_000), MANY: (1000, 1000)}[shape]
    if short:
        count, size = min(count, 10), min(size, 1000)

    def made(library: object, **more: object) -> Callable[[], object]:
        parameters = [torch.nn.Parameter(torch.randn(size)) for _ in range(count)]
        for p in parameters:
            p.grad = torch.randn(size)
        return getattr(library, name)(parameters, **options, **more).step

    forms = {OURS: made(steepest.torch), "default": made(torch.optim), "foreach": made(torch.optim, foreach=True)}
    if shape == LARGE:
        forms[LOOP] = _loop([torch.randn(size).numpy() for _ in range(2 + STATES.get(rule, 2))])
    return forms | ({"fused": made(torch.optim, fused=True)} if rule in FUSED else {})


def _loop(arrays: list[Any]) -> Callable[[], object]:
    """Numba's own loop over a parameter, a gradient and one or two arrays of state, on all cores."""
    import numba
    import numpy as np

    keep, share = np.float32(0.9), np.float32(0.1)

    @numba.njit(parallel=True, error_model="numpy")
    def one(p: Any, g: Any, m: Any) -> None:
        for i in numba.prange(p.size):
            m[i] = keep * m[i] + share * g[i]
            p[i] = p[i] - share * m[i]

    @numba.njit(parallel=True, error_model="numpy")
    def two(p: Any, g: Any, m: Any, v: Any) -> None:
        for i in numba.prange(p.size):
            m[i] = keep * m[i] + share * g[i]
            v[i] = keep * v[i] + share * g[i]
            p[i] = p[i] - share * (m[i] + v[i])

    function = one if len(arrays) == 3 else two
    return lambda: function(*arrays)


def _measure(rule: str, shape: str) -> Callable[[Namespace], Figures]:
    def measure(given: Namespace) -> Figures:
        forms = _forms(rule, shape, given.short)
        taken: dict[str, list[float]] = {form: [] for form in forms}
        for turn in range(3 if given.short else 24):
            for form, step in forms.items():
                time.sleep(_REST_SECONDS if LOOP in forms else 0)
                step()
                began = time.perf_counter()
                step()
                if turn > 2 or given.short:  # compiled, and everything touched once
                    taken[form].append(time.perf_counter() - began)
        return {form: 1000 * statistics.median(times) for form, times in taken.items()}

    return measure


def _memory(given: Namespace) -> Figures:
    """Bytes at the peak of ten steps over those of parameters, gradients and state."""
    import torch

    import steepest.torch

    size = 1000 if given.short else 20_000_000
    steepest.torch.Adam([(p := torch.nn.Parameter(torch.zeros(10)))])
    p.grad = torch.zeros(10)
    steepest.torch.Adam([p]).step()  # what compiles has its memory before counting begins
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parameter = torch.nn.Parameter(torch.randn(size))
    parameter.grad = torch.randn(size)
    optimizer = steepest.torch.Adam([parameter])
    for _ in range(10):
        optimizer.step()
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return {"memory": grown / (4 * 4 * size)}


_FIRST = """
import time
import torch
import steepest.torch
p = torch.nn.Parameter(torch.ones(10)); p.grad = torch.ones(10)
began = time.perf_counter()
steepest.torch.Adam([p]).step()
print(time.perf_counter() - began)
"""


def _first(given: Namespace) -> Figures:
    """Seconds of the first step after import, in a new process: nothing on disk, then with what that left."""
    home = Path(given.work) / f"cache-{time.monotonic_ns()}"
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-c", _FIRST]
    seconds = [
        float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    ]
    return {"first_compiling": seconds[0], "first_cached": seconds[1]}


CONTESTANTS = {f"{rule}, {shape}": _measure(rule, shape) for shape in (LARGE, MANY) for rule in OPTIONS}
CONTESTANTS |= {"memory": _memory, "first step": _first}


def main() -> None:
    """Measure, print the tables, and say which claims hold."""
    given = arguments(rounds=1)
    rounds = compete(__file__, CONTESTANTS, given)
    ratios: dict[tuple[str, str, str], float | None] = {}
    for shape in (LARGE, MANY):
        print(f"a step of {shape}, ms\n")
        rows = []
        for rule in OPTIONS:
            told = {form: median(rounds, f"{rule}, {shape}", form) for form in FORMS}
            ours = told[OURS]
            for form in ("default", "fused", LOOP):
                ratios[rule, shape, form] = told[form] / ours if told[form] and ours else None
            over = [f"{figure(ratios[rule, shape, form])} x" for form in ("default", "fused", LOOP)]
            rows.append([rule, *(figure(told[form]) for form in told), *over])
        print(table(["", *FORMS, "default is", "fused is", "loop is"], rows), end="\n\n")

    def worst(shape: str, form: str, among: tuple[str, ...]) -> float | str:
        found = {rule: ratios[rule, shape, form] for rule in among}
        told = [ratio for ratio in found.values() if ratio is not None]
        return min(told) if len(told) == len(found) else missing(rounds, f"{among[0]}, {shape}")

    for rule in FIVE_TIMES:
        print(Claim(f"torch-large-{rule.lower()}-vs-default", worst(LARGE, "default", (rule,)), 5).line())
    print(Claim("torch-large-worst-vs-loop", worst(LARGE, LOOP, tuple(OPTIONS)), 0.85).line())
    print(Claim("torch-large-worst-vs-fused", worst(LARGE, "fused", FUSED), 1).line())
    print(Claim("torch-many-worst-vs-default", worst(MANY, "default", tuple(OPTIONS)), 5).line())
    print(Claim("torch-many-worst-vs-fused", worst(MANY, "fused", FUSED), 1.5).line())
    for name, contestant, goal in (("memory", "memory", 1.02), ("first_compiling", "first step", 3),
                                   ("first_cached", "first step", 0.5)):  # fmt: skip
        value = median(rounds, contestant, name)
        told = missing(rounds, contestant) if value is None else value
        print(Claim(f"torch-{name.replace('_', '-')}", told, goal, at_most=True).line())


if __name__ == "__main__":
    main()
