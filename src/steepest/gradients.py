"""What is done to a whole gradient before the rule sees it: clipping, and noise.

Each transform is called as ``transform(gradients, key, t)`` with any tree of arrays, and is a pytree whose leaves are
its numbers, so that changing one never recompiles anything.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from .arrays import Scalar, not_negative, positive

Tree = Any


def global_norm(tree: Tree) -> jax.Array:
    """The Euclidean norm of all arrays in a tree as one vector, in float32 or wider; NaN where an entry is NaN.

    >>> float(global_norm({"weight": jnp.array([3.0, 0.0]), "bias": jnp.array(4.0)}))
    5.0
    """
    scale, relative = _norm_parts(tree)
    return scale * relative


def _norm_parts(tree: Tree) -> tuple[jax.Array, jax.Array]:
    # The norm as a product, about the largest entry times the norm of the entries over it, so that no square leaves
    # the float's range. XLA divides by multiplying with the reciprocal and takes a subnormal one for 0, so the first
    # factor stays where its reciprocal is a normal number; the second is then too small or large by 64 at most.
    wide = [_widened(leaf) for leaf in jax.tree.leaves(tree) if jnp.size(leaf)]
    if not wide:
        return jnp.float32(1), jnp.float32(0)
    largest = jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in wide]).max()
    least = 16 * jnp.finfo(largest.dtype).tiny
    scale = jnp.clip(largest, least, 1 / least)
    return scale, jnp.sqrt(sum(jnp.sum(jnp.square(leaf / scale)) for leaf in wide))


def _widened(leaf: jax.Array) -> jax.Array:
    return jnp.asarray(leaf, jnp.promote_types(jnp.result_type(leaf), jnp.float32))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ClipByGlobalNorm:
    """Shortens a gradient longer than the limit to the limit, keeping its direction; others pass unchanged.

    limit: in loss per unit of parameter. NaN anywhere makes the whole gradient NaN; infinity becomes NaN where it is.
    Source: Pascanu, Mikolov & Bengio 2013, Algorithm 1, arXiv:1211.5063.

    >>> ClipByGlobalNorm(1.0)(jnp.array([3.0, 4.0]), None, 0).tolist()
    [0.6000000238418579, 0.800000011920929]
    """

    limit: Scalar

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", positive("limit", self.limit, hint="1"))

    def __call__(self, gradients: Tree, key: jax.Array | None, t: Scalar) -> Tree:
        """The gradients, shortened.  key, t: not used."""
        scale, relative = _norm_parts(gradients)
        fits = scale * relative <= self.limit

        def shorten(g: jax.Array) -> jax.Array:
            short = _widened(g) / scale * (self.limit / jnp.where(fits, 1, relative))
            return jnp.where(fits, g, short.astype(g.dtype))

        return jax.tree.map(shorten, gradients)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ClipByValue:
    """Moves each entry beyond the limit, on either side, to the limit; this may turn the gradient.

    limit: in loss per unit of parameter.

    >>> ClipByValue(1.0)(jnp.array([-3.0, 0.5]), None, 0).tolist()
    [-1.0, 0.5]
    """

    limit: Scalar

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", positive("limit", self.limit, hint="1"))

    def __call__(self, gradients: Tree, key: jax.Array | None, t: Scalar) -> Tree:
        """The gradients, each entry in [-limit, limit]; NaN stays NaN.  key, t: not used."""
        return jax.tree.map(lambda g: jnp.clip(g, -self.limit, self.limit).astype(g.dtype), gradients)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AddNoise:
    """Adds Gaussian noise that fades: of variance stddev^2 / (1 + t)^decay at step t.

    stddev: in loss per unit of parameter, at the first step.  decay: a pure number.
    Source: Neelakantan et al. 2015, section 3, arXiv:1511.06807, where stddev^2 is one of 0.01, 0.3, 1.
    """

    stddev: Scalar
    decay: Scalar = 0.55

    def __post_init__(self) -> None:
        object.__setattr__(self, "stddev", positive("stddev", self.stddev, hint="0.1"))
        object.__setattr__(self, "decay", not_negative("decay", self.decay, hint="0.55"))

    def __call__(self, gradients: Tree, key: jax.Array, t: Scalar) -> Tree:
        """The gradients with noise.  key: a JAX key, another at every step.  t: steps taken so far, 0 at first."""
        leaves, tree = jax.tree.flatten(gradients)
        stddev = self.stddev * (1.0 + t) ** (-0.5 * self.decay)
        noisy = [
            g + (stddev * jax.random.normal(key, jnp.shape(g))).astype(g.dtype)
            for g, key in zip(leaves, jax.random.split(key, len(leaves)), strict=True)
        ]
        return jax.tree.unflatten(tree, noisy)
