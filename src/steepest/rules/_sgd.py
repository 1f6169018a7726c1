from typing import NamedTuple

from ..arrays import Array, Scalar
from ._rule import rule


class SGDState(NamedTuple):
    """Nothing: each step forgets the ones before."""


@rule(SGDState, usual_learning_rate=1e-2)
def sgd(g: Array, state: SGDState, t: Scalar, *, learning_rate: Scalar) -> tuple[Array, SGDState]:
    """Gradient descent: move against the gradient. With the gradient of a minibatch it is stochastic.

        step = -learning_rate g

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.
    learning_rate: units of parameter squared per unit of loss.
    Returns the step to add to the parameter, and the (empty) state.
    Source: Cauchy 1847, Méthode générale pour la résolution des systèmes d'équations simultanées; with sampled
    gradients, Robbins & Monro 1951, doi:10.1214/aoms/1177729586.

    >>> sgd(2.0, SGDState(), 1, learning_rate=0.1)
    (-0.2, SGDState())
    """
    return -learning_rate * g, state
