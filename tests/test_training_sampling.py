"""Every row once a pass, across the ends of epochs; any block of epochs drawn alone as it would be with the others."""

import numpy as np
import pytest

from steepest.training import minibatches, steps_per_epoch


@pytest.mark.parametrize(
    ("rows", "batch_size", "steps"), [(10, 5, 2), (10, 3, 4), (10, 10, 1), (1, 1, 1), (11, 10, 2), (64, 1, 64)]
)
def test_an_epoch_is_the_fewest_batches_that_hold_all_rows(rows, batch_size, steps):
    assert steps_per_epoch(rows, batch_size) == steps
    for sampling in ("shuffled", "replacement"):
        drawn = minibatches(rows, batch_size, seed=3, first_epoch=0, epochs=4, sampling=sampling)
        assert (drawn.shape, drawn.dtype) == ((4, steps, batch_size), np.int32)
        assert drawn.min() >= 0
        assert drawn.max() < rows


@pytest.mark.parametrize(("rows", "batch_size"), [(10, 3), (10, 5), (7, 7), (13, 8), (5, 4)])
def test_every_row_is_seen_once_before_any_is_seen_again(rows, batch_size):
    stream = minibatches(rows, batch_size, seed=0, first_epoch=0, epochs=rows, sampling="shuffled").ravel()
    whole = len(stream) // rows
    passes = stream[: whole * rows].reshape(whole, rows)
    np.testing.assert_array_equal(np.sort(passes, axis=1), np.tile(np.arange(rows), (whole, 1)))
    rest = stream[whole * rows :]
    assert len(set(rest.tolist())) == len(rest)
    assert len({tuple(order) for order in passes.tolist()}) > whole // 2  # shuffled anew each time


@pytest.mark.parametrize("sampling", ["shuffled", "replacement"])
@pytest.mark.parametrize(("rows", "batch_size"), [(10, 3), (10, 5), (100, 32), (3, 1)])
def test_a_block_of_epochs_is_its_parts(rows, batch_size, sampling):
    whole = minibatches(rows, batch_size, seed=5, first_epoch=0, epochs=9, sampling=sampling)
    for first, epochs in ((0, 4), (4, 5), (8, 1), (2, 3)):
        part = minibatches(rows, batch_size, seed=5, first_epoch=first, epochs=epochs, sampling=sampling)
        np.testing.assert_array_equal(part, whole[first : first + epochs])


@pytest.mark.parametrize("sampling", ["shuffled", "replacement"])
def test_the_seed_decides(sampling):
    draws = [
        minibatches(50, 10, seed=seed, first_epoch=0, epochs=2, sampling=sampling).tobytes()
        for seed in (0, 0, 1, 2**31 - 1)
    ]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_replacement_draws_each_row_uniformly_and_independently():
    rows, epochs = 20, 500
    drawn = minibatches(rows, 10, seed=1, first_epoch=0, epochs=epochs, sampling="replacement").ravel()
    # Chi-square of counts, and of pairs of successive draws: k degrees of freedom have mean k and variance 2 k; five
    # standard deviations on the one side, and on the other too, where passes without replacement would fall.
    for codes, cells in ((drawn, rows), (drawn[:-1] * rows + drawn[1:], rows**2)):
        expected = len(codes) / cells
        chi_square = ((np.bincount(codes, minlength=cells) - expected) ** 2 / expected).sum()
        assert abs(chi_square - (cells - 1)) < 5 * np.sqrt(2 * (cells - 1))


def test_the_first_places_of_shuffled_passes_are_uniform():
    rows, passes = 8, 4000
    stream = minibatches(rows, rows, seed=2, first_epoch=0, epochs=passes)[:, 0]
    for place in (0, rows - 1):
        counts = np.bincount(stream[:, place], minlength=rows)
        chi_square = ((counts - passes / rows) ** 2 / (passes / rows)).sum()
        assert chi_square < (rows - 1) + 5 * np.sqrt(2 * (rows - 1))
