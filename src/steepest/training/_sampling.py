"""Which examples are in which minibatch: drawn on the host from (seed, epoch) alone, so any step can be drawn again."""

from typing import Literal

import numpy as np

Sampling = Literal["shuffled", "replacement"]


def minibatches(
    rows: int, batch_size: int, *, seed: int, first_epoch: int, epochs: int, sampling: Sampling = "shuffled"
) -> np.ndarray:
    """Row numbers of every minibatch of some epochs, int32 (epochs, steps_per_epoch, batch_size).

    ``shuffled`` deals out one permutation of the rows after another, across the ends of epochs, so that every
    minibatch has the same size and every row is seen before any is seen again. ``replacement`` draws each row
    uniformly and independently, as the expectation behind SGD is written.
    An epoch is the least number of steps that deal out all rows; the same arguments always give the same rows.
    """
    steps = steps_per_epoch(rows, batch_size)
    dealt = steps * batch_size
    if sampling == "replacement":
        draws = [_generator(seed, e).integers(rows, size=dealt) for e in range(first_epoch, first_epoch + epochs)]
        return np.stack(draws).astype(np.int32).reshape(epochs, steps, batch_size)
    start, stop = first_epoch * dealt, (first_epoch + epochs) * dealt
    passes = range(start // rows, -(-stop // rows))
    numbers = np.arange(rows, dtype=np.int32)  # half the bytes of int64 to shuffle
    stream = np.concatenate([_generator(seed, p).permutation(numbers) for p in passes])
    offset = start - passes.start * rows
    return stream[offset : offset + stop - start].reshape(epochs, steps, batch_size)


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """The least number of minibatches that hold all rows."""
    return -(-rows // batch_size)


def _generator(seed: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, number], np.uint64)))
