"""Kernels beside what they compute: 16 bits, threads, disks, forks."""

import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

from steepest import dialects, kernels
from steepest.kernels._memory import (
    from_bfloat16,
    from_float16,
    to_bfloat16,
    to_bfloat16_at_random,
    to_float16,
    to_float16_at_random,
)

from .kernel_tools import DTYPES, fused_step, layout


@numba.njit
def read_float16(bits):
    return from_float16(bits)


@numba.njit
def write_float16(x):
    return to_float16(x)


NARROW = {kind: DTYPES[kind] for kind in ("bfloat16", "float16")}


def bits_of(array):
    return array.view(np.uint16) if array.dtype.itemsize == 2 else array


class Moved:
    """Parameters of several sizes under a kernel, with gradients that a seed fixes."""

    def __init__(self, method, numbers, *, kind="float64", sizes=(7, 0, 1, 1001), threads=None, at_random=False):
        self.method, self.numbers, self.threads, self.kind = method, numbers, threads, DTYPES[kind]
        self.layout = layout(kind, at_random=at_random)
        random, first = np.random.default_rng(0), method.initial_state(np.zeros(1))
        names = kernels.compiled(method, tuple(numbers), self.layout).arrays
        self.parameters = [random.normal(size=size).astype(self.kind) for size in sizes]
        self.states = [{name: np.full(size, first[name][0], self.layout.state) for name in names} for size in sizes]
        self.sizes, self.t = sizes, 0

    def gradients(self):
        random = np.random.default_rng(self.t)
        return [(random.normal(size=size) * (random.random(size) < 0.8)).astype(self.kind) for size in self.sizes]

    def step(self, key=0):
        self.t += 1
        columns = [[state[name] for state in self.states] for name in self.states[0]]
        given = [self.parameters, self.gradients(), *columns]
        fused_step(self.method, self.numbers, self.t, given, of=self.layout, key=key, threads=self.threads)


ADAM = dialects.find("torch", "Adam")
METHOD, NUMBERS = ADAM.method(ADAM.defaults), ADAM.numbers(ADAM.defaults)


@pytest.mark.parametrize("kind", NARROW)
def test_narrow_parameters_are_computed_in_float32_and_rounded_once(kind):
    moved = Moved(METHOD, NUMBERS | {"learning_rate": 0.05}, kind=kind, sizes=(1001,))
    p = moved.parameters[0].astype(np.float32)
    state = METHOD.initial_state(p)
    for _ in range(10):
        moved.step()
        g = moved.gradients()[0].astype(np.float32)
        step, state = METHOD(p, g, state, moved.t, NUMBERS | {"learning_rate": 0.05})
        p = (p + step).astype(NARROW[kind]).astype(np.float32)
        # float32 sums of another order now and then round to the neighbour: a spacing of p, once in thousands.
        wrong = moved.parameters[0].astype(np.float32) != p
        assert wrong.mean() < 0.005
        p = moved.parameters[0].astype(np.float32)
    np.testing.assert_allclose(moved.states[0]["exp_avg"], state["exp_avg"], rtol=1e-5, atol=1e-7)


ALL_BITS = np.arange(2**16, dtype=np.uint16)


@pytest.mark.parametrize(
    ("kind", "read", "write"), [("bfloat16", from_bfloat16, to_bfloat16), ("float16", read_float16, write_float16)]
)
def test_all_numbers_of_16_bits_are_read_and_written(kind, read, write):
    values = ALL_BITS.view(NARROW[kind])
    ours = np.array([read(np.uint16(bits)) for bits in ALL_BITS], np.float32)
    np.testing.assert_array_equal(ours, values.astype(np.float32))
    again = np.array([write(np.float32(x)) for x in ours], np.uint16)
    number = ~np.isnan(ours)
    np.testing.assert_array_equal(again[number], ALL_BITS[number])
    assert np.isnan(again[~number].view(NARROW[kind]).astype(np.float32)).all()
    random = np.random.default_rng(0).normal(size=20_000).astype(np.float32) * np.float32(10.0) ** np.arange(
        -8, 8, 0.0008
    )
    random = random.astype(np.float32)
    with np.errstate(over="ignore"):
        expected = random.astype(NARROW[kind])
    np.testing.assert_array_equal(np.array([write(x) for x in random], np.uint16), bits_of(expected))


@pytest.mark.parametrize(
    ("kind", "write", "read", "spacing"),
    [
        ("bfloat16", to_bfloat16_at_random, from_bfloat16, 2**-7),
        ("float16", to_float16_at_random, read_float16, 2**-10),
    ],
)
def test_rounding_at_random_is_fair(kind, write, read, spacing):
    draws, key = 20_000, np.uint64(7)
    for share in (0.0, 0.25, 0.9):
        x = np.float32(1 + share * spacing)
        drawn = np.array([read(write(x, key, np.int64(i))) for i in range(draws)])
        assert set(np.unique(drawn)) <= {1.0, 1 + spacing}
        # Five standard deviations of the mean of that many draws.
        assert drawn.mean() == pytest.approx(float(x), abs=5 * spacing * np.sqrt(share * (1 - share) / draws) + 1e-9)
    for special in (np.inf, -np.inf, np.nan):
        np.testing.assert_array_equal(read(write(np.float32(special), key, np.int64(0))), np.float32(special))


def test_threads_and_the_order_of_arrays_change_nothing():
    results = []
    for threads in (1, 2, 5):
        moved = Moved(METHOD, NUMBERS, kind="bfloat16", sizes=(300_001, 5, 70_000), threads=threads, at_random=True)
        for key in (1, 2):
            moved.step(key)
        results.append(moved.parameters)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(bits_of(a), bits_of(b))


def test_another_key_rounds_otherwise():
    ends = []
    for key in (1, 2):
        moved = Moved(METHOD, NUMBERS, kind="bfloat16", sizes=(1000,), at_random=True)
        moved.step(key)
        ends.append(bits_of(moved.parameters[0]))
    assert (ends[0] != ends[1]).any()


def test_two_callers_at_once_do_not_disturb_each_other():
    many = [Moved(METHOD, NUMBERS, sizes=(200_000,)) for _ in range(4)]
    callers = [threading.Thread(target=lambda one=one: [one.step() for _ in range(10)]) for one in many]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for one in many[1:]:
        np.testing.assert_array_equal(one.parameters[0], many[0].parameters[0])


def test_a_kernel_is_loaded_from_disk_by_the_next_process(tmp_path):
    program = (
        "import numpy as np; from steepest import dialects, kernels;"
        "d = dialects.find('torch', 'Adadelta'); o = d.defaults;"
        "c = kernels.compiled(d.method(o), tuple(d.numbers(o)), kernels.Layout('float32', 'float32', 'float32'));"
        "a = [np.ones(3, np.float32) for _ in range(4)];"
        "w = kernels.work([3], [[x.ctypes.data] for x in a], (4,) * 4);"
        "told = c.once(np.float64(1), *(np.float64(d.numbers(o)[n]) for n in c.numbers));"
        "kernels.run(c.kernel, w, told);"
        "import sys; print(c.kernel.compiled, 'numba' in sys.modules, a[0][0])"
    )
    homes = [tmp_path / name for name in ("fresh", "fresh", "unwritable", "shared", "fresh", "fresh")]
    (tmp_path / "unwritable").write_text("a file where a folder should be")
    (tmp_path / "shared" / "steepest" / "kernels").mkdir(parents=True)
    (tmp_path / "shared" / "steepest" / "kernels").chmod(0o777)  # anybody could put code there
    told = []
    for number, home in enumerate(homes):
        if number == 4:
            (kept,) = (tmp_path / "fresh").rglob("*.o")
            kept.write_bytes(kept.read_bytes()[:-100])  # damaged
        environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
        ended = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        told.append(ended.stdout.split())
    made, loaded = ["True", "True"], ["False", "False"]
    assert [one[:2] for one in told] == [made, loaded, made, made, made, loaded]
    assert not list((tmp_path / "shared").rglob("*.o"))
    assert len({one[2] for one in told}) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning")
def test_a_forked_child_steps_too():
    moved = Moved(METHOD, NUMBERS, sizes=(200_000,))
    moved.step()
    child = os.fork()
    if child == 0:
        moved.step()
        os._exit(0 if np.isfinite(moved.parameters[0]).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
