"""Rates that fall, each along its own curve."""

import math
from dataclasses import dataclass
from typing import Any

import jax

from ..arrays import Array, Scalar
from ._schedule import Schedule


@dataclass(frozen=True)
class Decay(Schedule):
    """From one rate to another in so many steps, and constant after; subclasses say along which curve."""

    initial: Scalar
    final: Scalar
    steps: Scalar

    def _left(self, a: Array, space: Any) -> Array:
        """How much of the initial rate is left, from 1 to 0, when a share a of the steps is done."""
        raise NotImplementedError

    def _rate(self, k: Array, space: Any) -> Array:
        left = self._left(space.minimum(k / self.steps, 1.0), space)
        return left * self.initial + (1 - left) * self.final


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LinearDecay(Decay):
    """From one rate to another along a straight line, and constant after: (1 - a) initial + a final, a = k / steps.

    >>> decay = LinearDecay(0.1, 0.02, steps=100)
    >>> decay(0), round(decay(50), 6), decay(100), decay(1000)
    (0.1, 0.06, 0.02, 0.02)
    """

    def _left(self, a: Array, space: Any) -> Array:
        return 1 - a


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Polynomial(Decay):
    """From one rate to another along (1 - k / steps)^power, and constant after; power 1 is the straight line.

    >>> Polynomial(0.1, 0.02, steps=100, power=2.0)(50)
    0.04
    """

    power: Scalar = 2.0

    def _left(self, a: Array, space: Any) -> Array:
        return (1 - a) ** self.power


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Cosine(Decay):
    """From one rate to another along half a cosine wave, and constant after.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, without its restarts.

    >>> wave = Cosine(0.1, 0.02, steps=100)
    >>> wave(0), round(wave(50), 6), wave(100)
    (0.1, 0.06, 0.02)
    """

    def _left(self, a: Array, space: Any) -> Array:
        return 0.5 + 0.5 * space.cos(math.pi * a)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class InverseTime(Schedule):
    """initial / (1 + decay k)^power: the classic that meets the convergence condition for power in (1/2, 1].

    decay: per step.  Robbins & Monro 1951, doi:10.1214/aoms/1177729586.

    >>> InverseTime(0.1, decay=0.5)(2)
    0.05
    """

    initial: Scalar
    decay: Scalar
    power: Scalar = 1.0

    def _rate(self, k: Array, space: Any) -> Array:
        return self.initial / (1 + self.decay * k) ** self.power


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Exponential(Schedule):
    """initial factor^(k / steps): multiplied by the factor every so many steps, smoothly. A factor above 1 grows.

    >>> round(Exponential(0.1, factor=0.25, steps=100)(50), 6)
    0.05
    """

    initial: Scalar
    factor: Scalar
    steps: Scalar

    def _rate(self, k: Array, space: Any) -> Array:
        return self.initial * self.factor ** (k / self.steps)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Steps(Schedule):
    """A staircase: multiplied by the factor at once, every so many steps.

    >>> stairs = Steps(0.1, factor=0.5, every=100)
    >>> stairs(99), stairs(100), stairs(250)
    (0.1, 0.05, 0.025)
    """

    initial: Scalar
    factor: Scalar
    every: Scalar

    def _rate(self, k: Array, space: Any) -> Array:
        return self.initial * self.factor ** (k // self.every)
