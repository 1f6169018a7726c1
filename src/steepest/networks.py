"""Feedforward networks: layers of an affine map and an activation, the last one without."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import Array, not_negative
from .errors import InputError, unknown

ACTIVATIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = MappingProxyType(
    {
        "relu": jax.nn.relu,
        "leaky_relu": jax.nn.leaky_relu,
        "tanh": jnp.tanh,
        "logistic": jax.nn.sigmoid,
        "gelu": jax.nn.gelu,
        "silu": jax.nn.silu,
        "linear": lambda x: x,
    }
)


def _orthogonal_uniform(key: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """Orthogonal columns (or rows) from the QR decomposition of a uniform matrix."""
    tall = (max(shape), min(shape))
    q, r = jnp.linalg.qr(jax.random.uniform(key, tall, minval=-1.0, maxval=1.0))
    q = q * jnp.sign(jnp.diagonal(r))  # without this QR prefers some signs
    return q if shape == tall else q.T


INITIALIZERS: Mapping[str, Callable[..., jax.Array]] = MappingProxyType(
    {
        "he_normal": jax.nn.initializers.he_normal(),
        "he_uniform": jax.nn.initializers.he_uniform(),
        "glorot_normal": jax.nn.initializers.glorot_normal(),
        "glorot_uniform": jax.nn.initializers.glorot_uniform(),
        "lecun_normal": jax.nn.initializers.lecun_normal(),
        "lecun_uniform": jax.nn.initializers.lecun_uniform(),
        "orthogonal_normal": jax.nn.initializers.orthogonal(),
        "orthogonal_uniform": _orthogonal_uniform,
    }
)

_RECTIFIERS = ("relu", "leaky_relu", "gelu", "silu")


def _units(hidden: Iterable[int]) -> tuple[int, ...]:
    units = tuple(hidden) if isinstance(hidden, Iterable) else (None,)
    if any(not isinstance(one, int | np.integer) or isinstance(one, bool) or one < 1 for one in units):
        raise InputError(f"hidden must be positive whole numbers of units; received {hidden!r}. Try (64, 64).")
    return tuple(int(one) for one in units)


class Layer(NamedTuple):
    """weights: (inputs, outputs).  biases: (outputs,)."""

    weights: Array
    biases: Array


@dataclass(frozen=True)
class Network:
    """The shape of a feedforward network; without hidden layers it is linear or logistic regression.

    hidden: units of each hidden layer.  activation: one of ``ACTIVATIONS``.
    initializer: one of ``INITIALIZERS``; None takes He for rectifiers and Glorot for the others.
    scale: factor on the initial weights; 1 unless a deliberately bad start is wanted.
    Biases start at zero. Raises InputError for a name or number out of range.
    Sources: He et al. 2015 (arXiv:1502.01852); Glorot & Bengio 2010; LeCun et al. 1998; Saxe et al. 2014
    (arXiv:1312.6120).

    >>> Network(hidden=(8,)).initializer
    'he_normal'
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    initializer: str | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", _units(self.hidden))
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.initializer is None:
            default = "he_normal" if self.activation in _RECTIFIERS else "glorot_uniform"
            object.__setattr__(self, "initializer", default)
        if self.initializer not in INITIALIZERS:
            raise unknown("initializer", self.initializer, INITIALIZERS)
        object.__setattr__(self, "scale", not_negative("scale", self.scale, hint="1"))

    def init(self, key: jax.Array, inputs: int, outputs: int) -> tuple[Layer, ...]:
        """Fresh parameters, one Layer for each affine map, float32."""
        assert self.initializer is not None
        draw = INITIALIZERS[self.initializer]
        shapes = list(itertools.pairwise((inputs, *self.hidden, outputs)))
        keys = jax.random.split(key, len(shapes))
        return tuple(
            Layer(self.scale * draw(key, shape), jnp.zeros(shape[1])) for key, shape in zip(keys, shapes, strict=True)
        )

    def apply(self, parameters: tuple[Layer, ...], x: jax.Array) -> jax.Array:
        """Outputs (rows, outputs) for inputs x (rows, inputs): logits or predicted numbers."""
        activate = ACTIVATIONS[self.activation]
        for layer in parameters[:-1]:
            x = activate(x @ layer.weights + layer.biases)
        return x @ parameters[-1].weights + parameters[-1].biases
