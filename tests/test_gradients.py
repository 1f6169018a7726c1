"""Clipping is exact where nothing is clipped, survives the ends of the float range, and noise has the law it claims."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import InputError
from steepest.gradients import AddNoise, ClipByGlobalNorm, ClipByValue, global_norm

TREE = {"weight": jnp.array([[3.0, 0.0]]), "bias": (jnp.array(4.0), jnp.zeros(0))}


def flat(tree):
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)])


def test_norm_by_hand():
    assert float(global_norm(TREE)) == 5.0
    assert float(global_norm({})) == 0.0
    assert float(global_norm([jnp.zeros(3)])) == 0.0


@pytest.mark.parametrize("size", [1e-42, 1e-37, 1e-30, 1.0, 1e30, 6e37])
def test_norm_neither_overflows_nor_underflows(size):
    tree = [jnp.float32([3 * size]), jnp.float32([-4 * size])]
    # the smallest size is subnormal: XLA may take it for 0, which is within a float32's smallest normal number
    np.testing.assert_allclose(global_norm(tree), 5 * np.float64(size), rtol=1e-6, atol=1.2e-38)


def test_norm_of_half_precision_is_summed_wider():
    norm = global_norm(jnp.full(10_000, 100.0, jnp.float16))  # squares and their sum are beyond float16
    assert norm.dtype == jnp.float32
    assert float(norm) == 10_000.0


@pytest.mark.parametrize("limit", [5.0, 5.5, 1e30])
def test_short_gradients_pass_unchanged(limit):
    clipped = ClipByGlobalNorm(limit)(TREE, None, 0)
    assert jax.tree.structure(clipped) == jax.tree.structure(TREE)
    np.testing.assert_array_equal(flat(clipped), flat(TREE))


@pytest.mark.parametrize("limit", [1e-3, 1.0, 4.999])
def test_long_gradients_are_shortened_along_their_direction(limit):
    clipped = ClipByGlobalNorm(limit)(TREE, None, 0)
    np.testing.assert_allclose(flat(clipped), flat(TREE) * limit / 5, rtol=3e-7)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(entries=st.lists(st.floats(-(2.0**120), 2.0**120, width=32), min_size=3, max_size=3), limit=st.floats(1e-6, 1e6))
def test_clipped_norm_is_the_lesser_of_norm_and_limit(entries, limit):
    entries = np.where(np.abs(entries) < 1e-30, 0, entries).astype(np.float32)  # XLA flushes subnormal products
    clipped = ClipByGlobalNorm(limit)([jnp.asarray(entries[:2]), jnp.asarray(entries[2])], None, 0)
    norm = np.linalg.norm(entries.astype(np.float64))
    np.testing.assert_allclose(np.linalg.norm(flat(clipped)), min(norm, limit), rtol=1e-6)


def test_the_largest_gradients_keep_their_direction():
    # The norm itself is beyond float32 here.
    clipped = ClipByGlobalNorm(2.0)(jnp.full(4, -3e38, jnp.float32), None, 0)
    np.testing.assert_allclose(clipped, [-1.0] * 4, rtol=1e-6)


def test_non_finite_gradients_are_not_hidden():
    clipped = ClipByGlobalNorm(1.0)([jnp.array([np.nan, 1.0]), jnp.array([2.0])], None, 0)
    assert np.isnan(flat(clipped)).all()
    clipped = ClipByGlobalNorm(1.0)([jnp.array([np.inf, 1.0]), jnp.array([2.0])], None, 0)
    np.testing.assert_array_equal(flat(clipped), [np.nan, 0.0, 0.0])
    assert float(global_norm([jnp.array([np.inf, 1.0])])) == np.inf


def test_zero_gradients_stay_zero():
    with jax.debug_nans(True):
        np.testing.assert_array_equal(ClipByGlobalNorm(1.0)(jnp.zeros(3), None, 0), np.zeros(3))


def test_clip_by_value_by_hand():
    clipped = ClipByValue(1.5)({"a": jnp.array([-9.0, -1.5, 0.25, np.inf]), "b": jnp.array(np.nan)}, None, 0)
    np.testing.assert_array_equal(clipped["a"], [-1.5, -1.5, 0.25, 1.5])
    assert np.isnan(clipped["b"])


TRANSFORMS = [ClipByGlobalNorm(0.5), ClipByValue(0.5), AddNoise(0.5)]
every_transform = pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: type(transform).__name__)


@every_transform
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_is_kept(transform, dtype):
    with jax.enable_x64(dtype == "float64"):
        g = jnp.ones((2, 3), dtype)
        out = jax.jit(transform)(g, jax.random.key(0), 3)
        assert (out.dtype, out.shape) == (g.dtype, g.shape)
        assert not jnp.array_equal(out, g)


@every_transform
def test_numbers_are_data_and_eager_is_jit(transform):
    traces = []

    @jax.jit
    def compiled(transform, gradients, key, t):
        traces.append(t)
        return transform(gradients, key, t)

    for scale in (1, 2):
        leaves, tree = jax.tree.flatten(transform)
        scaled, key = jax.tree.unflatten(tree, [leaf * scale for leaf in leaves]), jax.random.key(scale)
        for t in (0, 5):  # float32, a few roundings; AddNoise rounds a power too
            np.testing.assert_allclose(
                flat(compiled(scaled, TREE, key, t)), flat(scaled(TREE, key, t)), rtol=1e-6, atol=1e-7
            )
    assert len(traces) == 1


@pytest.mark.parametrize(("t", "decay", "stddev"), [(0, 0.55, 0.3), (9, 0.5, 0.3 / 10**0.25), (9, 0.0, 0.3)])
def test_noise_has_the_spread_it_claims(t, decay, stddev):
    count = 200_000
    noise = flat(AddNoise(0.3, decay)(jnp.full(count, 2.0), jax.random.key(1), t)) - 2.0
    # Mean and spread of that many draws have standard errors of 1 / sqrt(n) and 1 / sqrt(2 n) of it: five of each.
    assert abs(noise.mean()) < 5 * stddev / count**0.5
    assert noise.std() == pytest.approx(stddev, rel=5 / (2 * count) ** 0.5)
    assert abs((noise > stddev).mean() - 0.158655) < 5 * (0.158655 * 0.841345 / count) ** 0.5  # Gaussian tails


def test_noise_differs_between_leaves_and_keys_and_repeats_with_the_key():
    noise = [AddNoise(1.0)([jnp.zeros(4), jnp.zeros(4)], jax.random.key(seed), 0) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(flat(noise[0]), flat(noise[1]))
    values = np.concatenate([flat(noise[0]), flat(noise[2])])
    assert len(np.unique(values)) == values.size


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1"])
@pytest.mark.parametrize(("kind", "name"), [(ClipByGlobalNorm, "limit"), (ClipByValue, "limit"), (AddNoise, "stddev")])
def test_bad_numbers_are_refused(kind, name, value):
    with pytest.raises(InputError, match=f"^{name} must be positive and finite; received {value!r}. Try "):
        kind(value)


def test_a_negative_decay_of_noise_is_refused():
    with pytest.raises(InputError, match="decay must be zero or positive, and finite; received -1"):
        AddNoise(1.0, decay=-1)
