from typing import NamedTuple

from ..arrays import Array, Scalar
from ._rule import rule


class MomentumState(NamedTuple):
    """v: velocity, in units of parameter a step."""

    v: Array = 0.0


@rule(MomentumState, usual_learning_rate=1e-2)
def momentum(
    g: Array, state: MomentumState, t: Scalar, *, learning_rate: Scalar, momentum: Scalar = 0.9
) -> tuple[Array, MomentumState]:
    """Momentum: a velocity that gathers past gradients and forgets them exponentially.

        v    <- momentum v - learning_rate g
        step  = v

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.
    v: velocity, shaped like g.  learning_rate: units of parameter squared per unit of loss.
    momentum: share of the velocity kept each step, in [0, 1); a steady gradient is amplified 1 / (1 - momentum) times.
    Returns the step to add to the parameter, and the new state.
    The learning rate stands inside the velocity: past gradients keep the rate of their own step when it changes.
    Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; in this form Sutskever et al. 2013, section 2.

    >>> step, state = momentum(2.0, MomentumState(v=-0.1), 2, learning_rate=0.1)
    >>> round(step, 6), round(state.v, 6)
    (-0.29, -0.29)
    """
    v = momentum * state.v - learning_rate * g
    return v, MomentumState(v)
