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
        "gelu": jax.nn.gelu,  # in its tanh form, within 1e-3 of x times the normal distribution
        "silu": jax.nn.silu,
        "linear": lambda x: x,
    }
)


def _truncated_normal(key: jax.Array, count: int) -> jax.Array:
    """Standard normal, cut off at two standard deviations and widened to variance 1."""
    return jax.random.truncated_normal(key, -2.0, 2.0, (count,)) / 0.87962566103423978


def _uniform(key: jax.Array, count: int) -> jax.Array:
    """Uniform with mean 0 and variance 1."""
    return jax.random.uniform(key, (count,), minval=-(3**0.5), maxval=3**0.5)


def _normal(key: jax.Array, count: int) -> jax.Array:
    return jax.random.normal(key, (count,))


def _he(drawn: jax.Array) -> jax.Array:
    return drawn * (2 / drawn.shape[0]) ** 0.5


def _glorot(drawn: jax.Array) -> jax.Array:
    return drawn * (2 / sum(drawn.shape)) ** 0.5


def _lecun(drawn: jax.Array) -> jax.Array:
    return drawn * (1 / drawn.shape[0]) ** 0.5


def _orthogonal(drawn: jax.Array) -> jax.Array:
    """Orthonormal columns (or rows) from the QR decomposition of what was drawn."""
    tall = drawn if drawn.shape[0] >= drawn.shape[1] else drawn.T
    q, r = jnp.linalg.qr(tall)
    q = q * jnp.sign(jnp.diagonal(r))  # without this QR prefers some signs
    return q if tall is drawn else q.T


# name: (how to draw entries of variance 1, how to make weights (inputs, outputs) of those drawn)
INITIALIZERS: Mapping[str, tuple[Callable[[jax.Array, int], jax.Array], Callable[[jax.Array], jax.Array]]] = (
    MappingProxyType(
        {
            "he_normal": (_truncated_normal, _he),
            "he_uniform": (_uniform, _he),
            "glorot_normal": (_truncated_normal, _glorot),
            "glorot_uniform": (_uniform, _glorot),
            "lecun_normal": (_truncated_normal, _lecun),
            "lecun_uniform": (_uniform, _lecun),
            "orthogonal_normal": (_normal, _orthogonal),
            "orthogonal_uniform": (_uniform, _orthogonal),
        }
    )
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

    hidden: tuple[int, ...] = (128,)
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
        """Fresh parameters, one Layer for each affine map, float32.

        All entries come from one draw: a draw for each layer would take four times as long to compile.
        """
        assert self.initializer is not None
        draw, weigh = INITIALIZERS[self.initializer]
        shapes = list(itertools.pairwise((inputs, *self.hidden, outputs)))
        ends = list(itertools.accumulate(rows * columns for rows, columns in shapes))
        drawn = draw(key, ends[-1])
        layers = []
        for shape, end in zip(shapes, ends, strict=True):
            weights = weigh(drawn[end - shape[0] * shape[1] : end].reshape(shape))
            layers.append(Layer(self.scale * weights, jnp.zeros(shape[1])))
        return tuple(layers)

    def apply(self, parameters: tuple[Layer, ...], x: jax.Array) -> jax.Array:
        """Outputs (rows, outputs) for inputs x (rows, inputs): logits or predicted numbers."""
        activate = ACTIVATIONS[self.activation]
        for layer in parameters[:-1]:
            x = activate(x @ layer.weights + layer.biases)
        return x @ parameters[-1].weights + parameters[-1].biases
