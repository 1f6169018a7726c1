"""Directions through a space of parameters that are worth looking along."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..errors import InputError


class Principal(NamedTuple):
    """The plane that holds most of a path.

    first, second: unit directions, trees like the parameters.  explained: the share of the path's variance along each.
    """

    first: Any
    second: Any
    explained: tuple[float, float]


def filter_normalised(parameters: Any, seed: int) -> Any:
    """A random direction in which each unit moves in proportion to its own weights, a tree like the parameters.

    Of a weight matrix (inputs, outputs) each column is drawn from a normal distribution and given the length that the
    parameters' own column has; biases do not move. Slices of networks are then comparable, whatever the scale of their
    weights. Parameters without any matrix are moved array by array, to the length of each, or to 1 where that is 0.
    Source: Li, Xu, Taylor, Studer & Goldstein 2018, Visualizing the loss landscape of neural nets, arXiv:1712.09913.
    """
    leaves, tree = jax.tree.flatten(parameters)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    drawn = [jax.random.normal(key, jnp.shape(leaf), leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
    if any(leaf.ndim >= 2 for leaf in leaves):
        moved = [
            _per_unit(d, leaf) if leaf.ndim >= 2 else jnp.zeros_like(d) for d, leaf in zip(drawn, leaves, strict=True)
        ]
    else:
        moved = [d / _length(d) * (_length(leaf) or 1.0) for d, leaf in zip(drawn, leaves, strict=True)]
    return jax.tree.unflatten(tree, moved)


def _per_unit(drawn: jax.Array, leaf: jax.Array) -> jax.Array:
    """Each last-axis slice of *drawn* at the length of that of *leaf*."""
    axes = tuple(range(leaf.ndim - 1))
    own, random = (jnp.sqrt(jnp.sum(one**2, axis=axes, keepdims=True)) for one in (leaf, drawn))
    return drawn * own / jnp.where(random > 0, random, 1.0)


def _length(leaf: jax.Array) -> float:
    return float(jnp.linalg.norm(leaf))


def principal(path: Sequence[Any], centre: Any = None) -> Principal:
    """The two principal directions of a path.

    path: trees of parameters, at least two.  centre: from which they are seen; the last of them unless given.
    Beside a path on a line the second direction is random, orthogonal to the first, and explains nothing.
    Raises InputError for fewer than two points, or a path that never leaves its centre.
    Source: Li et al. 2018, section 7.2; Lorch 2016.
    """
    if len(path) < 2:
        raise InputError(f"A path has two points or more; received {len(path)}. Keep the parameters of more steps.")
    middle, unravel = ravel_pytree(path[-1] if centre is None else centre)
    moves = np.stack([np.asarray(ravel_pytree(one)[0], np.float64) for one in path]) - np.asarray(middle, np.float64)
    if not np.isfinite(moves).all():
        raise InputError("Some parameters of the path are not finite. Give the part before it diverged.")
    _, sizes, directions = np.linalg.svd(moves, full_matrices=False)
    total = float((sizes**2).sum())
    if total == 0:
        raise InputError("The path never leaves its centre, so that it has no direction. Give more of it.")
    shares = [float(size**2 / total) for size in sizes[:2]] + [0.0]
    first = directions[0]
    if shares[1] < 1e-12:
        second = np.random.default_rng(0).standard_normal(len(first))
        second = second - first * (first @ second) if len(first) > 1 else second
    else:
        second = directions[1]
    second = second / np.linalg.norm(second)
    axes = [unravel(jnp.asarray(one, middle.dtype)) for one in (first, second)]
    return Principal(axes[0], axes[1], (shares[0], shares[1]))


class Projected(NamedTuple):
    """A path on a plane.

    along, across: its coordinates, (points,), in lengths of the directions.
    off_plane: how far each point is from the plane, (points,), as a length.
    """

    along: np.ndarray
    across: np.ndarray
    off_plane: np.ndarray


def projected(path: Sequence[Any], centre: Any, first: Any, second: Any) -> Projected:
    """The nearest points of the plane through *centre* to those of a path, and their distances from it."""
    middle, *axes = (np.asarray(ravel_pytree(one)[0], np.float64) for one in (centre, first, second))
    moves = np.stack([np.asarray(ravel_pytree(one)[0], np.float64) for one in path]) - middle
    basis = np.stack(axes, axis=1)
    coordinates = np.linalg.lstsq(basis, moves.T, rcond=None)[0]
    along, across = coordinates
    return Projected(along, across, np.linalg.norm(moves - (basis @ coordinates).T, axis=1))
