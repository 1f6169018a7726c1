from typing import Literal, NamedTuple

from ..arrays import Array, Scalar
from ._rule import rule


class MomentumState(NamedTuple):
    """v: velocity, in units of parameter a step; of gradient where the learning rate is outside."""

    v: Array = 0.0


@rule(MomentumState, usual_learning_rate=1e-2)
def momentum(
    g: Array,
    state: MomentumState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    momentum: Scalar = 0.9,
    rate_at: Literal["inside", "outside"] = "inside",
) -> tuple[Array, MomentumState]:
    """Momentum: a velocity that gathers past gradients and forgets them exponentially.

        v    <- momentum v - learning_rate g
        step  = v

    or, with the rate outside,

        v    <- momentum v - g
        step  = learning_rate v

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.
    v: velocity, shaped like g.  learning_rate: units of parameter squared per unit of loss.
    momentum: share of the velocity kept each step, in [0, 1); a steady gradient is amplified 1 / (1 - momentum) times.
    Returns the step to add to the parameter, and the new state.
    rate_at: with the learning rate inside the velocity, past gradients keep the rate of their own step when it changes.
    Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; in this form Sutskever et al. 2013, section 2.

    >>> step, state = momentum(2.0, MomentumState(v=-0.1), 2, learning_rate=0.1)
    >>> round(step, 6), round(state.v, 6)
    (-0.29, -0.29)
    """
    if rate_at == "inside":
        v = momentum * state.v - learning_rate * g
        return v, MomentumState(v)
    v = momentum * state.v - g
    return learning_rate * v, MomentumState(v)
