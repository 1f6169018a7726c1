from typing import NamedTuple

from ..arrays import Array, Scalar, sign
from ._rule import rule


class LionState(NamedTuple):
    """m: mean gradient."""

    m: Array = 0.0


@rule(LionState, usual_learning_rate=1e-4)
def lion(
    g: Array,
    state: LionState,
    t: Scalar,
    *,
    parameter: Array,
    learning_rate: Scalar,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    weight_decay: Scalar = 0.0,
) -> tuple[Array, LionState]:
    """Lion: every entry moves by the learning rate, up or down, as a fast mean of the gradient says.

        step  = -learning_rate (sign(b1 m + (1 - b1) g) + weight_decay parameter)
        m    <- b2 m + (1 - b2) g

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.  parameter: shaped like g.
    m: running mean of g, shaped like g, from 0.  learning_rate: units of parameter a step, a third of Adam's or less.
    b1, b2: share of m kept in the sign and in m, in [0, 1).
    weight_decay: share of the parameter that goes each step, per unit of learning_rate.
    Returns the step to add to the parameter, and the new state.
    The sign is taken before m is renewed: b1 < b2 lets the newest gradient speak louder than m will remember it.
    Source: Chen et al. 2023, Algorithm 2, arXiv:2302.06675, where weight_decay is lambda.

    >>> step, state = lion(2.0, LionState(m=-0.1), 2, parameter=5.0, learning_rate=0.1, weight_decay=0.2)
    >>> round(step, 6), round(state.m, 6)
    (-0.2, -0.079)
    """
    step = -learning_rate * (sign(b1 * state.m + (1 - b1) * g) + weight_decay * parameter)
    return step, LionState(b2 * state.m + (1 - b2) * g)
