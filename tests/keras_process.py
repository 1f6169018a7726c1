"""A process of one backend, the first argument of its program, in which Keras's own and the drop-ins are compared."""

import os
import sys
import warnings

BACKEND = sys.argv[1]
os.environ["KERAS_BACKEND"] = BACKEND
warnings.simplefilter("ignore")
if BACKEND == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)

import keras  # noqa: E402 - the backend is chosen first
import numpy as np  # noqa: E402

import steepest.keras as drop_ins  # noqa: E402

__all__ = ["BACKEND", "array", "difference", "drop_ins", "keras"]


def array(value):
    """Any backend's numbers, as float64."""
    return np.asarray(keras.ops.convert_to_numpy(value), np.float64)


def difference(ours, theirs):
    """The largest difference of each pair of variables, relative to the pair's largest entry."""
    pairs = [(array(a.value), array(b.value)) for a, b in zip(ours, theirs, strict=True)]
    return max(float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) for a, b in pairs)
