"""The inputs of a loss: how differently sized their columns are, and the same standardised."""

from typing import Any

import jax
import numpy as np

from ..problems import Instance, NetworkLoss


def unevenness(instance: Instance) -> float:
    """The largest column of the inputs over the least, by their root mean squares; 1 where no inputs are known.

    The inputs are what a network takes; of any other loss the only array of real numbers that has columns.
    """
    place = _place(instance)
    if place is None:
        return 1.0
    sizes = np.sqrt(np.mean(np.square(np.asarray(jax.tree.leaves(instance.train)[place], np.float64)), axis=0)).ravel()
    sizes = sizes[sizes > 0]
    return float(sizes.max() / sizes.min()) if len(sizes) else 1.0


def standardised(instance: Instance) -> Instance:
    """The same with inputs whose columns have mean 0 and variance 1 over the training part."""
    place = _place(instance)
    if place is None:
        return instance
    mean, spread = scale_of(instance)

    def scaled(part: Any) -> Any:
        leaves, shape = jax.tree.flatten(part)
        if leaves:
            leaves[place] = jax.numpy.asarray((np.asarray(leaves[place], np.float64) - mean) / spread, np.float32)
        return jax.tree.unflatten(shape, leaves)

    parts = {name: scaled(getattr(instance, name)) for name in ("train", "validation", "test")}
    return instance._replace(**{name: part for name, part in parts.items() if part is not None})


def scale_of(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of the inputs' columns over the training part; 1 for what is constant."""
    place = _place(instance)
    assert place is not None
    inputs = np.asarray(jax.tree.leaves(instance.train)[place], np.float64)
    spread = inputs.std(axis=0)
    return inputs.mean(axis=0), np.where(spread > 0, spread, 1.0)


def _place(instance: Instance) -> int | None:
    """Which leaf of the data the inputs are."""
    leaves = jax.tree.leaves(instance.train)
    if isinstance(instance.loss, NetworkLoss):
        return 0
    wide = [i for i, leaf in enumerate(leaves) if leaf.ndim == 2 and np.issubdtype(leaf.dtype, np.floating)]
    return wide[0] if len(wide) == 1 else None
