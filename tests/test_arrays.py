"""The array functions in every library, and the checks of numbers."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.arrays import absolute, count, full_like, maximum, not_negative, one_minus_power, positive, ratio, sqrt
from steepest.errors import InputError

LIBRARIES = {"numpy": np.float32, "jax": jnp.float32, "torch": torch.tensor}
every_library = pytest.mark.parametrize("array", LIBRARIES.values(), ids=LIBRARIES.keys())


@every_library
def test_functions_by_hand(array):
    np.testing.assert_array_equal(np.asarray(sqrt(array([4.0, 0.25]))), [2.0, 0.5])
    np.testing.assert_array_equal(np.asarray(absolute(array([-4.0, 0.25]))), [4.0, 0.25])
    np.testing.assert_array_equal(np.asarray(maximum(array([1.0, np.nan]), array([2.0, 0.0]))), [2.0, np.nan])
    result = ratio(array([6.0, 0.0, 5.0, np.nan, 3.0]), array([2.0, 0.0, 0.0, 0.0, np.nan]))
    np.testing.assert_array_equal(np.asarray(result), [3.0, 0.0, 5.0, np.nan, np.nan])
    for value in (result, sqrt(array([4.0])), maximum(array([1.0]), array([2.0]))):
        assert str(value.dtype).endswith("float32")


def test_plain_numbers_need_no_library():
    assert (sqrt(4.0), absolute(-3.0), maximum(1.0, 2.0), ratio(3.0, 2.0), ratio(0.0, 0.0)) == (2.0, 3.0, 2.0, 1.5, 0.0)


decays = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.999, 1 - 2**-30]), st.floats(0.01, 0.9999))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(b=decays, t=st.integers(1, 400))
def test_one_minus_power_is_exact_to_the_last_digits(b, t):
    exact = float(1 - Fraction(b) ** t)
    # log1p and expm1 round once each; the argument's rounding is amplified by less than 1 where the result is small
    # and vanishes where it is large.
    assert one_minus_power(b, t) == pytest.approx(exact, rel=1e-15)
    single = Fraction(float(np.float32(b)))
    traced = jax.jit(one_minus_power)(b, jnp.int32(t))
    assert float(traced) == pytest.approx(float(1 - single**t), rel=1e-6)


@pytest.mark.parametrize("t", [1, np.int64(1), np.int32(1), jnp.int32(1), torch.tensor(1)])
@pytest.mark.parametrize("b", [0.999, np.float64(0.999)])
def test_one_minus_power_adapts_to_low_precision(b, t):
    factor = one_minus_power(b, t)
    assert float(factor) == pytest.approx(0.001, rel=1e-6)
    m = {jax.Array: jnp.ones(2, jnp.bfloat16), torch.Tensor: torch.ones(2, dtype=torch.bfloat16)}.get(
        next((kind for kind in (jax.Array, torch.Tensor) if isinstance(t, kind)), None), np.ones(2, np.float16)
    )
    assert (m / factor).dtype == m.dtype


@every_library
def test_full_like_keeps_library_shape_and_dtype(array):
    like = array([[1.0, 2.0]])
    filled, single = full_like(like, 3.0), full_like(like, 3.0, scalar=True)
    assert type(filled) is type(like)
    assert filled.dtype == single.dtype == like.dtype
    assert (tuple(filled.shape), tuple(single.shape)) == ((1, 2), ())
    assert (float(filled[0, 1]), float(single)) == (3.0, 3.0)
    assert full_like(2.0, 3.0) == 3.0


def test_checked_numbers_come_back_as_plain_ones():
    for given_value in (2, 2.0, np.float32(2), np.int64(2)):
        assert (type(positive("x", given_value, hint="1")), positive("x", given_value, hint="1")) == (float, 2.0)
        assert (type(count("x", given_value, hint="1")), count("x", given_value, hint="1")) == (int, 2)
    assert not_negative("x", 0, hint="1") == 0.0


def test_what_is_no_number_passes_unchecked():
    for thing in (object(), None, jnp.array(-1.0)):
        assert positive("x", thing, hint="1") is thing
        assert count("x", thing, hint="1") is thing
    jax.jit(lambda traced: positive("x", traced, hint="1"))(-1.0)


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), "2", np.float64("-inf")])
def test_bad_numbers_are_refused(bad):
    for check in (positive, not_negative, count):
        with pytest.raises(InputError, match=r"^size must be .*; received .*\. Try 7\.$"):
            check("size", bad, hint="7")


def test_the_borders_of_the_checks():
    with pytest.raises(InputError, match="received 0"):
        positive("x", 0, hint="1")
    with pytest.raises(InputError, match="received 0"):
        count("x", 0, hint="1")
    with pytest.raises(InputError, match=r"a whole number, 1 or more; received 1\.5"):
        count("x", 1.5, hint="1")
