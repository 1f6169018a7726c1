from typing import NamedTuple

from ..arrays import Array, Scalar, ratio, sqrt
from ._rule import rule


class AdadeltaState(NamedTuple):
    """v: mean squared gradient.  u: mean squared step, before the learning rate."""

    v: Array = 0.0
    u: Array = 0.0


@rule(AdadeltaState, usual_learning_rate=1.0)
def adadelta(
    g: Array,
    state: AdadeltaState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    decay: Scalar = 0.95,
    epsilon: Scalar = 1e-6,
) -> tuple[Array, AdadeltaState]:
    """Adadelta: RMSProp whose learning rate is the size of its own recent steps.

        v    <- decay v + (1 - decay) g^2
        d     = sqrt(u + epsilon) / sqrt(v + epsilon) g
        u    <- decay u + (1 - decay) d^2
        step  = -learning_rate d

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.
    v, u: running means of g^2 and d^2, shaped like g, from 0.  d: the step Zeiler takes, in units of parameter.
    learning_rate: a pure number, 1 in the paper, which has none; it scales the step but not what u remembers of it.
    decay: share of v and u kept each step, in [0, 1).
    epsilon: inside both roots, so also what the first step grows from: about sqrt(epsilon / (1 - decay)).
    Returns the step to add to the parameter, and the new state.
    Source: Zeiler 2012, Algorithm 1, arXiv:1212.5701.

    >>> step, state = adadelta(2.0, AdadeltaState(v=4.0, u=0.01), 2, learning_rate=1.0)
    >>> round(step, 6), round(state.v, 6), round(state.u, 6)
    (-0.100005, 4.0, 0.01)
    """
    v = decay * state.v + (1 - decay) * g * g
    d = ratio(sqrt(state.u + epsilon) * g, sqrt(v + epsilon))
    u = decay * state.u + (1 - decay) * d * d
    return -learning_rate * d, AdadeltaState(v, u)
