"""Minibatches come out of a block as they would out of the data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.training import _gather
from steepest.training._gather import gathered, minibatch_of, room_for, steps_a_block


def tree(rows):
    """Rows of prime, divisible, several and no dimensions, of several dtypes."""
    random = np.random.default_rng(0)
    return {
        "prime": jnp.asarray(random.normal(size=(rows, 13)), jnp.float32),
        "even": jnp.asarray(random.normal(size=(rows, 12)), jnp.float32),
        "image": jnp.asarray(random.normal(size=(rows, 5, 3)), jnp.float32),
        "target": jnp.asarray(random.integers(9, size=rows), jnp.int32),
    }


@pytest.mark.parametrize(("rows", "size", "block"), [(40, 4, 3), (7, 7, 1), (9, 1, 5)])
def test_every_minibatch_of_a_block(rows, size, block):
    data = tree(rows)
    numbers = np.random.default_rng(1).integers(rows, size=(block, size)).astype(np.int32)
    room = jax.jit(gathered)(room_for(data, block * size), data, numbers.reshape(-1))
    for place in range(block):
        batch = minibatch_of(room, data, place, size)
        for name, array in data.items():
            np.testing.assert_array_equal(batch[name], np.asarray(array)[numbers[place]])
            assert batch[name].shape == (size, *array.shape[1:])


def test_blocks_fit_the_cache_and_share_an_epoch_evenly(monkeypatch):
    data = tree(100)
    row_bytes = 4 * (13 + 12 + 15 + 1)
    monkeypatch.setattr(_gather, "_BLOCK_BYTES", 10 * 8 * row_bytes)
    assert steps_a_block(data, steps=7, batch_size=8) == 7
    assert steps_a_block(data, steps=11, batch_size=8) == 6  # 6 and 5, not 10 and 1
    assert steps_a_block(data, steps=11, batch_size=800) == 1
    assert steps_a_block((), steps=5, batch_size=1) == 5


def test_a_gather_is_not_shared_out_among_threads():
    data = {"x": jnp.zeros((100_000, 64)), "y": jnp.zeros(100_000, jnp.int32)}
    rows = jnp.zeros((50, 2048), jnp.int32)

    def sums(data, rows):
        def one(number, at):
            room, total = at
            room = gathered(room, data, rows[number])
            return room, total + minibatch_of(room, data, number, 32)["x"]

        return jax.lax.fori_loop(0, 50, one, (room_for(data, 2048), jnp.zeros((32, 64))))[1]

    told = jax.jit(sums).lower(data, rows).compile().as_text()
    shared = [line for line in told.splitlines() if "gather" in line and "outer_dimension_partitions" in line]
    assert "gather" in told
    assert not shared
