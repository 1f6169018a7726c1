"""The state of a transformation: what it keeps under optax's names, and in which dtype."""

import functools
from collections import namedtuple
from typing import Any

import jax
import jax.numpy as jnp

# What optax keeps in mu_dtype.
_MEANS = ("mu", "trace")


@functools.cache
def state_type(fields: tuple[str, ...]) -> type[Any]:
    """A state with these fields: one class for each set of them, found by name in this module so that it pickles."""
    name = "".join(part.capitalize() for field in fields for part in field.split("_")) + "State"
    made = namedtuple(name, fields)  # type: ignore[misc]
    made.__module__, made.__doc__ = __name__, f"Optimizer state: {', '.join(fields)}, as optax names them."
    globals()[name] = made
    return made


def as_array(leaf: Any) -> jax.Array:
    """A leaf as an array of JAX's, where it may be a Python number, or a shape and a dtype alone."""
    if isinstance(leaf, jax.ShapeDtypeStruct):
        return jnp.zeros(leaf.shape, leaf.dtype, device=leaf.sharding)
    return jnp.asarray(leaf)


def wide(leaf: jax.Array) -> jax.Array:
    """A mean over a thousand steps does not fit in eight bits of precision, nor a usual epsilon in float16."""
    return leaf.astype(jnp.float32) if leaf.dtype.itemsize < 4 else leaf


def stored(value: jax.Array, name: str, mu_dtype: Any, dtype: Any = None) -> jax.Array:
    """A part of the state in the dtype that it is kept in."""
    kind = mu_dtype if name in _MEANS and mu_dtype is not None else dtype
    return value if kind is None else value.astype(kind)
