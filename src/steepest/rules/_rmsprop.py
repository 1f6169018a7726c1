from typing import NamedTuple

from ..arrays import Array, Scalar, ratio, sqrt
from ._rule import rule


class RMSPropState(NamedTuple):
    """v: mean squared gradient."""

    v: Array = 0.0


@rule(RMSPropState, usual_learning_rate=1e-3)
def rmsprop(
    g: Array,
    state: RMSPropState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    decay: Scalar = 0.9,
    epsilon: Scalar = 1e-7,
) -> tuple[Array, RMSPropState]:
    """RMSProp: Adagrad that forgets, so that its steps need not shrink for ever.

        v    <- decay v + (1 - decay) g^2
        step  = -learning_rate g / sqrt(v + epsilon)

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.
    v: running mean of g^2, shaped like g, from 0.  learning_rate: units of parameter a step.
    decay: share of v kept each step, in [0, 1).  epsilon: in units of g^2, inside the root.
    Returns the step to add to the parameter, and the new state.
    v is not corrected for its start at 0: the first step is learning_rate / sqrt(1 - decay), 3.2 times the usual.
    Source: Tieleman & Hinton 2012, Coursera lecture 6.5; epsilon inside as in Graves 2013, arXiv:1308.0850, eq. 40.

    >>> step, state = rmsprop(2.0, RMSPropState(v=4.0), 2, learning_rate=0.1)
    >>> round(step, 6), round(state.v, 6)
    (-0.1, 4.0)
    """
    v = decay * state.v + (1 - decay) * g * g
    return -learning_rate * ratio(g, sqrt(v + epsilon)), RMSPropState(v)
